"""Collects the nodes and initializers of one ONNX graph.

Opset 20 plus ONNX Runtime's fused operators (domain `com.microsoft`). Weights are taken by openai-whisper's
parameter names from a checkpoint's arrays, and laid out as the operators want them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["Compute", "GraphWriter", "Tensors", "Weights"]

Compute = Literal["fp32", "fp16"]
Weights = Literal["fp32", "fp16"]
Tensors = Mapping[str, NDArray[Any]]

_OPSETS: Final = (("", 20), ("com.microsoft", 1))
_IR_VERSION: Final = 10  # what opset 20 needs, and every ONNX Runtime since 1.18 reads
_EPSILON: Final = 1e-5  # torch.nn.LayerNorm's default


class GraphWriter:
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
