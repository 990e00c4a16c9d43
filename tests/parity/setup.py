"""What all parts share: the models, the recordings, the engines (each made when first asked for)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.answers import Answers, Transcript
from parity.cases import Case
from parity.converting import ctranslate2_folder, hf_folder
from parity.faster_peer import FasterWhisper
from parity.openai_peer import OpenAiWhisper
from parity.ours import Ours
from parity.recordings import Recording, composed, spoken
from parity.transformers_peer import Transformers

__all__ = ["Engines", "Setup"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Setup:
    """What was asked for: the length of the long recordings, and the folder of the cache."""

    cache: Path
    seconds: float
    seed: int = 1

    @cached_property
    def answers(self) -> Answers:
        """The peers' transcripts, from this run and earlier ones."""
        return Answers(self.cache / "answers")

    @cached_property
    def speech(self) -> Recording:
        """Half a minute that every model is given, two windows long with their overlap."""
        return composed(45.0, self.seed + 100)

    @cached_property
    def medium(self) -> Recording:
        """Two minutes, for what is tried with many options."""
        return composed(120.0, self.seed + 200)

    @cached_property
    def long(self) -> tuple[Recording, ...]:
        """The long recordings: from the repository's own speech, and by espeak-ng where it is installed."""
        recordings = [composed(self.seconds, self.seed)]
        try:
            recordings.append(spoken(self.seconds, self.seed))
        except OSError:
            print("espeak-ng is not installed: long recordings only from the repository's own speech")
        return tuple(recordings)


class Engines:
    """The engines with one case's weights. They are many and large: hold one of these at a time."""

    def __init__(self, case: Case, setup: Setup) -> None:
        self.case = case
        self.setup = setup

    @cached_property
    def ours(self) -> Ours:
        return Ours(self.case.bundle("cpu-fp32"), threads=1)

    @cached_property
    def ours_int8(self) -> Ours:
        return Ours(self.case.bundle("cpu-int8"), threads=1)

    @cached_property
    def openai(self) -> OpenAiWhisper:
        return OpenAiWhisper(self.case.dims, self.case.weights)

    @cached_property
    def faster(self) -> FasterWhisper:
        return FasterWhisper(ctranslate2_folder(self.case, "float32"))

    @cached_property
    def faster_int8(self) -> FasterWhisper:
        return FasterWhisper(ctranslate2_folder(self.case, "int8"), "int8")

    @cached_property
    def transformers(self) -> Transformers:
        return Transformers(hf_folder(self.case))

    @cached_property
    def window(self) -> Floats:
        """openai-whisper's first window of `Setup.speech`, (n_mels, 3000)."""
        return np.ascontiguousarray(self.openai.log_mel(self.setup.speech.audio)[:, :3000])

    @property
    def start(self) -> list[int]:
        """The start sequence of an English transcript with timestamps."""
        return list(self.ours.model.tokenizer("en", "transcribe").sot_sequence)

    def openai_transcript(self, recording: Recording, **options: Any) -> Transcript:
        """openai-whisper's answer, from the cache if it was given before."""
        names = ("openai-whisper", "torch", "numpy", "numba")
        return self._cached(
            names, recording, options, lambda: self.openai.transcribe(recording.audio, **options)
        )

    def faster_transcript(self, recording: Recording, kind: str = "float32", **options: Any) -> Transcript:
        """faster-whisper's answer, from the cache if it was given before."""
        names = ("faster-whisper", "ctranslate2", "tokenizers", "numpy")
        peer = {"float32": lambda: self.faster, "int8": lambda: self.faster_int8}[kind]
        keyed = {**options, "compute_type": kind}
        return self._cached(names, recording, keyed, lambda: peer().transcribe(recording.audio, **options))

    def _cached(
        self,
        packages: tuple[str, ...],
        recording: Recording,
        options: Mapping[str, Any],
        make: Callable[[], Transcript],
    ) -> Transcript:
        key = {
            "engine": {name: version(name) for name in packages},
            "weights": self.case.sha256,
            "audio": recording.sha256,
            "options": dict(options),
        }
        return self.setup.answers.get(key, make)
