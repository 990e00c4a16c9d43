"""whisper_onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import END_OF_TEXT, PROMPT, Device, Engine, Heard, Listening


def imports() -> None:
    import onnxruntime  # noqa: F401

    from whisper_onnx import TranscribeOptions, WhisperModel  # noqa: F401


def load(model: Path, variant: str, device: Device, threads: int, batch: int) -> Engine:
    """`variant`: the bundle's target; it loads, hashes and plans memory as for any user."""
    return _Ours(model, device, threads, batch)


class _Ours:
    def __init__(self, model: Path, device: Device, threads: int, batch: int) -> None:
        from whisper_onnx import WhisperModel

        self._model = WhisperModel(model, provider=device, threads=threads, slots=batch)
        self._runtime = self._model.runtime

    def encode(self, mel: NDArray[np.float32], batch: int) -> None:
        self._runtime.encode(range(batch), np.repeat(mel[None], batch, axis=0))

    def decode(self, batch: int, tokens: int) -> int:
        from whisper_onnx.rules import Allowed

        runtime, slots = self._runtime, list(range(batch))
        rows = np.concatenate(
            [
                runtime.prompt_together(some, [PROMPT] * len(some), rows=[len(PROMPT) - 1])[:, 0]
                for some in (slots[i : i + runtime.together] for i in range(0, batch, runtime.together))
            ]
        )
        rows[:, END_OF_TEXT] = -np.inf
        chosen, n_vocab = rows.argmax(axis=1).tolist(), rows.shape[1]
        allowed = [Allowed((frozenset([END_OF_TEXT]),), 0, n_vocab, n_vocab, n_vocab)] * batch
        for _ in range(tokens - 1):
            if runtime.chooses:
                chosen = [choice.token for choice in runtime.choose(slots, chosen, allowed)]
            else:
                rows = runtime.step(slots, chosen)
                rows[:, END_OF_TEXT] = -np.inf
                chosen = rows.argmax(axis=1).tolist()
        return max(1, tokens)

    def transcribe(self, samples: NDArray[np.float32], how: Listening) -> Heard:
        from whisper_onnx.vad_options import VadOptions

        options: dict[str, Any] = {
            "mode": how.mode,
            "vad_parameters": VadOptions(method="silero"),  # what faster-whisper has too
            "language": "en",
            "temperature": (0.0,),
            "compression_ratio_threshold": None,
            "logprob_threshold": None,
            "no_speech_threshold": None,
            "condition_on_previous_text": how.condition_on_previous_text,
            "without_timestamps": how.without_timestamps,
        }
        if how.tokens is not None:
            options |= {"sample_len": how.tokens, "suppress_tokens": (-1, END_OF_TEXT)}
        result = self._model.transcribe(samples, **options)
        tokens = sum(token != END_OF_TEXT for segment in result.segments for token in segment.tokens)
        return Heard(result.text, tokens)
