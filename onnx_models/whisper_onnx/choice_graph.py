"""The graph that chooses each text's next token on the device: rules, the likeliest token, its probability.

A step's logits are 200 kB for each text. Brought to the host and searched there, they cost a GPU's step many
times over; so where a text takes the likeliest token there is, only that token leaves the device. What may be
chosen is told by five numbers and a row of a table (`rules.Allowed`); the graph does with them what the rules
do in numpy, the timestamps' weighing against the text included. R texts, V tokens, M sets of banned tokens.

`logits` [R, V] float32; `banned` [M, V] float32, NOTHING where a token is banned and 0 elsewhere; `bounds`
[R, 5] int32: row of `banned`, first text, first that is a timestamp, first timestamp, last timestamp
    -> `token` [R] int64, the lowest id of equals; `logprob` [R] float32, of the token among those allowed

In opset 17, for which CUDA has a kernel of every operator used; of ReduceMax it has none in opset 20.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["BOUNDS", "NOTHING", "choice_graph"]

# Stands for minus infinity: sums of exponentials over nothing but these are still numbers, and not NaN.
NOTHING: Final = -1e30
BOUNDS: Final = 5  # columns of `bounds`
_OPSET: Final = 17
_IR_VERSION: Final = 8


def choice_graph(n_vocab: int) -> bytes:
    """The serialised graph for a vocabulary of this size; see the module's docstring."""
    nodes: list[onnx.NodeProto] = []

    def node(operator: str, *inputs: str, output: str = "", **attributes: object) -> str:
        name = output or f"choice/{operator}_{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    mask, first_text, begin, first, last = (
        node("Gather", "bounds", f"column_{column}", axis=1) for column in range(BOUNDS)
    )
    rows = node("Squeeze", mask, "axis_1")
    masked = node("Add", "logits", node("Gather", "banned", rows, axis=0))
    is_text = node("And", node("GreaterOrEqual", "ids", first_text), node("Less", "ids", begin))
    is_time = node("And", node("GreaterOrEqual", "ids", first), node("LessOrEqual", "ids", last))
    text = node("Where", is_text, masked, "nothing")
    times = node("Where", is_time, masked, "nothing")

    def log_sum_exp(x: str, top: str) -> str:
        """log(sum(exp(x))) of each row, [R, 1]."""
        scaled = node("Exp", node("Sub", x, top))
        return node("Add", node("Log", node("ReduceSum", scaled, "axis_1", keepdims=1)), top)

    best_text = node("ReduceMax", text, axes=[1], keepdims=1)
    all_times = log_sum_exp(times, node("ReduceMax", times, axes=[1], keepdims=1))
    # If the timestamps together are likelier than the likeliest single other token, one of them is taken.
    left = node("Where", node("Greater", all_times, best_text), times, node("Max", text, times))
    top = node("ReduceMax", left, axes=[1], keepdims=1)
    node("ArgMax", left, output="token", axis=1, keepdims=0)
    node("Squeeze", node("Sub", top, log_sum_exp(left, top)), "axis_1", output="logprob")

    constants = {
        "ids": np.arange(n_vocab, dtype=np.int32)[np.newaxis],
        "nothing": np.array(NOTHING, np.float32),
        "axis_1": np.array([1], np.int64),
        **{f"column_{column}": np.array([column], np.int64) for column in range(BOUNDS)},
    }
    graph = helper.make_graph(
        nodes,
        "choice",
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["R", n_vocab]),
            helper.make_tensor_value_info("banned", TensorProto.FLOAT, ["M", n_vocab]),
            helper.make_tensor_value_info("bounds", TensorProto.INT32, ["R", BOUNDS]),
        ],
        [
            helper.make_tensor_value_info("token", TensorProto.INT64, ["R"]),
            helper.make_tensor_value_info("logprob", TensorProto.FLOAT, ["R"]),
        ],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    opset = [helper.make_opsetid("", _OPSET)]
    serialised: bytes = helper.make_model(
        graph, opset_imports=opset, ir_version=_IR_VERSION
    ).SerializeToString()
    return serialised
