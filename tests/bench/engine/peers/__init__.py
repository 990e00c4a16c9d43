"""The engines that are measured, and what each of them must be able to do.

Each module here has `imports()`, which imports the engine's packages, and `load(model, ...)`, which returns
an `Engine`: the two are timed apart. Importing one of these modules costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Mode = Literal["sequential", "batched"]
Device = Literal["cpu", "cuda"]

# <|startoftranscript|><|en|><|transcribe|>, <|endoftext|>; the same in every multilingual vocabulary but for
# the task, which large-v3's hundredth language shifts by one. A random model does not mind.
PROMPT: Final = (50258, 50259, 50359)
END_OF_TEXT: Final = 50257


@dataclass(frozen=True)
class Listening:
    """How a whole recording is transcribed, the same for every engine: greedy, temperature 0, no fallback.

    `tokens`: what each window must give, exactly, for models that babble; None lets the model end by itself.
    In `batched` mode speech detection is on and windows have no timestamps (faster-whisper's defaults); in
    `sequential` mode it is off, and a window has timestamps unless the number of tokens is fixed: a random
    model's timestamps would send each engine to other windows.
    """

    mode: Mode
    tokens: int | None = None
    condition_on_previous_text: bool = False

    @property
    def without_timestamps(self) -> bool:
        return self.mode == "batched" or self.tokens is not None


@dataclass(frozen=True)
class Heard:
    """What an engine made of a recording: the text, and the number of text tokens in it."""

    text: str
    tokens: int


class Engine(Protocol):
    """One model in one engine.

    `encode` takes the window's log-mel, (n_mels, 3000) float32, `batch` times; `decode` then decodes
    greedily, after the prompt, exactly `tokens` tokens for each of them, with no rules but that none is the
    end of the text, and returns how many it made for each. Both return when the work is done. An engine that
    cannot do more than one window at a time raises NotImplementedError, as one without a mode does in
    `transcribe`.
    """

    def encode(self, mel: NDArray[np.float32], batch: int) -> None: ...

    def decode(self, batch: int, tokens: int) -> int: ...

    def transcribe(self, samples: NDArray[np.float32], how: Listening) -> Heard: ...


@dataclass(frozen=True)
class Peer:
    """An engine with one kind of arithmetic.

    module: of this package; variant: handed to its `load`; format: a key of `weights.FORMATS`
    needs: modules that must be installed
    """

    name: str
    module: str
    variant: str
    format: str
    needs: tuple[str, ...]
    device: Device = "cpu"

    def missing(self) -> str | None:
        """Why this engine cannot be measured here, or None."""
        absent = [name for name in self.needs if find_spec(name) is None]
        return f"not installed: {', '.join(absent)}" if absent else None

    def imports(self) -> None:
        """Imports the engine's packages."""
        self._module().imports()

    def load(self, model: Path, *, threads: int, batch: int) -> Engine:
        """The model from a file or folder of `format`, for up to `batch` windows at once."""
        engine: Engine = self._module().load(model, self.variant, self.device, threads, batch)
        return engine

    def _module(self) -> Any:
        return import_module(f"{__name__}.{self.module}")


_OURS = ("onnxruntime", "whisper_onnx")
_CT2 = ("ctranslate2", "faster_whisper")
_ALL: Final = (
    Peer("ours int8", "ours", "cpu-int8", "ours-cpu-int8", _OURS),
    Peer("ours fp32", "ours", "cpu-fp32", "ours-cpu-fp32", _OURS),
    Peer("CTranslate2 int8", "faster_whisper", "int8", "ct2-int8", _CT2),
    Peer("CTranslate2 fp32", "faster_whisper", "float32", "ct2-float32", _CT2),
    Peer("openai-whisper fp32", "openai_whisper", "float32", "openai", ("torch", "whisper")),
    Peer("transformers fp32 sdpa", "transformers", "sdpa", "hf", ("torch", "transformers")),
    Peer("transformers fp32 eager", "transformers", "eager", "hf", ("torch", "transformers")),
    Peer("whisper.cpp f16", "whisper_cpp", "f16", "ggml-f16", ("pywhispercpp",)),
    Peer("whisper.cpp q8_0", "whisper_cpp", "q8_0", "ggml-q8_0", ("pywhispercpp",)),
    Peer("ours cuda fp16", "ours", "cuda-fp16", "ours-cuda-fp16", _OURS, "cuda"),
    Peer("CTranslate2 cuda fp16", "faster_whisper", "float16", "ct2-float16", _CT2, "cuda"),
    Peer("openai-whisper cuda fp16", "openai_whisper", "float16", "openai", ("torch", "whisper"), "cuda"),
    Peer("transformers cuda fp16 sdpa", "transformers", "sdpa", "hf", ("torch", "transformers"), "cuda"),
)
PEERS: Final[Mapping[str, Peer]] = MappingProxyType({peer.name: peer for peer in _ALL})


def peers_on(device: Device) -> list[Peer]:
    """The engines of one device, ours first."""
    return [peer for peer in _ALL if peer.device == device]
