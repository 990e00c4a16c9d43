"""faster-whisper and the CTranslate2 under it. Loading is faster-whisper's, tokenizer and all."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import END_OF_TEXT, PROMPT, Device, Engine, Heard, Listening


def imports() -> None:
    import ctranslate2  # noqa: F401
    import faster_whisper  # noqa: F401


def load(model: Path, variant: str, device: Device, threads: int, batch: int) -> Engine:
    """`variant`: CTranslate2's compute type."""
    return _FasterWhisper(model, variant, device, threads, batch)


class _FasterWhisper:
    def __init__(self, model: Path, variant: str, device: Device, threads: int, batch: int) -> None:
        from faster_whisper import WhisperModel

        self._batch = batch
        self._model = WhisperModel(str(model), device=device, compute_type=variant, cpu_threads=threads)
        self._encoded: Any = None

    def encode(self, mel: NDArray[np.float32], batch: int) -> None:
        self._encoded = self._model.encode(np.repeat(mel[None], batch, axis=0))

    def decode(self, batch: int, tokens: int) -> int:
        # CTranslate2 stops after min(max_length / 2, max_length - prompt) tokens.
        results = self._model.model.generate(
            self._encoded,
            [list(PROMPT)] * batch,
            beam_size=1,
            max_length=max(2 * tokens, tokens + len(PROMPT) - 1),
            suppress_blank=False,
            suppress_tokens=[END_OF_TEXT],
        )
        return min(len(result.sequences_ids[0]) for result in results)

    def transcribe(self, samples: NDArray[np.float32], how: Listening) -> Heard:
        options: dict[str, Any] = {
            "language": "en",
            "beam_size": 1,
            "best_of": 1,
            "temperature": 0.0,
            "compression_ratio_threshold": None,
            "log_prob_threshold": None,
            "no_speech_threshold": None,
            "condition_on_previous_text": how.condition_on_previous_text,
            "without_timestamps": how.without_timestamps,
            "vad_filter": how.mode == "batched",
        }
        if how.tokens is not None:
            # The prompt has <|notimestamps|> too. max_length is prompt + max_new_tokens, and half of it ends.
            prompt = len(PROMPT) + 1
            options |= {"max_new_tokens": 2 * how.tokens - prompt, "suppress_tokens": [-1, END_OF_TEXT]}
        if how.mode == "batched":
            from faster_whisper import BatchedInferencePipeline

            pipeline = BatchedInferencePipeline(self._model)
            found, _ = pipeline.transcribe(samples, batch_size=self._batch, **options)
        else:
            found, _ = self._model.transcribe(samples, **options)
        segments = list(found)
        tokens = sum(token != END_OF_TEXT for token in chain.from_iterable(s.tokens for s in segments))
        return Heard("".join(segment.text for segment in segments), tokens)
