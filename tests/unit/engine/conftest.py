"""The demo model, loaded once, and speech to give it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from listening import ENGLISH
from whisper_onnx import Transcription, WhisperModel
from whisper_onnx import runtime as runtime_module

Samples = NDArray[np.float32]
SPEECH = Path(__file__).parent / "speech"


@pytest.fixture(scope="session")
def model(demo_bundle: Path) -> WhisperModel:
    """The demo model with three slots on one thread."""
    return WhisperModel(demo_bundle, threads=1, slots=3)


@pytest.fixture(scope="session")
def clips() -> dict[str, Samples]:
    """The sentences of speech/README.md by name, 16 kHz mono float32."""
    return {path.stem: soundfile.read(path, dtype="float32")[0] for path in sorted(SPEECH.glob("*.flac"))}


@pytest.fixture(scope="session")
def on_cpu() -> Callable[..., dict[str, Any]]:
    """How the parts that work on a device come by sessions and memory, when that is the CPU."""

    def means() -> dict[str, Any]:
        return {
            "load": lambda graph: runtime_module._session(graph, "cpu", 1, "a part"),
            "place": runtime_module._placed,
        }

    return means


@pytest.fixture(scope="session")
def say(clips: dict[str, Samples]) -> Callable[..., Samples]:
    """Puts clips, by name, and pauses, in seconds, one after another into a recording."""

    def together(*parts: str | float) -> Samples:
        pieces = [
            clips[part] if isinstance(part, str) else np.zeros(round(part * 16_000), np.float32)
            for part in parts
        ]
        return np.concatenate(pieces)

    return together


@pytest.fixture(scope="session")
def long(say: Callable[..., Samples]) -> Samples:
    """Three windows and more, with words in each."""
    return say(
        "computer",
        1.0,
        "digits",
        12.0,
        "table",
        9.0,
        "digits",
        20.0,
        "computer",
        2.0,
        "table",
        15.0,
        "digits",
    )


@pytest.fixture(scope="session")
def long_alone(model: WhisperModel, long: Samples) -> Transcription:
    transcription = model.transcribe(long, ENGLISH)
    assert len({segment.seek for segment in transcription.segments}) >= 3  # else the tests below test nothing
    return transcription
