"""openai-whisper, the reference: its model from arrays, and its answers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import whisper
from numpy.typing import NDArray
from whisper.model import ModelDimensions, Whisper

from parity.answers import Segment, Transcript, Word
from whisper_onnx.dims import Dims

__all__ = ["OpenAiWhisper"]

Floats = NDArray[np.float32]


class OpenAiWhisper:
    """openai-whisper in float32 on the CPU, with these weights."""

    def __init__(self, dims: Dims, weights: Mapping[str, NDArray[Any]]) -> None:
        self.model = Whisper(ModelDimensions(**dims.to_dict())).eval()
        state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in weights.items()}
        missing = self.model.load_state_dict(state, strict=False).missing_keys
        assert all(key.endswith("mask") for key in missing), missing

    def log_mel(self, audio: Floats) -> Floats:
        """(n_mels, frames) of the recording followed by 30 s of silence."""
        padded = whisper.log_mel_spectrogram(audio, self.model.dims.n_mels, padding=whisper.audio.N_SAMPLES)
        return np.asarray(padded.numpy())

    @torch.inference_mode()
    def encode(self, mel: Floats) -> Floats:
        """(n, n_mels, 3000) -> (n, 1500, state)."""
        return np.asarray(self.model.encoder(torch.from_numpy(mel)).numpy())

    @torch.inference_mode()
    def logits(self, encoded: Floats, tokens: Sequence[int]) -> Floats:
        """The decoder's logits of every position, (len(tokens), n_vocab); `encoded` is (1, 1500, state)."""
        return np.asarray(self.model.decoder(torch.tensor([list(tokens)]), torch.from_numpy(encoded))[0])

    @torch.inference_mode()
    def languages(self, mel: Floats) -> dict[str, float]:
        """Probability of each language in a window, (n_mels, 3000)."""
        probabilities: dict[str, float] = self.model.detect_language(torch.from_numpy(mel))[1]
        return probabilities

    def decode(self, mel: Floats, **options: Any) -> whisper.DecodingResult:
        """One window, (n_mels, 3000), by its `decode`."""
        return self.model.decode(torch.from_numpy(mel), whisper.DecodingOptions(fp16=False, **options))

    def transcribe(self, audio: Floats, **options: Any) -> Transcript:
        """Its `transcribe`. It keeps segments without text or length with both emptied; they are left out."""
        begun = time.monotonic()
        result = self.model.transcribe(audio, fp16=False, verbose=None, **options)
        took = time.monotonic() - begun
        return Transcript(tuple(_segment(s) for s in result["segments"] if s["tokens"]), result["text"], took)


def _segment(values: Mapping[str, Any]) -> Segment:
    words = tuple(
        Word(w["word"], float(w["start"]), float(w["end"]), float(w["probability"]))
        for w in values.get("words", ())
    )
    return Segment(
        seek=int(values["seek"]),
        start=float(values["start"]),
        end=float(values["end"]),
        text=values["text"],
        tokens=tuple(values["tokens"]),
        avg_logprob=float(values["avg_logprob"]),
        no_speech_prob=float(values["no_speech_prob"]),
        words=words,
    )
