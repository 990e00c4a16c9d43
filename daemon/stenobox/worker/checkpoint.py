"""What a later attempt goes on from, and when it must not.

The engine's state is only worth something to the same model with the same options; a checkpoint names both,
and one that differs is ignored: the attempt starts from the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from stenobox.types import JobOptions

_VERSION = 1


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
