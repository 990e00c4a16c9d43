"""What a caller hands to the runtime, checked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .dims import N_FRAMES, Dims

__all__ = ["checked_mel", "checked_rows", "checked_tokens"]


def checked_tokens(tokens: Sequence[int], dims: Dims) -> NDArray[np.int64]:
    """(len(tokens),). Raises ValueError for what is no token of the model."""
    ids = np.asarray(tokens, dtype=np.int64)
    if ids.ndim != 1 or (len(ids) and (ids.min() < 0 or ids.max() >= dims.n_vocab)):
        raise ValueError(f"tokens must be a sequence of ids from 0 to {dims.n_vocab - 1}")
    return ids


def checked_rows(rows: Sequence[int], length: int) -> NDArray[np.int64]:
    """(len(rows),). Raises ValueError for what is no position of a text of `length` tokens."""
    found = np.asarray(rows, dtype=np.int64)
    if len(found) and (found.min() < 0 or found.max() >= length):
        raise ValueError(f"rows must be positions from 0 to {length - 1}")
    return found


def checked_mel(mel: NDArray[np.float32], count: int, dims: Dims) -> NDArray[np.float32]:
    """(count, n_mels, 3000), contiguous. Raises ValueError for another shape or type."""
    shape = (count, dims.n_mels, N_FRAMES)
    if mel.shape != shape or mel.dtype != np.float32:
        raise ValueError(f"mel is {mel.dtype} {mel.shape}, expected float32 {shape}")
    return np.ascontiguousarray(mel)
