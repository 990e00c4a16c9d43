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

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from .dims import N_FRAMES, Dims

__all__ = ["Compute", "Weights", "decoder_graph", "encoder_graph"]

Compute = Literal["fp32", "fp16"]
Weights = Literal["fp32", "fp16"]
Tensors = Mapping[str, NDArray[Any]]

_OPSETS: Final = (("", 20), ("com.microsoft", 1))
_IR_VERSION: Final = 10  # what opset 20 needs, and every ONNX Runtime since 1.18 reads
_EPSILON: Final = 1e-5  # torch.nn.LayerNorm's default


def encoder_graph(
    dims: Dims, tensors: Tensors, *, compute: Compute = "fp32", weights: Weights = "fp32"
) -> onnx.ModelProto:
    """The encoder with the decoder's cross-attention projections. `tensors`: as `Checkpoint.tensors`."""
    w = _Writer(tensors, compute, weights)
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
    w = _Writer(tensors, compute, weights)
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


def _self_attention(w: _Writer, normed: str, dims: Dims, layer: int) -> str:
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


def _cross_attention(w: _Writer, normed: str, dims: Dims, layer: int) -> str:
    """Attention over the encoded audio of the slot. [B, S, D] -> [B, S, D]."""
    attention = f"decoder.blocks.{layer}.cross_attn"
    query = w.node("MatMul", [normed, w.linear(f"{attention}.query")])
    query = w.node("Add", [query, w.weight(f"{attention}.query.bias")])
    keys_values = [f"cross_k_{layer}", f"cross_v_{layer}"]
    return w.fused("MultiHeadAttention", [query, *keys_values], num_heads=dims.n_text_head)


def _mlp(w: _Writer, normed: str, residual: str, block: str, following: str) -> tuple[str, str]:
    hidden = w.node("MatMul", [normed, w.linear(f"{block}.mlp.0")])
    hidden = w.fused("BiasGelu", [hidden, w.weight(f"{block}.mlp.0.bias")])
    return w.project_add_norm(hidden, residual, f"{block}.mlp.2", following)


def _conv_gelu(w: _Writer, x: str, name: str, *, stride: int) -> str:
    inputs = [x, w.weight(f"{name}.weight"), w.weight(f"{name}.bias")]
    x = w.node("Conv", inputs, kernel_shape=[3], pads=[1, 1], strides=[stride])
    return w.node("Gelu", [x])


def _cross_shape(dims: Dims) -> list[int | str]:
    return ["B", dims.n_text_head, dims.n_audio_ctx, dims.text_head_dim]


def _self_shape(dims: Dims) -> list[int | str]:
    return ["B", dims.n_text_head, dims.n_text_ctx, dims.text_head_dim]


class _Writer:
    """Collects nodes and initializers; every method that adds a node returns its output's name."""

    def __init__(self, tensors: Tensors, compute: Compute, weights: Weights) -> None:
        self._tensors = tensors
        self.dtype = TensorProto.FLOAT if compute == "fp32" else TensorProto.FLOAT16
        # fp16 arithmetic on weights stored wider would gain nothing.
        self._stored: DTypeLike = np.float16 if "fp16" in (compute, weights) else np.float32
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._count = 0

    def name(self, operator: str) -> str:
        self._count += 1
        return f"{operator}_{self._count}"

    def input(self, name: str, dtype: int, shape: list[int | str]) -> None:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def output(self, name: str, dtype: int, shape: list[int | str]) -> None:
        self._outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def node(self, operator: str, inputs: list[str], *, output: str | None = None, **attributes: Any) -> str:
        output = output or self.name(operator)
        self._nodes.append(
            helper.make_node(operator, inputs, [output], name=f"{operator}:{output}", **attributes)
        )
        return output

    def fused(
        self, operator: str, inputs: list[str], *, outputs: list[str] | None = None, **attributes: Any
    ) -> str:
        outputs = outputs or [self.name(operator)]
        self._nodes.append(
            helper.make_node(
                operator,
                inputs,
                outputs,
                name=f"{operator}:{outputs[0]}",
                domain="com.microsoft",
                **attributes,
            )
        )
        return outputs[0]

    def rename(self, old: str, new: str) -> None:
        """Gives the last node's output that is called `old` its public name; nothing may have read it yet."""
        outputs = self._nodes[-1].output
        outputs[list(outputs).index(old)] = new

    def weight(self, name: str) -> str:
        return self._constant(name, self._tensors[name])

    def linear(self, name: str) -> str:
        """The weight of a torch Linear, transposed to [in, out] for MatMul."""
        return self._constant(f"{name}.weight_t", self._tensors[f"{name}.weight"].T)

    def qkv(self, attention: str) -> str:
        """The three input projections side by side: [D, 3 D]."""
        parts = [self._tensors[f"{attention}.{p}.weight"].T for p in ("query", "key", "value")]
        return self._constant(f"{attention}.qkv_t", np.concatenate(parts, axis=1))

    def qkv_bias(self, attention: str, state: int) -> str:
        """Their biases, [3 D]; the key has none."""
        query, value = (self._tensors[f"{attention}.{p}.bias"] for p in ("query", "value"))
        return self._constant(
            f"{attention}.qkv_bias", np.concatenate([query, np.zeros(state, query.dtype), value])
        )

    def ints(self, values: list[int]) -> str:
        name = "ints_" + "_".join(str(value) for value in values)
        self._initializers[name] = numpy_helper.from_array(np.array(values, np.int64), name)
        return name

    def layer_norm(self, x: str, name: str) -> str:
        inputs = [x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=_EPSILON)

    def project_add_norm(self, x: str, residual: str, projection: str, norm: str) -> tuple[str, str]:
        """`x` @ projection + residual, and its LayerNorm: (normed, new residual)."""
        projected = self.node("MatMul", [x, self.linear(projection)])
        normed, added = self.name("SkipLayerNormalization"), self.name("Residual")
        norms = [self.weight(f"{norm}.weight"), self.weight(f"{norm}.bias")]
        bias = self.weight(f"{projection}.bias")
        self.fused(
            "SkipLayerNormalization",
            [projected, residual, *norms, bias],
            outputs=[normed, "", "", added],
            epsilon=_EPSILON,
        )
        return normed, added

    def to_compute(self, x: str) -> str:
        return x if self.dtype == TensorProto.FLOAT else self.node("Cast", [x], to=self.dtype)

    def model(self, name: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, list(self._initializers.values())
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="whisper_onnx"
        )

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        """An initializer, in the compute type as the graph sees it; a Cast that the runtime folds at load."""
        if name in self._initializers:
            return name if self._dtype_is_stored() else f"{name}.cast"
        stored = np.ascontiguousarray(values, dtype=self._stored)
        self._initializers[name] = numpy_helper.from_array(stored, name)
        if self._dtype_is_stored():
            return name
        return self.node("Cast", [name], to=self.dtype, output=f"{name}.cast")

    def _dtype_is_stored(self) -> bool:
        return helper.np_dtype_to_tensor_dtype(np.dtype(self._stored)) == self.dtype
