"""A model folder, ready to transcribe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .batch import Batcher, Task
from .bundle import Bundle
from .dims import N_FRAMES, Dims
from .errors import OptionsError, ProviderError
from .features import LogMel
from .options import TranscribeOptions
from .runtime import Runtime
from .search import language_probabilities
from .tokenizer import Tokenizer
from .transcription import Transcription
from .vad import Detectors

Audio = NDArray[np.floating]


class WhisperModel:
    """A bundle with its runtime: transcribes 16 kHz mono float32 recordings of any length.

    `folder` is a model folder, or a bundle loaded already. `provider` "auto" is what the bundle was built
    for. `threads` is the number of threads of one run on the CPU (None: the runtime's choice), `slots` the
    number of windows decoded together. Not thread-safe: one thread uses a model at a time.

    `warm_up` runs the model once, so that the first recording does not pay for what a first run sets up; None
    does so on CUDA alone. On the CPU a first window takes some 0.3 s longer (base), and warming up as long.

    Raises BundleError (BundleHashError) for a folder that is not as its manifest says, ProviderError when the
    provider does not fit the bundle's target or cannot be used on this machine, and MemoryPlanError when the
    model would need more memory than is free (OutOfMemory if that runs out all the same).
    """

    def __init__(
        self,
        folder: Path | Bundle,
        *,
        provider: Literal["auto", "cpu", "cuda"] = "auto",
        threads: int | None = None,
        slots: int = 8,
        warm_up: bool | None = None,
    ) -> None:
        # Not verified here: the runtime hashes the very bytes that it loads.
        self.bundle = folder if isinstance(folder, Bundle) else Bundle.load(Path(folder), verify=False)
        self.provider = _provider(self.bundle.target, provider)
        self.runtime = Runtime(self.bundle, provider=self.provider, slots=slots, threads=threads)
        if self.provider == "cuda" if warm_up is None else warm_up:
            self.runtime.warm_up()
        self.detectors = Detectors()
        self._tokenizers: dict[tuple[str | None, str | None], Tokenizer] = {}

    @property
    def dims(self) -> Dims:
        """The model's dimensions."""
        return self.bundle.dims

    def tokenizer(self, language: str | None = None, task: str | None = None) -> Tokenizer:
        """The model's tokenizer for a language and task; OptionsError for a language it does not have."""
        key = (language, task)
        if key not in self._tokenizers:
            dims = self.dims
            self._tokenizers[key] = Tokenizer(dims.is_multilingual, dims.num_languages, language, task)
        return self._tokenizers[key]

    def transcribe(
        self, audio: Audio, options: TranscribeOptions | None = None, **overrides: Any
    ) -> Transcription:
        """Transcribes one recording, (n_samples,); `overrides` are fields of the options.

        Raises AudioError for unusable samples and OptionsError for an option that is wrong or that the model
        cannot do.
        """
        return self.transcribe_many([audio], options, **overrides)[0]

    def transcribe_many(
        self, audios: Sequence[Audio], options: TranscribeOptions | None = None, **overrides: Any
    ) -> list[Transcription]:
        """Transcribes recordings together, in the order given, with the same options.

        All of them are transcribed before the first exception, if any recording met one, is raised.
        """
        options = _with(options or TranscribeOptions(), overrides)
        results: dict[int, Transcription] = {}
        errors: dict[int, Exception] = {}
        batcher = Batcher(self, self.runtime.slots)
        for index, audio in enumerate(audios):
            batcher.add(
                Task(
                    audio,
                    options,
                    on_done=partial(results.__setitem__, index),
                    on_error=partial(errors.__setitem__, index),
                )
            )
        batcher.run()
        if errors:
            raise errors[min(errors)]
        return [results[index] for index in range(len(audios))]

    def detect_language(self, audio: Audio) -> tuple[str, dict[str, float]]:
        """The language of the first 30 seconds, and the probability of each language by code.

        An English-only model answers "en" with probability 1. Raises AudioError for unusable samples.
        """
        if not self.dims.is_multilingual:
            return "en", {"en": 1.0}
        mel = LogMel(audio, self.dims.n_mels).window(0, N_FRAMES)
        self.runtime.encode([0], mel[None])
        tokenizer = self.tokenizer()
        probabilities = language_probabilities(tokenizer, self.runtime.prompt(0, [tokenizer.sot])[0])
        return max(probabilities, key=probabilities.__getitem__), probabilities


def _with(options: TranscribeOptions, overrides: dict[str, Any]) -> TranscribeOptions:
    """The options with some fields replaced, and checked again."""
    if unknown := sorted(overrides.keys() - TranscribeOptions.__slots__):
        raise OptionsError(unknown[0], "there is no such option")
    return replace(options, **overrides)


def _provider(target: str, wanted: str) -> Literal["cpu", "cuda"]:
    """The provider for a target such as "cpu-fp32". Raises ProviderError when another one is wanted."""
    built_for = target.partition("-")[0]
    if wanted not in ("auto", "cpu", "cuda"):
        raise ProviderError(f"unknown provider {wanted!r}: expected auto, cpu or cuda")
    if built_for not in ("cpu", "cuda"):
        raise ProviderError(f"the model was built for {target!r}, which this version does not run")
    if wanted not in ("auto", built_for):
        raise ProviderError(
            f"the model was built for {target}, not for {wanted}; build it again from its checkpoint"
        )
    return "cpu" if built_for == "cpu" else "cuda"
