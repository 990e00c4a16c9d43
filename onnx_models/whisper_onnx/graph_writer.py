"""Collects the nodes and initializers of one ONNX graph.

Opset 20 plus ONNX Runtime's fused operators (domain `com.microsoft`). Weights are taken by openai-whisper's
parameter names from a checkpoint's arrays, and laid out as the operators want them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from .errors import BundleError
from .manifest import Compute
from .quantise import ZERO, quantise_blocks, quantise_channels
from .weight_files import WeightSink

__all__ = ["Bytes", "Compute", "GraphWriter", "Tensors", "Weights"]

Bytes = Literal["blocks", "channels", "none"]  # how int8 stores a matrix (quantise.py); none: not at all
Weights = Literal["exact", "fp32", "fp16"]  # exact: fp16 for each tensor where that loses nothing, else fp32
Tensors = Mapping[str, NDArray[Any]]

_OPSETS: Final = (("", 20), ("com.microsoft", 1))
_IR_VERSION: Final = 10  # what opset 20 needs, and every ONNX Runtime since 1.18 reads
_BLOCK: Final = (
    16  # inputs that share the scale of an 8-bit weight; 32 are no faster, and 1.1 to 1.5 times as far off
)
_SMALLEST: Final = 1e-20  # keeps a scale above zero where everything to be rounded is zero
_EPSILON: Final = 1e-5  # torch.nn.LayerNorm's default


class GraphWriter:
    """Collects nodes and initializers; every method that adds a node returns its output's name."""

    def __init__(
        self, tensors: Tensors, compute: Compute, weights: Weights, data: WeightSink | None = None
    ) -> None:
        """`data`: where the weights go; None keeps them in the graph."""
        self._tensors = tensors
        self._data = data
        self.int8 = compute == "int8"
        self.for_gpu = compute == "fp16"  # then the graphs are laid out as CUDA's operators like them
        self.dtype = TensorProto.FLOAT16 if compute == "fp16" else TensorProto.FLOAT
        # fp16 arithmetic on weights stored wider would gain nothing.
        self._weights = "fp16" if compute == "fp16" else weights
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._casts: dict[str, str] = {}
        self._rounded: dict[str, tuple[str, str]] = {}  # by the value rounded: bytes, scales
        self._scope = ""
        self._taken: dict[str, int] = {}

    @contextmanager
    def scope(self, part: str) -> Iterator[None]:
        """Within it, nodes are called /.../part/Operator, which viewers such as Netron show as a tree."""
        outer = self._scope
        self._scope = f"{outer}/{part}"
        yield
        self._scope = outer

    def name(self, operator: str) -> str:
        """A new name in the current scope, for a node or a value."""
        name = f"{self._scope}/{operator}"
        count = self._taken[name] = self._taken.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"

    def input(self, name: str, dtype: int, shape: list[int | str]) -> None:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def output(self, name: str, dtype: int, shape: list[int | str]) -> None:
        self._outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def node(self, operator: str, inputs: list[str], *, output: str | None = None, **attributes: Any) -> str:
        name = self.name(operator)
        self._nodes.append(helper.make_node(operator, inputs, [output or name], name=name, **attributes))
        return output or name

    def fused(
        self, operator: str, inputs: list[str], *, outputs: list[str] | None = None, **attributes: Any
    ) -> str:
        """A node of `com.microsoft`; `outputs` names those after the first, "" leaves one out."""
        name = self.name(operator)
        all_outputs = [name, *(outputs or [])]
        self._nodes.append(
            helper.make_node(operator, inputs, all_outputs, name=name, domain="com.microsoft", **attributes)
        )
        return name

    def rename(self, old: str, new: str) -> str:
        """Gives the last node's output that is called `old` its public name; nothing may have read it yet."""
        outputs = self._nodes[-1].output
        outputs[list(outputs).index(old)] = new
        return new

    def weight(self, name: str) -> str:
        return self._constant(name, self._tensors[name])

    def look_up(self, name: str, rows: str, *, stored: Bytes = "none") -> str:
        """Rows of the table `name` [N, D] by number, in the compute type: [..., D].

        The rows are cast, not the table, which then stays in memory no wider than it is stored.
        """
        if self.int8 and stored == "blocks" and self._tensors[name].shape[1] % _BLOCK == 0:
            return self._look_up_blocks(name, rows)
        found = self.node("Gather", [self._stored(name, self._tensors[name]), rows])
        if self._initializers[name].data_type == self.dtype:
            return found
        return self.node("Cast", [found], to=self.dtype)

    def _look_up_blocks(self, name: str, rows: str) -> str:
        """The same from the bytes that the projection onto the vocabulary multiplies by: no second table."""
        table, scales = self._blocks(name, self._tensors[name])
        inputs = [table, rows, self.node("Unsqueeze", [scales, self.ints([2])])]
        found = self.fused("GatherBlockQuantized", inputs, bits=8, block_size=_BLOCK, quantize_axis=2)
        return self.node("Reshape", [found, self.ints([0, 0, -1])])

    def _blocks(self, name: str, weight: NDArray[Any]) -> tuple[str, str]:
        """The matrix as `quantise_blocks` stores it: names of the bytes and of the scales."""
        names = f"{name}.int8", f"{name}.scales"
        if names[0] not in self._initializers:
            stored, scales = quantise_blocks(weight, _BLOCK)
            self._initializer(names[0], stored)
            self._initializer(names[1], scales)
        return names

    def linear(self, x: str, name: str, *, bias: bool = True, stored: Bytes = "blocks") -> str:
        """A torch Linear: `x` [..., in] -> [..., out]. `stored`: how, when the graph computes in int8."""
        vector = self.weight(f"{name}.bias") if bias else ""
        return self._product(x, f"{name}.weight", self._tensors[f"{name}.weight"], vector, stored)

    def qkv(self, x: str, attention: str, state: int) -> str:
        """The three input projections of self-attention side by side: [..., D] -> [..., 3 D]."""
        parts = [self._tensors[f"{attention}.{p}.weight"] for p in ("query", "key", "value")]
        bias = self.qkv_bias(attention, state)
        return self._product(x, f"{attention}.qkv.weight", np.concatenate(parts), bias, "blocks")

    def qkv_bias(self, attention: str, state: int) -> str:
        """Their biases, [3 D]; the key has none."""
        query, value = (self._tensors[f"{attention}.{p}.bias"] for p in ("query", "value"))
        return self._constant(
            f"{attention}.qkv_bias", np.concatenate([query, np.zeros(state, query.dtype), value])
        )

    def out_and_value_bias(self, attention: str) -> str:
        """The bias of an attention's output where its values had none: b_out + W_out b_value, [D]."""
        matrix, value = self._tensors[f"{attention}.out.weight"], self._tensors[f"{attention}.value.bias"]
        own = self._tensors[f"{attention}.out.bias"].astype(np.float32)
        whole = own + matrix.astype(np.float32) @ value.astype(np.float32)
        return self._constant(f"{attention}.out.bias_with_value", whole)

    def kernel(self, name: str) -> str:
        """A convolution's kernel [out, in, 3] as the matrix [3 in, out] for frames that lie side by side."""
        kernel = self._tensors[name]
        return self._constant(f"{name}_t", kernel.transpose(2, 1, 0).reshape(-1, len(kernel)))

    def width(self, name: str) -> int:
        """The number of inputs of the weight `name` [out, in, ...]."""
        return int(self._tensors[name].shape[1])

    def rounded(self, x: str, axis: int, zero: NDArray[Any]) -> tuple[str, str]:
        """`x` in bytes of `zero`'s type around it, and the value of one step: max|x| / 127 along `axis`.

        The steps have `x`'s shape, but for a 1 in the place of `axis`.
        """
        largest = self.node("ReduceMax", [self.node("Abs", [x]), self.ints([axis])], keepdims=1)
        step = self.node("Add", [self.node("Mul", [largest, self.scalar(1 / 127)]), self.scalar(_SMALLEST)])
        around = self._initializer(f"zero_{zero.dtype}", zero)
        return self.node("QuantizeLinear", [self.node("Div", [x, step]), self.scalar(1), around]), step

    def scalar(self, value: float) -> str:
        return self._initializer(f"float_{value:.6g}", np.array(value, np.float32))

    def nothing(self) -> str:
        """Zero in the compute type."""
        return self._initializer("zero", np.array(0, helper.tensor_dtype_to_np_dtype(self.dtype)))

    def floats(self, values: list[float]) -> str:
        name = "floats_" + "_".join(f"{value:.6g}" for value in values)
        return self._initializer(name, np.array(values, np.float32))

    def int32(self, values: list[int]) -> str:
        return self._initializer("int32_" + "_".join(map(str, values)), np.array(values, np.int32))

    def ints(self, values: list[int]) -> str:
        return self._initializer(
            "ints_" + "_".join(str(value) for value in values), np.array(values, np.int64)
        )

    def layer_norm(self, x: str, name: str) -> str:
        inputs = [x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=_EPSILON)

    def project_add_norm(
        self,
        x: str,
        residual: str,
        projection: str,
        norm: str,
        *,
        stored: Bytes = "blocks",
        bias: str | None = None,
    ) -> tuple[str, str]:
        """`x` @ projection + residual, and its LayerNorm: (normed, new residual).

        `bias`: a value instead of the projection's own bias.
        """
        projected = self.linear(x, projection, bias=False, stored=stored)
        added = self.name("residual")
        norms = [self.weight(f"{norm}.weight"), self.weight(f"{norm}.bias")]
        bias = bias or self.weight(f"{projection}.bias")
        normed = self.fused(
            "SkipLayerNormalization",
            [projected, residual, *norms, bias],
            outputs=["", "", added],
            epsilon=_EPSILON,
        )
        return normed, added

    def vocabulary(self, x: str, name: str) -> str:
        """`x` [R, D] times the transpose of the embedding `name` [V, D]: [R, V] float32."""
        if self.int8:
            return self._product(x, name, self._tensors[name], "", "blocks")
        logits = self.node("Gemm", [x, self.weight(name)], transB=1)
        return (
            logits if self.dtype == TensorProto.FLOAT else self.node("Cast", [logits], to=TensorProto.FLOAT)
        )

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

    def _product(self, x: str, name: str, weight: NDArray[Any], bias: str, stored: Bytes) -> str:
        """`x` [..., in] times the transpose of `weight` [out, in], plus `bias` [out] where it has a name."""
        if self.int8 and stored == "blocks":
            return self._product_of_blocks(x, name, weight, bias)
        if self.int8 and stored == "channels":
            product = self._product_of_channels(x, name, weight)
        else:
            product = self.node("MatMul", [x, self._constant(f"{name}_t", weight.T)])
        return self.node("Add", [product, bias]) if bias else product

    def _product_of_blocks(self, x: str, name: str, weight: NDArray[Any], bias: str) -> str:
        inputs = [x, *self._blocks(name, weight)]
        return self.fused(
            "MatMulNBits",
            [*inputs, "", "", bias] if bias else inputs,
            K=weight.shape[1],
            N=weight.shape[0],
            bits=8,
            block_size=_BLOCK,
            accuracy_level=4,  # activations in bytes as well, by the same blocks
        )

    def _product_of_channels(self, x: str, name: str, weight: NDArray[Any]) -> str:
        zero = np.array(ZERO, np.uint8)  # unsigned activations are what CPUs multiply fastest
        if x not in self._rounded:
            self._rounded[x] = self.rounded(x, -1, zero)
        rounded, row_scales = self._rounded[x]
        stored, scales = quantise_channels(weight)
        inputs = [
            rounded,
            self._initializer(f"{name}.int8", stored.T),
            self.scalar(1),  # the rows' scales are more than the one that the operator takes
            self._initializer(f"{name}.scales", scales),
            self._initializer("zero_uint8", zero),
        ]
        return self.node("Mul", [self.fused("MatMulIntegerToFloat", inputs), row_scales])

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        """An initializer, in the compute type as the graph sees it; a Cast that the runtime folds at load."""
        self._stored(name, values)
        if self._initializers[name].data_type == self.dtype:
            return name
        if name not in self._casts:
            self._casts[name] = self.node("Cast", [name], to=self.dtype, output=f"{name}.cast")
        return self._casts[name]

    def _initializer(self, name: str, values: NDArray[Any], dtype: DTypeLike | None = None) -> str:
        """Every weight enters the graph here, once."""
        if name not in self._initializers:
            stored = np.ascontiguousarray(values, dtype=dtype)
            add = numpy_helper.from_array if self._data is None else self._data.add
            self._initializers[name] = add(stored, name)
        return name

    def _stored(self, name: str, values: NDArray[Any]) -> str:
        """An initializer of the type that `weights` asks for."""
        if name in self._initializers:
            return name
        if self._weights == "exact":
            with np.errstate(over="ignore"):  # beyond fp16's range is not exact
                fits = np.array_equal(values, values.astype(np.float16))
            return self._initializer(name, values, np.float16 if fits else np.float32)
        if self._weights == "fp16" and values.size and np.abs(values).max() > np.finfo(np.float16).max:
            raise BundleError(f"{name} has values beyond fp16's range; build the model for another target")
        return self._initializer(name, values, np.float16 if self._weights == "fp16" else np.float32)
