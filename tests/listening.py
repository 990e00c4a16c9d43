"""A task of the batcher that notes all it is told, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from whisper_onnx import Progress, Task, TranscribeOptions, Transcription, WhisperModel

Samples = NDArray[np.float32]
Say = Callable[..., Samples]
ENGLISH = TranscribeOptions(language="en", temperature=0.0)  # type: ignore[arg-type]  # one number is taken too
# Thresholds that no attempt passes: every window is decoded at each temperature, the last two sampled.
RESTLESS = TranscribeOptions(language="en", temperature=(0.0, 0.4, 0.8), logprob_threshold=0.0, seed=7)


class Listener:
    """A task with everything that it was told."""

    def __init__(
        self,
        audio: Samples,
        options: TranscribeOptions = ENGLISH,
        resume: dict[str, Any] | None = None,
        then: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.progress: list[Progress] = []
        self.done: list[Transcription] = []
        self.errors: list[Exception] = []
        self.then = then
        self.task = Task(audio, options, resume, self._on_progress, self.done.append, self.errors.append)

    def _on_progress(self, progress: Progress) -> None:
        self.progress.append(progress)
        self.then(progress)

    @property
    def calls(self) -> int:
        return len(self.progress) + len(self.done) + len(self.errors)

    @property
    def outcome(self) -> Transcription:
        assert self.errors == []
        assert len(self.done) == 1
        return self.done[0]


def same(one: Transcription, other: Transcription) -> bool:
    """Whether two transcriptions are equal: texts, tokens and times exactly, probabilities to rounding."""
    if (one.language, one.text, one.duration) != (other.language, other.text, other.duration):
        return False
    if len(one.segments) != len(other.segments):
        return False
    exact = ("id", "seek", "start", "end", "text", "tokens", "temperature", "compression_ratio")
    return all(
        all(getattr(a, name) == getattr(b, name) for name in exact)
        and a.avg_logprob == pytest.approx(b.avg_logprob, abs=1e-4)
        and a.no_speech_prob == pytest.approx(b.no_speech_prob, abs=1e-4)
        for a, b in zip(one.segments, other.segments, strict=True)
    )


def alone(model: WhisperModel, listener: Listener) -> Transcription:
    """What the recording gets with the model to itself."""
    return model.transcribe(listener.task.audio, listener.task.options)
