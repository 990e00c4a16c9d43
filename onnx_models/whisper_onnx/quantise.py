"""The arithmetic of 8-bit weights: what is stored for a matrix of float32, and how far that is from it.

Two forms, for two kinds of work, both with symmetric steps (Jacob et al. 2018, "Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference", section 2.1, with the zero fixed):

Blocks: a scale for every few inputs of an output. The operator MatMulNBits rounds the activations to bytes
as finely, and adds the blocks up in float32. Precise, and for a few rows, as in the decoder's steps, as fast
as memory gives the weights.

Channels: a scale for every output, and one for every row of activations. The sums are integers, four times as
fast as float32 for many rows: the encoder. A scale of its own for every row also means that a window's result
never depends on its neighbours in a batch.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ZERO", "dequantised_blocks", "quantise_blocks", "quantise_channels"]

ZERO: Final = 128  # what stands for 0 among the stored 0..255; MatMulNBits' default for 8 bits


def quantise_blocks(weight: NDArray[Any], block: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A torch Linear's weight, [out, in], as MatMulNBits stores it.

    Each stretch of `block` inputs of one output has a scale of its own. The value of largest magnitude is
    made exactly -128 steps (so the scale carries the opposite sign), which uses the whole range of a byte:
    weight = (stored - 128) * scale, no further off than |scale| / 2 with |scale| = max|stretch| / 128, but
    for values that lie above 127 steps on the other side, which are off by at most |scale|.

    Returns stored [out, ceil(in / block), block] and scales [out, ceil(in / block)]; padding is 0.
    """
    outputs, inputs = weight.shape
    blocks = -(-inputs // block)
    padded = np.zeros((outputs, blocks * block), np.float32)
    padded[:, :inputs] = weight
    stretches = padded.reshape(outputs, blocks, block)
    largest = np.take_along_axis(stretches, np.abs(stretches).argmax(axis=2, keepdims=True), axis=2)
    scales = (largest / -ZERO).astype(np.float32)
    divisors = np.where(scales == 0, np.float32(1), scales)
    stored = np.clip(np.rint(stretches / divisors) + ZERO, 0, 255).astype(np.uint8)
    return stored, scales[:, :, 0]


def dequantised_blocks(
    stored: NDArray[np.uint8], scales: NDArray[np.float32], inputs: int
) -> NDArray[np.float32]:
    """What `quantise_blocks` stands for, [out, inputs]."""
    values = (stored.astype(np.float32) - ZERO) * scales[:, :, np.newaxis]
    return values.reshape(len(stored), -1)[:, :inputs]


def quantise_channels(weight: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A torch Linear's weight, [out, in], with one scale for each output: weight = stored * scale.

    No value is further off than scale / 2, scale = max|row| / 127.

    Returns stored [out, in] and scales [out].
    """
    scales = (np.abs(weight).max(axis=1) / 127).astype(np.float32)
    divisors = np.where(scales == 0, np.float32(1), scales)
    return np.clip(np.rint(weight / divisors[:, np.newaxis]), -127, 127).astype(np.int8), scales
