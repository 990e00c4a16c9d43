"""Writes the two ONNX graphs of a Whisper model from its arrays: an encoder and a decoder.

Opset 20 plus ONNX Runtime's fused operators (domain `com.microsoft`). One decoder graph serves prompts (batch
1, many tokens) and steps (many slots, one token each). Shapes use B slots, S tokens, R rows of logits, D the
state, H heads of size d = D / H, A = 1500 audio positions, T = `n_text_ctx`, V the vocabulary.

Encoder: `mel` [B, n_mels, 3000] float32
    -> `encoder_output` [B, A, D], `cross_k_i`, `cross_v_i` [B, H, A, d] for each decoder layer i; for fp16,
    which runs on GPUs, [B, A, D]: flash attention reads that as it lies, and would turn the other over for
    every token
Decoder: `tokens`, `positions` [B, S] int64; `rows` [R] int64, rows of the flattened [B * S] for which
    logits are wanted; `seqlens_k` [B] int32, each slot's length after this run less one; `total_len` [1]
    int32, the largest length after this run; `self_k_i`, `self_v_i` [B, H, T, d]; `cross_k_i`, `cross_v_i`
    as the encoder gives them
    -> `logits` [R, V] float32, `present_k_i`, `present_v_i` [B, H, T, d]; for a pass that aligns words with
    audio also `cross_query_i` [B, S, D], the cross-attention's queries with bias, not scaled by 1 / sqrt(d)
For int8 the cross-attention's cache is int8, with `cross_k_scale_i`, `cross_v_scale_i` [B, 1, D] float32, the
value of one step in each channel, among the encoder's outputs and the decoder's inputs, and the decoder also
has outputs `present_cross_k_i`, `present_cross_v_i`.
The caches' `present` outputs must be bound to the memory of the `self` (and `cross`) inputs:
GroupQueryAttention then writes only the new rows, in place.

Operators: Attention is all of "Attention Is All You Need" (Vaswani et al. 2017) as in openai-whisper's
`model.py`; GroupQueryAttention with as many key as query heads is plain causal attention with a cache of
fixed size.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import TensorProto

from .dims import N_FRAMES, Dims
from .graph_writer import Bytes, Compute, GraphWriter, Tensors, Weights
from .weight_files import WeightSink

__all__ = ["decoder_graph", "encoder_graph"]

# Width of the encoder from which int8 also has the projections of its self-attention in bytes. In the small
# trained demo model they are most of the error that bytes bring (0.012 of the output's rms, 0.008 without)
# and a tenth of the time; in small's shape a sixth of the time, and they add next to nothing to what the
# other layers bring (0.0215 against 0.0196, random weights).
_WIDE: Final = 768


def encoder_graph(
    dims: Dims,
    tensors: Tensors,
    *,
    compute: Compute = "fp32",
    weights: Weights = "fp32",
    data: WeightSink | None = None,
) -> onnx.ModelProto:
    """The encoder with the decoder's cross-attention projections. `tensors`: as `Checkpoint.tensors`.

    `data`: where the weights go; None keeps them in the graph, which then cannot exceed 2 GiB.
    """
    w = GraphWriter(tensors, compute, weights, data)
    w.input("mel", TensorProto.FLOAT, ["B", dims.n_mels, N_FRAMES])
    blocks = [f"encoder.blocks.{layer}" for layer in range(dims.n_audio_layer)]
    nexts = [*(f"{block}.attn_ln" for block in blocks[1:]), "encoder.ln_post"]
    with w.scope("encoder"):
        x = _convolutions(w)
        normed = w.layer_norm(x, f"{blocks[0]}.attn_ln")
        for layer, (block, following) in enumerate(zip(blocks, nexts, strict=True)):
            with w.scope(f"blocks.{layer}"):
                normed, x = _encoder_block(w, (normed, x), dims, block, following)
    w.rename(normed, "encoder_output")
    w.output("encoder_output", w.dtype, ["B", dims.n_audio_ctx, dims.n_audio_state])
    for layer in range(dims.n_text_layer):
        with w.scope(f"decoder/blocks.{layer}/cross_attn"):
            _cross_projections(w, "encoder_output", dims, layer)
    return w.model("whisper_encoder")


def decoder_graph(
    dims: Dims,
    tensors: Tensors,
    *,
    compute: Compute = "fp32",
    weights: Weights = "fp32",
    data: WeightSink | None = None,
) -> onnx.ModelProto:
    """The decoder over static caches; see the module's docstring for its inputs and outputs."""
    w = GraphWriter(tensors, compute, weights, data)
    w.input("tokens", TensorProto.INT64, ["B", "S"])
    w.input("positions", TensorProto.INT64, ["B", "S"])
    w.input("rows", TensorProto.INT64, ["R"])
    w.input("seqlens_k", TensorProto.INT32, ["B"])
    w.input("total_len", TensorProto.INT32, [1])
    for layer in range(dims.n_text_layer):
        for kind in ("k", "v"):
            w.input(f"self_{kind}_{layer}", w.dtype, _self_shape(dims))
            w.input(f"cross_{kind}_{layer}", _cross_type(w), _cross_shape(w, dims))
            if w.int8:
                w.input(f"cross_{kind}_scale_{layer}", w.dtype, ["B", 1, dims.n_text_state])
    blocks = [f"decoder.blocks.{layer}" for layer in range(dims.n_text_layer)]
    nexts = [*(f"{block}.attn_ln" for block in blocks[1:]), "decoder.ln"]
    with w.scope("decoder"):
        # One copy of the embedding serves the look-up and, transposed inside Gemm, the projection onto the
        # vocabulary.
        with w.scope("embedding"):
            token = w.look_up("decoder.token_embedding.weight", "tokens", stored="blocks")
            position = w.look_up("decoder.positional_embedding", "positions")
            x = w.node("Add", [token, position])
        normed = w.layer_norm(x, f"{blocks[0]}.attn_ln")
        for layer, following in enumerate(nexts):
            with w.scope(f"blocks.{layer}"):
                normed, x = _decoder_block(w, (normed, x), dims, layer, following)
        with w.scope("logits"):
            flat = w.node("Reshape", [normed, w.ints([-1, dims.n_text_state])])
            wanted = w.node("Gather", [flat, "rows"])
            logits = w.vocabulary(wanted, "decoder.token_embedding.weight")
    w.rename(logits, "logits")
    w.output("logits", TensorProto.FLOAT, ["R", dims.n_vocab])
    return w.model("whisper_decoder")


def _convolutions(w: GraphWriter) -> str:
    """`mel` -> [B, A, D], the positions added."""
    x = w.to_compute("mel")
    if w.for_gpu:
        return _convolutions_as_products(w, x)
    for conv, stride in (("conv1", 1), ("conv2", 2)):
        with w.scope(conv):
            inputs = [x, w.weight(f"encoder.{conv}.weight"), w.weight(f"encoder.{conv}.bias")]
            x = w.node("Conv", inputs, kernel_shape=[3], pads=[1, 1], strides=[stride])
            x = w.node("Gelu", [x])
    x = w.node("Transpose", [x], perm=[0, 2, 1])
    return w.node("Add", [x, w.weight("encoder.positional_embedding")])


def _convolutions_as_products(w: GraphWriter, x: str) -> str:
    """The same, the three inputs of each output side by side and one product with all of them.

    Three frames of the mel are copied side by side, which costs nothing beside the blocks that follow; and
    cuDNN, which would search for its fastest algorithm anew for every number of windows, has no part in it.
    """
    with w.scope("conv1"):
        padded = _between_zeros(w, w.node("Transpose", [x], perm=[0, 2, 1]))
        parts = [_rows(w, padded, first, N_FRAMES) for first in range(3)]
        x = _convolved(w, "conv1", w.node("Concat", parts, axis=2))
    with w.scope("conv2"):
        # Two frames to a row: an output's three frames are a row and the first half of the next.
        width, count = w.width("encoder.conv2.weight"), N_FRAMES // 2
        pairs = w.node("Reshape", [_between_zeros(w, x), w.ints([0, count + 1, 2 * width])])
        half = w.node("Slice", [pairs, w.ints([1, 0]), w.ints([count + 1, width]), w.ints([1, 2])])
        x = _convolved(w, "conv2", w.node("Concat", [_rows(w, pairs, 0, count), half], axis=2))
    return w.node("Add", [x, w.weight("encoder.positional_embedding")])


def _between_zeros(w: GraphWriter, x: str) -> str:
    """`x` [B, N, D] with a row of zeros at either end: [B, N + 2, D].

    Not by Pad, of which CUDA has no kernel in this opset: it would run on the CPU, and say nothing.
    """
    zeros = w.node("Mul", [_rows(w, x, 0, 1), w.nothing()])
    return w.node("Concat", [zeros, x, zeros], axis=1)


def _rows(w: GraphWriter, x: str, first: int, count: int) -> str:
    """`count` rows of `x` [B, N, D] from the row `first` on."""
    return w.node("Slice", [x, w.ints([first]), w.ints([first + count]), w.ints([1])])


def _convolved(w: GraphWriter, conv: str, x: str) -> str:
    """gelu(x @ kernel + bias) for `x` [B, N, 3 in], the frames of each output side by side."""
    product = w.node("MatMul", [x, w.kernel(f"encoder.{conv}.weight")])
    return w.fused("BiasGelu", [product, w.weight(f"encoder.{conv}.bias")])


def _encoder_block(
    w: GraphWriter, before: tuple[str, str], dims: Dims, block: str, following: str
) -> tuple[str, str]:
    """The norm of x, and x [B, A, D] -> the same after this block, normed by `following`."""
    normed, x = before
    attention = f"{block}.attn"
    with w.scope("attn"):
        stored: Bytes = "channels" if dims.n_audio_state >= _WIDE else "none"
        # Given biases, the GPU's operator copies all three before it attends. So the query's is added before,
        # and the value's, which passes through weights whose sum is 1, to what the output is projected by.
        qkv = [
            w.linear(normed, f"{attention}.{p}", bias=w.for_gpu and p == "query", stored=stored)
            for p in ("query", "key", "value")
        ]
        biases = [] if w.for_gpu else [w.qkv_bias(attention, dims.n_audio_state)]
        attended = w.fused("MultiHeadAttention", [*qkv, *biases], num_heads=dims.n_audio_head)
        out_bias = w.out_and_value_bias(attention) if w.for_gpu else None
        normed, x = w.project_add_norm(
            attended, x, f"{attention}.out", f"{block}.mlp_ln", stored=stored, bias=out_bias
        )
    return _mlp(w, (normed, x), block, following, stored="channels")


def _cross_projections(w: GraphWriter, audio: str, dims: Dims, layer: int) -> None:
    """The keys and values that the decoder's layer reads the audio by: [B, A, D] -> the caches' shape."""
    cross = f"decoder.blocks.{layer}.cross_attn"
    for kind, projection in (("k", "key"), ("v", "value")):
        projected = w.linear(audio, f"{cross}.{projection}", bias=projection == "value", stored="channels")
        if w.int8:
            projected, step = w.rounded(projected, 1, np.array(0, np.int8))
            scale = w.node("Identity", [step], output=f"cross_{kind}_scale_{layer}")
            w.output(scale, w.dtype, ["B", 1, dims.n_text_state])
        if w.for_gpu:
            w.rename(projected, f"cross_{kind}_{layer}")
        else:
            heads = w.node("Reshape", [projected, w.ints([0, 0, dims.n_text_head, dims.text_head_dim])])
            w.node("Transpose", [heads], perm=[0, 2, 1, 3], output=f"cross_{kind}_{layer}")
        w.output(f"cross_{kind}_{layer}", _cross_type(w), _cross_shape(w, dims))


def _decoder_block(
    w: GraphWriter, before: tuple[str, str], dims: Dims, layer: int, following: str
) -> tuple[str, str]:
    """The norm of x, and x [B, S, D] -> the same after this block, normed by `following`."""
    normed, x = before
    block = f"decoder.blocks.{layer}"
    with w.scope("attn"):
        attended = _self_attention(w, normed, dims, layer)
        normed, x = w.project_add_norm(attended, x, f"{block}.attn.out", f"{block}.cross_attn_ln")
    with w.scope("cross_attn"):
        attended = _cross_attention(w, normed, dims, layer)
        normed, x = w.project_add_norm(attended, x, f"{block}.cross_attn.out", f"{block}.mlp_ln")
    return _mlp(w, (normed, x), block, following, stored="blocks")


def _self_attention(w: GraphWriter, normed: str, dims: Dims, layer: int) -> str:
    """Causal attention over the slot's cache; appends this run's keys and values. [B, S, D] -> [B, S, D]."""
    qkv = w.qkv(normed, f"decoder.blocks.{layer}.attn", dims.n_text_state)
    present = [f"present_k_{layer}", f"present_v_{layer}"]
    for name in present:
        w.output(name, w.dtype, _self_shape(dims))
    return w.fused(
        "GroupQueryAttention",
        [qkv, "", "", f"self_k_{layer}", f"self_v_{layer}", "seqlens_k", "total_len"],
        outputs=present,
        num_heads=dims.n_text_head,
        kv_num_heads=dims.n_text_head,
    )


def _cross_attention(w: GraphWriter, normed: str, dims: Dims, layer: int) -> str:
    """Attention over the encoded audio of the slot. [B, S, D] -> [B, S, D]."""
    query = w.linear(normed, f"decoder.blocks.{layer}.cross_attn.query")
    query = w.rename(query, f"cross_query_{layer}")
    w.output(query, w.dtype, ["B", "S", dims.n_text_state])
    keys_values = [f"cross_k_{layer}", f"cross_v_{layer}"]
    if w.int8:
        return _cross_attention_to_bytes(w, query, keys_values, dims, layer)
    return w.fused("MultiHeadAttention", [query, *keys_values], num_heads=dims.n_text_head)


def _cross_attention_to_bytes(
    w: GraphWriter, query: str, keys_values: list[str], dims: Dims, layer: int
) -> str:
    """The same over a cache of bytes, a quarter of what a step would read.

    Only GroupQueryAttention reads such caches. It is given no new keys and values, so all it does to the
    cache is to read it; but it must be handed the same memory as `present`, or it would copy it. Scales by
    channel and slot are more than it takes: the keys' are multiplied into the query, the values' into the
    result.
    """
    batch = w.node("Shape", ["tokens"], start=0, end=1)
    nothing = w.node("ConstantOfShape", [w.node("Concat", [batch, w.ints([0, dims.n_text_state])], axis=0)])
    last = w.node("Expand", [w.int32([dims.n_audio_ctx - 1]), batch])
    one = w.floats([1.0])
    present = [f"present_cross_{kind}_{layer}" for kind in ("k", "v")]
    for name in present:
        w.output(name, TensorProto.INT8, _cross_shape(w, dims))
    scaled = w.node("Mul", [query, f"cross_k_scale_{layer}"])
    inputs = [scaled, nothing, nothing, *keys_values, last, w.int32([dims.n_audio_ctx])]
    attended = w.fused(
        "GroupQueryAttention",
        [*inputs, "", "", "", "", "", one, one],
        outputs=present,
        num_heads=dims.n_text_head,
        kv_num_heads=dims.n_text_head,
        causal=0,
        kv_cache_bit_width=8,
        k_quant_type="PER_TENSOR",
        v_quant_type="PER_TENSOR",
    )
    return w.node("Mul", [attended, f"cross_v_scale_{layer}"])


def _mlp(
    w: GraphWriter, before: tuple[str, str], block: str, following: str, *, stored: Bytes
) -> tuple[str, str]:
    """The norm of x, and x -> the same after the two layers and the residual, normed by `following`."""
    normed, x = before
    with w.scope("mlp"):
        hidden = w.linear(normed, f"{block}.mlp.0", bias=False, stored=stored)
        hidden = w.fused("BiasGelu", [hidden, w.weight(f"{block}.mlp.0.bias")])
        return w.project_add_norm(hidden, x, f"{block}.mlp.2", following, stored=stored)


def _cross_type(w: GraphWriter) -> int:
    return TensorProto.INT8 if w.int8 else w.dtype


def _cross_shape(w: GraphWriter, dims: Dims) -> list[int | str]:
    if w.for_gpu:
        return ["B", dims.n_audio_ctx, dims.n_text_state]
    return ["B", dims.n_text_head, dims.n_audio_ctx, dims.text_head_dim]


def _self_shape(dims: Dims) -> list[int | str]:
    return ["B", dims.n_text_head, dims.n_text_ctx, dims.text_head_dim]
