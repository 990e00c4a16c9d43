"""What the engines listen to: a window of log-mel, and recordings made of the tests' synthetic speech.

Recordings lie in the cache as (n,) float32 .npy at 16 kHz, so that reading a file costs no engine anything.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golden.scrambled import scrambled_mel
from parity.recordings import composed

_SEED = 7


def window(n_mels: int) -> NDArray[np.float32]:
    """Log-mel of no speech in particular, (n_mels, 3000)."""
    mel: NDArray[np.float32] = scrambled_mel(n_mels)
    return mel


def recording(cache: Path, seconds: int) -> Path:
    """A recording of this length: sentences with pauses, and noise or hum beneath some."""
    path = cache / f"recording-{seconds}s-{_SEED}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part.npy")
        np.save(temporary, composed(seconds, _SEED).audio)
        temporary.rename(path)
    return path
