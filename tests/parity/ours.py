"""Our engine's answers, in the form that all engines' answers have here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.answers import Segment, Transcript, Word
from whisper_onnx import WhisperModel

__all__ = ["Ours", "segment_of"]

Floats = NDArray[np.float32]


class Ours:
    """A bundle on our engine, whose public interface alone is used."""

    def __init__(self, folder: Path, *, slots: int = 8, threads: int | None = None) -> None:
        self.model = WhisperModel(folder, slots=slots, threads=threads)

    def encode(self, mel: Floats) -> Floats:
        """(n, n_mels, 3000) -> (n, 1500, state)."""
        return self.model.runtime.encoder_output(mel)

    def logits(self, mel: Floats, tokens: Sequence[int], first: int) -> Floats:
        """Logits of every position, (len(tokens), n_vocab): `first` tokens as a prompt, the rest as steps."""
        runtime = self.model.runtime
        runtime.encode([0], mel)
        rows = list(runtime.prompt(0, tokens[:first]))
        for token in tokens[first:]:
            rows.extend(runtime.step([0], [token]))
        return np.stack(rows)

    def free_running(self, mel: Floats, prompt: Sequence[int], count: int, never: Sequence[int]) -> list[int]:
        """The first `count` greedy tokens after the prompt, none of them one of `never`."""
        runtime = self.model.runtime
        runtime.encode([0], mel)
        row = runtime.prompt(0, prompt, rows=[len(prompt) - 1])[0]
        tokens: list[int] = []
        while len(tokens) < count:
            row[list(never)] = -np.inf
            tokens.append(int(row.argmax()))
            if len(tokens) < count:
                row = runtime.step([0], tokens[-1:])[0]
        return tokens

    def transcribe(self, audio: Floats, **options: Any) -> Transcript:
        begun = time.monotonic()
        result = self.model.transcribe(audio, **options)
        took = time.monotonic() - begun
        return Transcript(tuple(segment_of(segment) for segment in result.segments), result.text, took)


def segment_of(segment: Any) -> Segment:
    """A segment of our engine's in the common form."""
    words = tuple(
        Word(word.word, word.start, word.end, word.probability)
        for word in getattr(segment, "words", None) or ()
    )
    return Segment(
        seek=segment.seek,
        start=segment.start,
        end=segment.end,
        text=segment.text,
        tokens=tuple(segment.tokens),
        avg_logprob=segment.avg_logprob,
        no_speech_prob=segment.no_speech_prob,
        words=words,
    )
