"""openai-whisper, the reference, on torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import END_OF_TEXT, PROMPT, Device, Engine, Heard, Listening


def imports() -> None:
    import torch  # noqa: F401
    import whisper  # noqa: F401


def load(model: Path, variant: str, device: Device, threads: int, batch: int) -> Engine:
    """`variant`: float32 or float16."""
    return _OpenaiWhisper(model, variant, device, threads)


class _OpenaiWhisper:
    def __init__(self, model: Path, variant: str, device: Device, threads: int) -> None:
        import torch
        import whisper

        torch.set_num_threads(threads)
        self._torch = torch
        self._half = variant == "float16"
        self._device = device
        self._model = whisper.load_model(str(model), device=device)
        if self._half:
            self._model = self._model.half()
        self._audio: Any = None

    def encode(self, mel: NDArray[np.float32], batch: int) -> None:
        features = self._torch.from_numpy(np.repeat(mel[None], batch, axis=0)).to(self._device)
        with self._torch.inference_mode():
            self._audio = self._model.encoder(features.half() if self._half else features)
        if self._device == "cuda":
            self._torch.cuda.synchronize()

    def decode(self, batch: int, tokens: int) -> int:
        from whisper.decoding import PyTorchInference

        torch = self._torch
        with torch.inference_mode():
            inference = PyTorchInference(self._model, len(PROMPT))
            ids = torch.tensor([PROMPT] * batch, device=self._device)
            for _ in range(tokens):
                logits = inference.logits(ids, self._audio)[:, -1]
                logits[:, END_OF_TEXT] = float("-inf")
                ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=-1)
            inference.cleanup_caching()
            return len(ids[0].tolist()) - len(PROMPT)

    def transcribe(self, samples: NDArray[np.float32], how: Listening) -> Heard:
        if how.mode == "batched":
            raise NotImplementedError("openai-whisper has no batched mode")
        options: dict[str, Any] = {}
        if how.tokens is not None:
            options = {"sample_len": how.tokens, "suppress_tokens": f"-1,{END_OF_TEXT}"}
        result = self._model.transcribe(
            samples,
            language="en",
            temperature=0.0,
            compression_ratio_threshold=None,
            logprob_threshold=None,
            no_speech_threshold=None,
            condition_on_previous_text=how.condition_on_previous_text,
            without_timestamps=how.without_timestamps,
            fp16=self._half,
            **options,
        )
        tokens = sum(token != END_OF_TEXT for segment in result["segments"] for token in segment["tokens"])
        return Heard(result["text"], tokens)
