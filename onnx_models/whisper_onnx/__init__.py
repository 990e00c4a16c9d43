"""Whisper speech recognition on ONNX Runtime, without torch.

    from whisper_onnx import WhisperModel
    model = WhisperModel(Path("onnx_models/demo"))
    print(model.transcribe(samples).text)      # samples: 16 kHz mono float32

The names below are imported when they are first used, so that `import whisper_onnx` costs nothing to a
program that only wants, say, the language table of `whisper_onnx.dims`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .batch import Batcher, Progress, Task
    from .bundle import Bundle
    from .errors import (
        AudioError,
        BundleError,
        BundleHashError,
        CheckpointError,
        MemoryPlanError,
        OptionsError,
        OutOfMemory,
        ProviderError,
        WhisperError,
    )
    from .live import LiveSession, LiveUpdate
    from .model import WhisperModel
    from .needs import Partial
    from .options import TranscribeOptions
    from .transcription import Segment, Transcription, Word
    from .vad_options import VadOptions

__all__ = [
    "AudioError",
    "Batcher",
    "Bundle",
    "BundleError",
    "BundleHashError",
    "CheckpointError",
    "LiveSession",
    "LiveUpdate",
    "MemoryPlanError",
    "OptionsError",
    "OutOfMemory",
    "Partial",
    "Progress",
    "ProviderError",
    "Segment",
    "Task",
    "TranscribeOptions",
    "Transcription",
    "VadOptions",
    "WhisperError",
    "WhisperModel",
    "Word",
]

_HOMES: Final = {
    "batch": ("Batcher", "Progress", "Task"),
    "bundle": ("Bundle",),
    "errors": (
        "AudioError",
        "BundleError",
        "BundleHashError",
        "CheckpointError",
        "MemoryPlanError",
        "OptionsError",
        "OutOfMemory",
        "ProviderError",
        "WhisperError",
    ),
    "transcription": ("Segment", "Transcription", "Word"),
    "live": ("LiveSession", "LiveUpdate"),
    "model": ("WhisperModel",),
    "needs": ("Partial",),
    "options": ("TranscribeOptions",),
    "vad_options": ("VadOptions",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
