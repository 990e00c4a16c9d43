"""What counts as speech, as one frozen object, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .dims import CHUNK_LENGTH
from .errors import OptionsError


@dataclass(frozen=True, slots=True)
class VadOptions:
    """What counts as speech. The names are faster-whisper's.

    method: "silero", the network of the package silero-vad; "energy", loudness above the background; "auto",
        Silero where its package is installed, else energy
    threshold: probability from which a chunk is speech
    neg_threshold: probability below which speech may end; None: 0.15 less than `threshold`
    min_speech_duration_ms: spans shorter than this are left out
    max_speech_duration_s: longer spans are cut, at the longest pause in their second half or, without one,
        where speech is least likely
    min_silence_duration_ms: the shortest pause that ends a span
    speech_pad_ms: kept before and after each span; neighbours share a pause that is shorter than two of these

    Raises OptionsError, which names the field as `vad_parameters`.
    """

    method: Literal["auto", "silero", "energy"] = "auto"
    threshold: float = 0.5
    neg_threshold: float | None = None
    min_speech_duration_ms: int = 0
    max_speech_duration_s: float = float(CHUNK_LENGTH)
    min_silence_duration_ms: int = 160
    speech_pad_ms: int = 400

    def __post_init__(self) -> None:
        if self.method not in ("auto", "silero", "energy"):
            raise _wrong("method", f"expected 'auto', 'silero' or 'energy', got {self.method!r}")
        limits = {
            "threshold": (0.0, 1.0),
            "neg_threshold": (0.0, self.threshold),
            "min_speech_duration_ms": (0, math.inf),
            "max_speech_duration_s": (1.0, math.inf),
            "min_silence_duration_ms": (0, math.inf),
            "speech_pad_ms": (0, math.inf),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if name == "neg_threshold" and value is None:
                continue
            if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
                raise _wrong(name, f"expected a number from {low:g} to {high:g}, got {value!r}")
        if self.max_speech_duration_s * 1000 <= 2 * self.speech_pad_ms:
            raise _wrong("speech_pad_ms", "the padding alone is longer than max_speech_duration_s")


def _wrong(field: str, problem: str) -> OptionsError:
    return OptionsError("vad_parameters", f"{field}: {problem}")
