"""Hugging Face transformers: the model with its cache, stepped directly, without what `generate` adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import END_OF_TEXT, PROMPT, Device, Engine, Heard, Listening


def imports() -> None:
    import torch  # noqa: F401
    from transformers import WhisperForConditionalGeneration  # noqa: F401


def load(model: Path, variant: str, device: Device, threads: int, batch: int) -> Engine:
    """`variant`: eager or sdpa, how attention is computed."""
    return _Transformers(model, variant, device, threads)


class _Transformers:
    def __init__(self, model: Path, variant: str, device: Device, threads: int) -> None:
        import torch
        from transformers import WhisperForConditionalGeneration

        torch.set_num_threads(threads)
        self._torch = torch
        self._device = device
        self._dtype = torch.float16 if device == "cuda" else torch.float32
        loaded: Any = WhisperForConditionalGeneration.from_pretrained(
            model, attn_implementation=variant, dtype=self._dtype
        )
        self._model = loaded.eval().to(device)
        self._encoded: Any = None

    def encode(self, mel: NDArray[np.float32], batch: int) -> None:
        features = self._torch.from_numpy(np.repeat(mel[None], batch, axis=0)).to(self._device, self._dtype)
        with self._torch.inference_mode():
            self._encoded = self._model.model.encoder(features)
        if self._device == "cuda":
            self._torch.cuda.synchronize()

    def decode(self, batch: int, tokens: int) -> int:
        torch = self._torch
        made: list[Any] = []
        cache = None
        ids = torch.tensor([PROMPT] * batch, device=self._device)
        with torch.inference_mode():
            for _ in range(tokens):
                output = self._model(
                    decoder_input_ids=ids,
                    encoder_outputs=self._encoded,
                    past_key_values=cache,
                    use_cache=True,
                )
                cache = output.past_key_values
                logits = output.logits[:, -1]
                logits[:, END_OF_TEXT] = float("-inf")
                ids = logits.argmax(-1, keepdim=True)
                made.append(ids)
            return len(torch.cat(made, dim=-1)[0].tolist())

    def transcribe(self, samples: NDArray[np.float32], how: Listening) -> Heard:
        raise NotImplementedError("transformers is measured on windows only")
