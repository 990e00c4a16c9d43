"""A model folder, ready to transcribe."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from .batch import Batcher, Task
from .bundle import Bundle
from .dims import N_FRAMES, Dims
from .errors import OptionsError, ProviderError
from .features import LogMel, checked
from .needs import Encode, Needs, Partial, Prompt, Release, Scan, Slot
from .options import TranscribeOptions
from .recording import SCAN_FRAMES
from .runtime import Runtime
from .search import language_probabilities
from .tokenizer import Tokenizer
from .transcription import Segment, Transcription
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
        self._batcher: Batcher | None = None
        self._tokenizers: dict[tuple[str | None, str | None], Tokenizer] = {}

    @property
    def batcher(self) -> Batcher:
        """The batcher over all slots, in which everything that is asked of this object runs.

        The runtime serves one batcher at a time: who makes a Batcher of their own leaves the methods of this
        object alone while it has anything to do, or uses this one.
        """
        if self._batcher is None:
            self._batcher = Batcher(self, self.runtime.slots)
        return self._batcher

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
        for index, audio in enumerate(audios):
            done, failed = partial(results.__setitem__, index), partial(errors.__setitem__, index)
            self.batcher.add(Task(audio, options, on_done=done, on_error=failed))
        while len(results) + len(errors) < len(audios):
            self.batcher.step()
        if errors:
            raise errors[min(errors)]
        return [results[index] for index in range(len(audios))]

    @overload
    def stream(
        self,
        audio: Audio,
        options: TranscribeOptions | None = None,
        *,
        partial: Literal[False] = False,
        **overrides: Any,
    ) -> Iterator[Segment]: ...

    @overload
    def stream(
        self,
        audio: Audio,
        options: TranscribeOptions | None = None,
        *,
        partial: Literal[True],
        **overrides: Any,
    ) -> Iterator[Segment | Partial]: ...

    def stream(
        self,
        audio: Audio,
        options: TranscribeOptions | None = None,
        *,
        partial: bool = False,
        **overrides: Any,
    ) -> Iterator[Segment | Partial]:
        """Transcribes one recording and yields its segments, in order, each as soon as it is final.

        With `partial` it also yields what is heard of a window while that is being decoded, after every 8
        tokens; such a text may change altogether. The segments together are those that `transcribe` gives.
        Closing the iterator ends the work and frees its slots; several iterators may take turns.

        Raises OptionsError for a wrong option at once, and what `transcribe` raises while iterating.
        """
        task = Task(audio, _with(options or TranscribeOptions(), overrides))
        return self._streaming(task, partial)

    def _streaming(self, task: Task, partial: bool) -> Iterator[Segment | Partial]:
        heard: deque[Segment | Partial] = deque()
        done: list[Transcription] = []
        errors: list[Exception] = []
        task = replace(
            task,
            on_progress=lambda progress: heard.extend(progress.new_segments),
            on_partial=heard.append if partial else None,
            on_done=done.append,
            on_error=errors.append,
        )
        self.batcher.add(task)
        try:
            while not done and not errors:
                self.batcher.step()
                while heard:
                    yield heard.popleft()
            yield from heard  # another caller's steps may have ended it
            if errors:
                raise errors[0]
        finally:
            self.batcher.cancel(task)

    def detect_language(self, audio: Audio) -> tuple[str, dict[str, float]]:
        """The language of the first 30 seconds, and the probability of each language by code.

        An English-only model answers "en" with probability 1. Raises AudioError for unusable samples.
        """
        if not self.dims.is_multilingual:
            return "en", {"en": 1.0}
        checked(audio)
        probabilities: dict[str, float] = self.run(
            Task(audio, course=lambda model: _language_probabilities(model, audio))
        )
        return max(probabilities, key=probabilities.__getitem__), probabilities

    def run(self, task: Task) -> Any:
        """Steps the model's batcher until this task has ended: its result, or the exception it met.

        The task's `on_done` and `on_error` are not called. Whatever else the batcher has to do goes on
        meanwhile.
        """
        ended: list[Any] = []
        errors: list[Exception] = []
        task = replace(task, on_done=ended.append, on_error=errors.append)
        self.batcher.add(task)
        try:
            while not ended and not errors:
                self.batcher.step()
        finally:
            self.batcher.cancel(task)
        if errors:
            raise errors[0]
        return ended[0]


def _language_probabilities(model: WhisperModel, audio: Audio) -> Needs[dict[str, float]]:
    """The probability of each language in the first 30 seconds."""
    yield Scan()
    log_mel = LogMel(audio, model.dims.n_mels)
    while not log_mel.scan(SCAN_FRAMES):
        yield Scan()
    yield Slot()
    yield Encode(log_mel.at(0, N_FRAMES))
    tokenizer = model.tokenizer()
    logits = yield Prompt((tokenizer.sot,), rows=(0,))
    yield Release()
    return language_probabilities(tokenizer, logits[0])


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
