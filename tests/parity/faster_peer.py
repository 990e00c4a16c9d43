"""faster-whisper on CTranslate2: the encoder, free-running tokens, and whole recordings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import faster_whisper
import numpy as np
from numpy.typing import NDArray

from parity.answers import Segment, Transcript, Word

__all__ = ["FasterWhisper"]

Floats = NDArray[np.float32]


class FasterWhisper:
    """faster-whisper with the CTranslate2 files in `folder`, on the CPU with one thread."""

    def __init__(self, folder: Path, compute_type: str = "float32") -> None:
        self.model = faster_whisper.WhisperModel(
            str(folder), device="cpu", compute_type=compute_type, cpu_threads=1
        )

    def encode(self, mel: Floats) -> Floats:
        """(1, n_mels, 3000) -> (1, 1500, state)."""
        return np.asarray(self.model.model.encode(ctranslate2.StorageView.from_array(mel)))

    def free_running(self, mel: Floats, prompt: Sequence[int], count: int, never: Sequence[int]) -> list[int]:
        """The first `count` greedy tokens after the prompt, none of them one of `never`."""
        result = self.model.model.generate(
            ctranslate2.StorageView.from_array(mel),
            [list(prompt)],
            beam_size=1,
            max_length=2 * count,  # it stops at half
            suppress_blank=False,
            suppress_tokens=list(never),
        )
        return [int(token) for token in result[0].sequences_ids[0][:count]]

    def transcribe(self, audio: Floats, **options: Any) -> Transcript:
        """Its `transcribe`, whose defaults differ from openai-whisper's: name the beam size."""
        begun = time.monotonic()
        segments = [_segment(segment) for segment in self.model.transcribe(audio, **options)[0]]
        took = time.monotonic() - begun
        return Transcript(tuple(segments), "".join(segment.text for segment in segments), took)


def _segment(segment: Any) -> Segment:
    words = tuple(
        Word(w.word, float(w.start), float(w.end), float(w.probability)) for w in segment.words or ()
    )
    return Segment(
        seek=segment.seek,
        start=float(segment.start),
        end=float(segment.end),
        text=segment.text,
        tokens=tuple(segment.tokens),
        avg_logprob=float(segment.avg_logprob),
        no_speech_prob=float(segment.no_speech_prob),
        words=words,
    )
