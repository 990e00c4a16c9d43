"""transformers: the encoder, teacher-forced logits, and the tokens of one window."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging

__all__ = ["Transformers"]

Floats = NDArray[np.float32]


class Transformers:
    """`WhisperForConditionalGeneration` in float32 from a folder in its own layout."""

    def __init__(self, folder: Path) -> None:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        self.model = model.eval()

    @torch.inference_mode()
    def encode(self, mel: Floats) -> Floats:
        """(1, n_mels, 3000) -> (1, 1500, state)."""
        return np.asarray(self.model.model.encoder(torch.from_numpy(mel)).last_hidden_state)

    @torch.inference_mode()
    def logits(self, encoded: Floats, tokens: Sequence[int]) -> Floats:
        """The decoder's logits of every position, (len(tokens), n_vocab); `encoded` is (1, 1500, state)."""
        given = BaseModelOutput(last_hidden_state=torch.from_numpy(encoded))
        ids = torch.tensor([list(tokens)])
        return np.asarray(self.model(encoder_outputs=given, decoder_input_ids=ids).logits[0])

    @torch.inference_mode()
    def exact_logits(self, mel: Floats, tokens: Sequence[int]) -> NDArray[np.float64]:
        """As `logits`, but all of it in float64, from a log-mel window, (1, n_mels, 3000), on."""
        encoded = self._in_float64.model.encoder(torch.from_numpy(mel).double())
        ids = torch.tensor([list(tokens)])
        return np.asarray(self._in_float64(encoder_outputs=encoded, decoder_input_ids=ids).logits[0])

    @cached_property
    def _in_float64(self) -> Any:
        return copy.deepcopy(self.model).double()

    @torch.inference_mode()
    def decode(self, mel: Floats, *, beams: int = 1) -> list[int]:
        """The tokens of one window, (n_mels, 3000), with timestamps, in English.

        Where a window ends before its 30 s, it decodes the rest as a window of its own and puts those tokens
        after the first ones.
        """
        spoken = {"language": "en", "task": "transcribe"} if self._is_multilingual else {}
        ids = self.model.generate(
            torch.from_numpy(mel[np.newaxis]),
            return_timestamps=True,
            num_beams=beams,
            do_sample=False,
            max_new_tokens=224,
            **spoken,
        )
        end = self.model.generation_config.eos_token_id
        return [int(token) for token in ids[0] if token != end]

    @property
    def _is_multilingual(self) -> bool:
        return bool(self.model.generation_config.is_multilingual)
