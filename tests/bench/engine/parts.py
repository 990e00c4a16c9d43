"""Where the time of a whole recording goes: features, speech detection, encoder, decoder, the rest.

The clocks are put around the engines' own functions, in the measuring process only. Parts that the engine
runs lazily, or that call each other, are told by the innermost clock alone.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

# part -> module and dotted name of the functions that it consists of; of modules already imported
_CLOCKED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "features": (
            ("faster_whisper.feature_extractor", "FeatureExtractor.__call__"),
            ("whisper_onnx.features", "LogMel.window"),
            ("whisper_onnx.features", "LogMel.scan"),
            ("whisper_onnx.features", "LogMel.__init__"),
            ("whisper.transcribe", "log_mel_spectrogram"),
        ),
        "speech detection": (
            ("faster_whisper.transcribe", "get_speech_timestamps"),
            ("whisper_onnx.runtime", "Graph.run"),
        ),
        "encoder": (
            ("faster_whisper.transcribe", "WhisperModel.encode"),
            ("whisper_onnx.runtime", "Runtime.encode"),
            ("whisper.model", "AudioEncoder.forward"),
        ),
        "prompt": (("whisper_onnx.runtime", "Runtime.prompt_together"),),
        "step": (("whisper_onnx.runtime", "Runtime.step"),),
        "decoder": (
            ("faster_whisper.transcribe", "WhisperModel.generate_with_fallback"),
            ("faster_whisper.transcribe", "BatchedInferencePipeline.generate_segment_batched"),
            ("whisper.model", "TextDecoder.forward"),
        ),
    }
)


@contextmanager
def where_time_goes(wanted: bool) -> Iterator[dict[str, float]]:
    """Seconds by part, filled when the block ends; empty unless `wanted`."""
    seconds: dict[str, float] = {}
    if not wanted:
        yield seconds
        return
    inner = [0.0]  # seconds of clocked functions within each one that is running
    restore: list[tuple[Any, str, Any]] = []
    for part, functions in _CLOCKED.items():
        for module, dotted in functions:
            owner: Any = sys.modules.get(module)
            *path, name = dotted.split(".")
            for step in path:
                owner = getattr(owner, step, None)
            if owner is not None and hasattr(owner, name):
                restore.append((owner, name, getattr(owner, name)))
                setattr(owner, name, _clocked(getattr(owner, name), part, seconds, inner))
    start = time.perf_counter()
    try:
        yield seconds
    finally:
        total = time.perf_counter() - start
        for owner, name, function in restore:
            setattr(owner, name, function)
        seconds["rest"] = total - sum(seconds.values())


def _clocked(
    function: Callable[..., Any], part: str, seconds: dict[str, float], inner: list[float]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        inner.append(0.0)
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            took = time.perf_counter() - start
            seconds[part] = seconds.get(part, 0.0) + took - inner.pop()
            inner[-1] += took

    return run
