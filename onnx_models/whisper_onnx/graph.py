"""Writes the two ONNX graphs of a Whisper model from its arrays: an encoder and a decoder.

Opset 20 plus ONNX Runtime's fused operators (domain `com.microsoft`). One decoder graph serves prompts (batch
1, many tokens) and steps (many slots, one token each). Shapes use B slots, S tokens, R rows of logits, D the
state, H heads of size d = D / H, A = 1500 audio positions, T = `n_text_ctx`, V the vocabulary.

Encoder: `mel` [B, n_mels, 3000] float32
    -> `encoder_output` [B, A, D], `cross_k_i`, `cross_v_i` [B, H, A, d] for each decoder layer i
Decoder: `tokens`, `positions` [B, S] int64; `rows` [R] int64, rows of the flattened [B * S] for which logits
are
    wanted; `seqlens_k` [B] int32, each slot's length after this run less one; `total_len` [1] int32, the
    largest length after this run; `self_k_i`, `self_v_i` [B, H, T, d]; `cross_k_i`, `cross_v_i` [B, H, A, d]
    -> `logits` [R, V] float32, `present_k_i`, `present_v_i` [B, H, T, d]
The caches' `present` outputs must be bound to the memory of the `self` inputs: GroupQueryAttention then
writes only the new rows, in place.

Operators: Attention is all of "Attention Is All You Need" (Vaswani et al. 2017) as in openai-whisper's
`model.py`; GroupQueryAttention with as many key as query heads is plain causal attention with a cache of
fixed size.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto

from .dims import N_FRAMES, Dims
from .graph_writer import Compute, GraphWriter, Tensors, Weights

__all__ = ["decoder_graph", "encoder_graph"]


def encoder_graph(
    dims: Dims, tensors: Tensors, *, compute: Compute = "fp32", weights: Weights = "fp32"
) -> onnx.ModelProto:
    """The encoder with the decoder's cross-attention projections. `tensors`: as `Checkpoint.tensors`."""
    w = GraphWriter(tensors, compute, weights)
    state = w.dtype
    w.input("mel", TensorProto.FLOAT, ["B", dims.n_mels, N_FRAMES])
    x = w.to_compute("mel")
    x = _conv_gelu(w, x, "encoder.conv1", stride=1)
    x = _conv_gelu(w, x, "encoder.conv2", stride=2)
    x = w.node("Transpose", [x], perm=[0, 2, 1])
    x = w.node("Add", [x, w.weight("encoder.positional_embedding")])
    blocks = [f"encoder.blocks.{layer}" for layer in range(dims.n_audio_layer)]
    normed = w.layer_norm(x, f"{blocks[0]}.attn_ln")
    for block, following in zip(
        blocks, [*(f"{b}.attn_ln" for b in blocks[1:]), "encoder.ln_post"], strict=True
    ):
        q, k, v = (
            w.node("MatMul", [normed, w.linear(f"{block}.attn.{p}")]) for p in ("query", "key", "value")
        )
        bias = w.qkv_bias(f"{block}.attn", dims.n_audio_state)
        attended = w.fused("MultiHeadAttention", [q, k, v, bias], num_heads=dims.n_audio_head)
        normed, x = w.project_add_norm(attended, x, f"{block}.attn.out", f"{block}.mlp_ln")
        normed, x = _mlp(w, normed, x, block, following)
    w.rename(normed, "encoder_output")
    normed = "encoder_output"
    w.output("encoder_output", state, ["B", dims.n_audio_ctx, dims.n_audio_state])
    for layer in range(dims.n_text_layer):
        cross = f"decoder.blocks.{layer}.cross_attn"
        value = w.node("MatMul", [normed, w.linear(f"{cross}.value")])
        value = w.node("Add", [value, w.weight(f"{cross}.value.bias")])
        key = w.node("MatMul", [normed, w.linear(f"{cross}.key")])
        for kind, projected in (("k", key), ("v", value)):
            heads = w.node("Reshape", [projected, w.ints([0, 0, dims.n_text_head, dims.text_head_dim])])
            w.node("Transpose", [heads], perm=[0, 2, 1, 3], output=f"cross_{kind}_{layer}")
            w.output(f"cross_{kind}_{layer}", state, _cross_shape(dims))
    return w.model("whisper_encoder")


def decoder_graph(
    dims: Dims, tensors: Tensors, *, compute: Compute = "fp32", weights: Weights = "fp32"
) -> onnx.ModelProto:
    """The decoder over static caches; see the module's docstring for its inputs and outputs."""
    w = GraphWriter(tensors, compute, weights)
    w.input("tokens", TensorProto.INT64, ["B", "S"])
    w.input("positions", TensorProto.INT64, ["B", "S"])
    w.input("rows", TensorProto.INT64, ["R"])
    w.input("seqlens_k", TensorProto.INT32, ["B"])
    w.input("total_len", TensorProto.INT32, [1])
    for layer in range(dims.n_text_layer):
        for kind in ("k", "v"):
            w.input(f"self_{kind}_{layer}", w.dtype, _self_shape(dims))
            w.input(f"cross_{kind}_{layer}", w.dtype, _cross_shape(dims))

    # One copy of the embedding serves the look-up and, transposed inside Gemm, the projection onto the
    # vocabulary.
    embedding = w.weight("decoder.token_embedding.weight")
    token = w.node("Gather", [embedding, "tokens"])
    position = w.node("Gather", [w.weight("decoder.positional_embedding"), "positions"])
    x = w.node("Add", [token, position])
    blocks = [f"decoder.blocks.{layer}" for layer in range(dims.n_text_layer)]
    normed = w.layer_norm(x, f"{blocks[0]}.attn_ln")
    nexts = [*(f"{b}.attn_ln" for b in blocks[1:]), "decoder.ln"]
    for layer, (block, following) in enumerate(zip(blocks, nexts, strict=True)):
        attended = _self_attention(w, normed, dims, layer)
        normed, x = w.project_add_norm(attended, x, f"{block}.attn.out", f"{block}.cross_attn_ln")
        attended = _cross_attention(w, normed, dims, layer)
        normed, x = w.project_add_norm(attended, x, f"{block}.cross_attn.out", f"{block}.mlp_ln")
        normed, x = _mlp(w, normed, x, block, following)
    flat = w.node("Reshape", [normed, w.ints([-1, dims.n_text_state])])
    wanted = w.node("Gather", [flat, "rows"])
    logits = w.node("Gemm", [wanted, embedding], transB=1)
    if w.dtype != TensorProto.FLOAT:
        logits = w.node("Cast", [logits], to=TensorProto.FLOAT)
    w.rename(logits, "logits")
    w.output("logits", TensorProto.FLOAT, ["R", dims.n_vocab])
    return w.model("whisper_decoder")


def _self_attention(w: GraphWriter, normed: str, dims: Dims, layer: int) -> str:
    """Causal attention over the slot's cache; appends this run's keys and values. [B, S, D] -> [B, S, D]."""
    attention = f"decoder.blocks.{layer}.attn"
    qkv = w.node("MatMul", [normed, w.qkv(attention)])
    qkv = w.node("Add", [qkv, w.qkv_bias(attention, dims.n_text_state)])
    present = [f"present_k_{layer}", f"present_v_{layer}"]
    attended = w.name("GroupQueryAttention")
    w.fused(
        "GroupQueryAttention",
        [qkv, "", "", f"self_k_{layer}", f"self_v_{layer}", "seqlens_k", "total_len"],
        outputs=[attended, *present],
        num_heads=dims.n_text_head,
        kv_num_heads=dims.n_text_head,
    )
    for name in present:
        w.output(name, w.dtype, _self_shape(dims))
    return attended


def _cross_attention(w: GraphWriter, normed: str, dims: Dims, layer: int) -> str:
    """Attention over the encoded audio of the slot. [B, S, D] -> [B, S, D]."""
    attention = f"decoder.blocks.{layer}.cross_attn"
    query = w.node("MatMul", [normed, w.linear(f"{attention}.query")])
    query = w.node("Add", [query, w.weight(f"{attention}.query.bias")])
    keys_values = [f"cross_k_{layer}", f"cross_v_{layer}"]
    return w.fused("MultiHeadAttention", [query, *keys_values], num_heads=dims.n_text_head)


def _mlp(w: GraphWriter, normed: str, residual: str, block: str, following: str) -> tuple[str, str]:
    hidden = w.node("MatMul", [normed, w.linear(f"{block}.mlp.0")])
    hidden = w.fused("BiasGelu", [hidden, w.weight(f"{block}.mlp.0.bias")])
    return w.project_add_norm(hidden, residual, f"{block}.mlp.2", following)


def _conv_gelu(w: GraphWriter, x: str, name: str, *, stride: int) -> str:
    inputs = [x, w.weight(f"{name}.weight"), w.weight(f"{name}.bias")]
    x = w.node("Conv", inputs, kernel_shape=[3], pads=[1, 1], strides=[stride])
    return w.node("Gelu", [x])


def _cross_shape(dims: Dims) -> list[int | str]:
    return ["B", dims.n_text_head, dims.n_audio_ctx, dims.text_head_dim]


def _self_shape(dims: Dims) -> list[int | str]:
    return ["B", dims.n_text_head, dims.n_text_ctx, dims.text_head_dim]
