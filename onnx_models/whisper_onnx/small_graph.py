"""Collects the nodes of a small graph that is made at run time, beside a model's.

In opset 17, for which CUDA has a kernel of every operator that these graphs use; in opset 20 it has none of
ReduceMax, which would be computed on the CPU.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

__all__ = ["SmallGraph"]

_OPSET: Final = 17
_IR_VERSION: Final = 8  # what this opset needs
_Shape = list[int | str]


class SmallGraph:
    """A graph by the name of `name`, under which its nodes are too."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: int, shape: _Shape) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name: str, dtype: int, shape: _Shape) -> None:
        self._outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Adds a node; returns its output's name, `output` if given."""
        name = output or f"{self._name}/{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def nodes(
        self, operator: str, *inputs: str, outputs: tuple[str, ...], **attributes: Any
    ) -> tuple[str, ...]:
        """Adds a node of several outputs; those without a name get one."""
        name = f"{self._name}/{operator}_{len(self._nodes)}"
        names = tuple(output or f"{name}_{index}" for index, output in enumerate(outputs))
        self._nodes.append(helper.make_node(operator, inputs, names, name=name, **attributes))
        return names

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self._constants[name] = values
        return name

    def ints(self, *values: int) -> str:
        return self.constant(f"ints{values}", np.array(values, np.int64))

    def part(self, x: str, axis: int, start: int, stop: int) -> str:
        """x[..., start:stop, ...] along the axis."""
        return self.node("Slice", x, self.ints(start), self.ints(stop), self.ints(axis))

    def serialised(self) -> bytes:
        constants = [numpy_helper.from_array(values, name) for name, values in self._constants.items()]
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, constants)
        opsets = [helper.make_opsetid("", _OPSET)]
        model: bytes = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION
        ).SerializeToString()
        return model
