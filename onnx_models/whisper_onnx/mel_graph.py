"""The graph that makes log-mel windows of samples on the device: `features.py`, as products of matrices.

A GPU encodes a window in a fraction of the time in which a core transforms it, so there the transform goes
where the encoder is. The Fourier transform of a frame is a product with 2 x 201 windowed sines and cosines;
in float32 it is within 1e-4 of the FFT's result, once the logarithm is taken. B windows, M mel bins.

`samples` [B, 480240] float32, what the 3000 frames touch; `size` [B, 1] int32, frames that count, the others
are 0; `peak` [B, 1, 1] float32, the recording's largest mel power, or 0 where the window is the recording
    -> `mel` [B, M, 3000] float32, as `LogMel.window`
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from .dims import HOP_LENGTH, N_FFT, N_FRAMES
from .features import FLOOR, RANGE, TOUCHED, hann, mel_filters
from .small_graph import SmallGraph

__all__ = ["mel_graph"]

_HOPS = 3  # that a frame touches, the last by half


def mel_graph(n_mels: int) -> bytes:
    """The serialised graph; see the module's docstring."""
    g = SmallGraph("mel")
    samples = g.input("samples", TensorProto.FLOAT, ["B", TOUCHED])
    size = g.input("size", TensorProto.INT32, ["B", 1])
    peak = g.input("peak", TensorProto.FLOAT, ["B", 1, 1])
    mel = _mel_power(g, _frames(g, samples), n_mels)

    def number(name: str, value: float) -> str:
        return g.constant(name, np.array(value, np.float32))

    zero = number("zero", 0.0)
    own = g.node("ReduceMax", mel, axes=[1, 2], keepdims=1)
    largest = g.node("Where", g.node("Greater", peak, zero), peak, own)
    floor = g.node("Max", g.node("Mul", largest, number("range", RANGE)), number("floor", FLOOR))
    logarithm = g.node("Log", g.node("Max", mel, floor))
    scaled = g.node("Mul", logarithm, number("quarter", float(np.log10(np.e)) / 4.0))
    values = g.node("Add", scaled, number("one", 1.0))
    frames = g.constant("frame", np.arange(N_FRAMES, dtype=np.int32)[np.newaxis])
    counted = g.node("Unsqueeze", g.node("Less", frames, size), g.ints(1))
    g.node("Where", counted, values, zero, output="mel")
    g.output("mel", TensorProto.FLOAT, ["B", n_mels, N_FRAMES])
    return g.serialised()


def _frames(g: SmallGraph, samples: str) -> str:
    """[B, 3000, 400]: every frame's samples, put together from the hops of 160 that it touches."""
    whole = g.part(samples, 1, 0, (N_FRAMES + 1) * HOP_LENGTH)
    hops = g.node("Reshape", whole, g.ints(0, N_FRAMES + 1, HOP_LENGTH))
    # The last frame's last half hop lies beyond the whole hops.
    rest = g.part(samples, 1, (N_FRAMES + 1) * HOP_LENGTH, TOUCHED)
    half = N_FFT - (_HOPS - 1) * HOP_LENGTH
    thirds = g.part(g.part(hops, 1, 2, N_FRAMES + 1), 2, 0, half)
    return g.node(
        "Concat",
        g.part(hops, 1, 0, N_FRAMES),
        g.part(hops, 1, 1, N_FRAMES + 1),
        g.node("Concat", thirds, g.node("Reshape", rest, g.ints(0, 1, half)), axis=1),
        axis=2,
    )


def _mel_power(g: SmallGraph, frames: str, n_mels: int) -> str:
    """[B, n_mels, 3000] of frames [B, 3000, 400]."""
    spectrum = g.node("MatMul", frames, g.constant("transform", _transform()))
    squares = g.node("Mul", spectrum, spectrum)
    bins = N_FFT // 2 + 1
    power = g.node("Add", g.part(squares, 2, 0, bins), g.part(squares, 2, bins, 2 * bins))
    filters = g.constant("filters", np.ascontiguousarray(mel_filters(n_mels).T))
    return g.node("Transpose", g.node("MatMul", power, filters), perm=[0, 2, 1])


def _transform() -> NDArray[np.float32]:
    """(400, 402): the windowed cosines of the 201 frequencies, then the sines."""
    samples, bins = np.arange(N_FFT), np.arange(N_FFT // 2 + 1)
    # Taken modulo the frame before they become angles, which are exact so.
    angles = 2.0 * np.pi * (np.outer(samples, bins) % N_FFT) / N_FFT
    both = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    windowed: NDArray[np.float32] = (hann().astype(np.float64)[:, np.newaxis] * both).astype(np.float32)
    return windowed
