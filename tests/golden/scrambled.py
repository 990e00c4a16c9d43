"""Weights of any shape that look random, and are the same on every machine and with every version of numpy.

Random-number generators may change between versions; integer arithmetic does not. So the recording of a model
with these weights can be compared for ever, and the model itself needs no file.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

# Dimensions of OpenAI's `tiny`, in the order and with the names of openai-whisper's ModelDimensions.
TINY = {
    "n_mels": 80,
    "n_audio_ctx": 1500,
    "n_audio_state": 384,
    "n_audio_head": 6,
    "n_audio_layer": 4,
    "n_vocab": 51865,
    "n_text_ctx": 448,
    "n_text_state": 384,
    "n_text_head": 6,
    "n_text_layer": 4,
}


def scrambled(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The weights called `name`: uniform, of a size that keeps a Whisper's activations alive.

    Layer norms' weights are near 1, biases and embeddings near 0, matrices of variance 1 / fan-in.
    """
    count = int(np.prod(shape))
    x = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(zlib.crc32(name.encode()))
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):  # a 32-bit mixing function
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    uniform = (x.astype(np.float64) / 2**31 - 1.0).reshape(shape)
    if len(shape) == 1:
        centre = 1.0 if name.endswith("weight") else 0.0
        return (centre + 0.1 * uniform).astype(np.float32)
    if "embedding" in name:
        return (0.2 * uniform).astype(np.float32)
    fan_in = int(np.prod(shape[1:]))
    return (uniform * np.sqrt(3.0 / fan_in)).astype(np.float32)


def scrambled_mel(n_mels: int) -> NDArray[np.float32]:
    """A window of log-mel values, (n_mels, 3000), that holds no speech."""
    uniform: NDArray[np.float32] = scrambled("log-mel.weight", (n_mels, 3000)) * np.float32(
        np.sqrt(3000.0 / 3.0)
    )
    return uniform


def scrambled_tokens(n_vocab: int, count: int) -> list[int]:
    """Token ids, (count,), the first of them the multilingual <|startoftranscript|>."""
    return [50258, *((n * 7919 + 13) % n_vocab for n in range(1, count))]
