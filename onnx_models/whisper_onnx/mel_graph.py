"""The graph that makes log-mel windows of samples on the device: `features.py`, as products of matrices.

A GPU encodes a window in a fraction of the time in which a core transforms it, so there the transform goes
where the encoder is. The Fourier transform of a frame is a product with 2 x 201 windowed sines and cosines; in
float32 it is within 1e-4 of the FFT's result, once the logarithm is taken. B windows, M mel bins.

`samples` [B, 480240] float32, what the 3000 frames touch; `size` [B, 1] int32, frames that count, the others
are 0; `peak` [B, 1, 1] float32, the recording's largest mel power, or 0 where the window is the recording
    -> `mel` [B, M, 3000] float32, as `LogMel.window`

In opset 17, for which CUDA has a kernel of every operator used; of ReduceMax it has none in opset 20.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .dims import HOP_LENGTH, N_FFT, N_FRAMES
from .features import FLOOR, RANGE, TOUCHED, hann, mel_filters

__all__ = ["mel_graph"]

_OPSET, _IR_VERSION = 17, 8
_HOPS = 3  # that a frame touches, the last by half


def mel_graph(n_mels: int) -> bytes:
    """The serialised graph; see the module's docstring."""
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, NDArray[np.generic]] = {}

    def node(operator: str, *inputs: str, output: str = "", **attributes: object) -> str:
        name = output or f"mel/{operator}_{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(name: str, values: NDArray[np.generic]) -> str:
        constants[name] = values
        return name

    def part(x: str, axis: int, start: int, stop: int) -> str:
        bounds = [constant(f"int_{value}", np.array([value], np.int64)) for value in (start, stop, axis)]
        return node("Slice", x, *bounds)

    whole = part("samples", 1, 0, (N_FRAMES + 1) * HOP_LENGTH)
    hops = node("Reshape", whole, constant("hops", np.array([0, N_FRAMES + 1, HOP_LENGTH], np.int64)))
    # The last frame's last half hop lies beyond the whole hops.
    rest = part("samples", 1, (N_FRAMES + 1) * HOP_LENGTH, TOUCHED)
    half = N_FFT - (_HOPS - 1) * HOP_LENGTH
    thirds = part(part(hops, 1, 2, N_FRAMES + 1), 2, 0, half)
    last = node("Reshape", rest, constant("half_hop", np.array([0, 1, half], np.int64)))
    frames = node(
        "Concat",
        part(hops, 1, 0, N_FRAMES),
        part(hops, 1, 1, N_FRAMES + 1),
        node("Concat", thirds, last, axis=1),
        axis=2,
    )
    spectrum = node("MatMul", frames, constant("transform", _transform()))
    squares = node("Mul", spectrum, spectrum)
    bins = N_FFT // 2 + 1
    power = node("Add", part(squares, 2, 0, bins), part(squares, 2, bins, 2 * bins))
    filters = np.ascontiguousarray(mel_filters(n_mels).T)
    mel = node("Transpose", node("MatMul", power, constant("filters", filters)), perm=[0, 2, 1])

    own = node("ReduceMax", mel, axes=[1, 2], keepdims=1)
    zero = constant("zero", np.array(0, np.float32))
    peak = node("Where", node("Greater", "peak", zero), "peak", own)
    lowest = node("Mul", peak, constant("range", np.array(RANGE, np.float32)))
    floor = node("Max", lowest, constant("floor", np.array(FLOOR, np.float32)))
    logarithm = node("Log", node("Max", mel, floor))
    scaled = node("Mul", logarithm, constant("quarter", np.array(np.log10(np.e) / 4.0, np.float32)))
    values = node("Add", scaled, constant("one", np.array(1, np.float32)))
    counts = node("Less", constant("frame", np.arange(N_FRAMES, dtype=np.int32)[np.newaxis]), "size")
    counted = node("Unsqueeze", counts, constant("axis_1", np.array([1], np.int64)))
    node("Where", counted, values, zero, output="mel")

    graph = helper.make_graph(
        nodes,
        "mel",
        [
            helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["B", TOUCHED]),
            helper.make_tensor_value_info("size", TensorProto.INT32, ["B", 1]),
            helper.make_tensor_value_info("peak", TensorProto.FLOAT, ["B", 1, 1]),
        ],
        [helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["B", n_mels, N_FRAMES])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    opset = [helper.make_opsetid("", _OPSET)]
    serialised: bytes = helper.make_model(
        graph, opset_imports=opset, ir_version=_IR_VERSION
    ).SerializeToString()
    return serialised


def _transform() -> NDArray[np.float32]:
    """(400, 402): the windowed cosines of the 201 frequencies, then the sines."""
    samples, bins = np.arange(N_FFT), np.arange(N_FFT // 2 + 1)
    # Taken modulo the frame before they become angles, which are exact so.
    angles = 2.0 * np.pi * (np.outer(samples, bins) % N_FFT) / N_FFT
    both = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    return (hann().astype(np.float64)[:, np.newaxis] * both).astype(np.float32)
