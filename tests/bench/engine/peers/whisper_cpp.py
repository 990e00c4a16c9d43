"""whisper.cpp, by the wheel pywhispercpp (which is built for AVX2, not for AVX-512).

The wheel hands one token at a time to `whisper_decode` and no logits back, so the tokens are made up here and
none is chosen: the little that this saves is in whisper.cpp's favour. It has no batches.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import PROMPT, Device, Engine, Heard, Listening


def imports() -> None:
    import pywhispercpp.model  # noqa: F401


def load(model: Path, variant: str, device: Device, threads: int, batch: int) -> Engine:
    return _WhisperCpp(model, threads)


class _WhisperCpp:
    def __init__(self, model: Path, threads: int) -> None:
        from pywhispercpp.model import Model

        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it writes a page about the model
        self._threads = threads
        self._model = Model(str(model), n_threads=threads, print_progress=False)

    def encode(self, mel: NDArray[np.float32], batch: int) -> None:
        import _pywhispercpp as cpp

        _one(batch)
        context: Any = self._model._ctx
        _worked(cpp.whisper_set_mel(context, np.ascontiguousarray(mel), mel.shape[1], mel.shape[0]))
        _worked(cpp.whisper_encode(context, 0, self._threads))

    def decode(self, batch: int, tokens: int) -> int:
        import _pywhispercpp as cpp

        _one(batch)
        context: Any = self._model._ctx
        ids = [*PROMPT, *(1000 + n for n in range(tokens - 1))]
        for past, token in enumerate(ids):
            _worked(cpp.whisper_decode(context, token, 1, past, self._threads))
        return len(ids) - len(PROMPT) + 1

    def transcribe(self, samples: NDArray[np.float32], how: Listening) -> Heard:
        if how.mode == "batched" or how.tokens is not None:
            raise NotImplementedError("whisper.cpp has neither a batched mode nor a fixed number of tokens")
        segments = self._model.transcribe(
            samples,
            language="en",
            temperature=0.0,
            temperature_inc=0.0,
            no_context=not how.condition_on_previous_text,
            greedy={"best_of": 1},
            suppress_nst=True,
        )
        text = "".join(segment.text for segment in segments)
        import _pywhispercpp as cpp

        context: Any = self._model._ctx
        tokens = sum(
            cpp.whisper_full_n_tokens(context, n) for n in range(cpp.whisper_full_n_segments(context))
        )
        return Heard(text, tokens)


def _one(batch: int) -> None:
    if batch != 1:
        raise NotImplementedError("whisper.cpp's wheel decodes one window at a time")


def _worked(code: int) -> None:
    if code != 0:
        raise RuntimeError(f"whisper.cpp answered {code}")
