"""What a later attempt goes on from, and when it must not.

The engine's state is only worth something to the same model with the same options; a checkpoint names both,
and one that differs is ignored: the attempt starts from the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from stenobox.types import JobOptions
from whisper_onnx import Segment

_VERSION = 1


class Heard(Protocol):
    """A segment of the engine."""

    @property
    def id(self) -> int: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def text(self) -> str: ...


def line(segment: Heard) -> dict[str, Any]:
    """A segment as pages see it while the job runs: id, start and end in seconds, text."""
    return {"id": segment.id, "start": segment.start, "end": segment.end, "text": segment.text.strip()}


def lines(checkpoint: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The lines that were heard up to a checkpoint, as `line` gives them; none for another version's."""
    if checkpoint is None or checkpoint.get("version") != _VERSION:
        return []
    return [line(Segment.from_dict(saved)) for saved in checkpoint["state"]["segments"]]


def pack(
    state: Mapping[str, Any], *, model_sha256: str, options: JobOptions, work_seconds: float
) -> dict[str, Any]:
    """A checkpoint of the engine's `state` after some window; `work_seconds` were spent on the job so far."""
    return {
        "version": _VERSION,
        "model_sha256": model_sha256,
        "options": asdict(options),
        "work_seconds": work_seconds,
        "state": dict(state),
    }


def unpack(
    checkpoint: Mapping[str, Any] | None, *, model_sha256: str, options: JobOptions
) -> tuple[dict[str, Any] | None, float]:
    """The engine's state and the seconds of work already spent; (None, 0.0) when it does not fit."""
    if checkpoint is None or checkpoint.get("version") != _VERSION:
        return None, 0.0
    if checkpoint.get("model_sha256") != model_sha256 or checkpoint.get("options") != asdict(options):
        return None, 0.0
    state, seconds = checkpoint.get("state"), checkpoint.get("work_seconds")
    if not isinstance(state, dict) or not isinstance(seconds, int | float):
        return None, 0.0
    return state, float(seconds)
