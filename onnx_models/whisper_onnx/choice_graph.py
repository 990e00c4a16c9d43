"""The graph that chooses each text's next token on the device: rules, the likeliest token, its probability.

A step's logits are 200 kB for each text. Brought to the host and searched there, they cost a GPU's step many
times over; so where a text takes the likeliest token there is, only that token leaves the device. What may be
chosen is told by five numbers and a row of a table (`rules.Allowed`); the graph does with them what the rules
do in numpy, the timestamps' weighing against the text included. R texts, V tokens, M sets of banned tokens.

`logits` [R, V] float32; `banned` [M, V] float32, NOTHING where a token is banned and 0 elsewhere; `bounds`
[R, 5] int32: row of `banned`, first text, first that is a timestamp, first timestamp, last timestamp
    -> `token` [R] int64, the lowest id of equals; `logprob` [R] float32, of the token among those allowed
"""

from __future__ import annotations

from typing import Final

import numpy as np
from onnx import TensorProto

from .small_graph import SmallGraph

__all__ = ["BOUNDS", "NOTHING", "choice_graph"]

# Stands for minus infinity: sums of exponentials over nothing but these are still numbers, and not NaN.
NOTHING: Final = -1e30
BOUNDS: Final = 5  # columns of `bounds`


def choice_graph(n_vocab: int) -> bytes:
    """The serialised graph for a vocabulary of this size; see the module's docstring."""
    g = SmallGraph("choice")
    logits = g.input("logits", TensorProto.FLOAT, ["R", n_vocab])
    banned = g.input("banned", TensorProto.FLOAT, ["M", n_vocab])
    bounds = g.input("bounds", TensorProto.INT32, ["R", BOUNDS])
    ids = g.constant("ids", np.arange(n_vocab, dtype=np.int32)[np.newaxis])
    nothing = g.constant("nothing", np.array(NOTHING, np.float32))
    mask, first_text, begin, first, last = (
        g.node("Gather", bounds, g.ints(column), axis=1) for column in range(BOUNDS)
    )
    masked = g.node("Add", logits, g.node("Gather", banned, g.node("Squeeze", mask, g.ints(1)), axis=0))
    is_text = g.node("And", g.node("GreaterOrEqual", ids, first_text), g.node("Less", ids, begin))
    is_time = g.node("And", g.node("GreaterOrEqual", ids, first), g.node("LessOrEqual", ids, last))
    text = g.node("Where", is_text, masked, nothing)
    times = g.node("Where", is_time, masked, nothing)

    def largest(x: str) -> str:
        return g.node("ReduceMax", x, axes=[1], keepdims=1)

    def log_sum_exp(x: str, top: str) -> str:
        """log(sum(exp(x))) of each row, [R, 1]; `top`: its largest."""
        scaled = g.node("Exp", g.node("Sub", x, top))
        return g.node("Add", g.node("Log", g.node("ReduceSum", scaled, g.ints(1), keepdims=1)), top)

    # If the timestamps together are likelier than the likeliest single other token, one of them is taken.
    all_times = log_sum_exp(times, largest(times))
    left = g.node("Where", g.node("Greater", all_times, largest(text)), times, g.node("Max", text, times))
    top = largest(left)
    g.node("ArgMax", left, output="token", axis=1, keepdims=0)
    g.node("Squeeze", g.node("Sub", top, log_sum_exp(left, top)), g.ints(1), output="logprob")
    g.output("token", TensorProto.INT64, ["R"])
    g.output("logprob", TensorProto.FLOAT, ["R"])
    return g.serialised()
