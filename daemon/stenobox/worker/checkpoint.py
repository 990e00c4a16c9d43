"""What a later attempt goes on from, and when it must not.

The engine's state is only worth something to the same model with the same options; a checkpoint names both,
and one that differs is ignored: the attempt starts from the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from stenobox.types import JobOptions
from stenobox.worker.channels import Part
from whisper_onnx import Segment

_VERSION = 2


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


@dataclass(frozen=True, slots=True)
class Resume:
    """Where an attempt begins: `parts` are the channels that are done, `state` the engine's in the next one
    (None: at its beginning), `work_seconds` what was spent on the job so far.
    """

    parts: tuple[Part, ...] = ()
    state: dict[str, Any] | None = None
    work_seconds: float = 0.0


def line(segment: Heard, *, before: int = 0, channel: int | None = None) -> dict[str, Any]:
    """A segment as pages see it while the job runs: id, start and end in seconds, text, channel.

    `before`: how many segments the channels before it have.
    """
    return {
        "id": before + segment.id,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text.strip(),
        "channel": channel,
    }


def lines(checkpoint: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The lines that were heard up to a checkpoint, as `line` gives them; none for another version's."""
    if checkpoint is None or checkpoint.get("version") != _VERSION:
        return []
    split = checkpoint["options"]["channels"] == "split"
    heard = [part["segments"] for part in checkpoint["parts"]] + [checkpoint["state"]["segments"]]
    found: list[dict[str, Any]] = []
    for channel, segments in enumerate(heard):
        before = len(found)
        for saved in segments:
            found.append(line(Segment.from_dict(saved), before=before, channel=channel if split else None))
    return found


def pack(
    state: Mapping[str, Any],
    *,
    parts: Sequence[Part],
    model_sha256: str,
    options: JobOptions,
    work_seconds: float,
) -> dict[str, Any]:
    """A checkpoint of the engine's `state` after some window; see `Resume`."""
    return {
        "version": _VERSION,
        "model_sha256": model_sha256,
        "options": asdict(options),
        "work_seconds": work_seconds,
        "parts": [part.to_dict() for part in parts],
        "state": dict(state),
    }


def unpack(checkpoint: Mapping[str, Any] | None, *, model_sha256: str, options: JobOptions) -> Resume:
    """Where to go on; at the beginning when the checkpoint does not fit."""
    if checkpoint is None or checkpoint.get("version") != _VERSION:
        return Resume()
    if checkpoint.get("model_sha256") != model_sha256 or checkpoint.get("options") != asdict(options):
        return Resume()
    state, seconds = checkpoint.get("state"), checkpoint.get("work_seconds")
    if not isinstance(state, dict) or not isinstance(seconds, int | float):
        return Resume()
    parts = tuple(Part.from_dict(part) for part in checkpoint["parts"])
    return Resume(parts, state, float(seconds))
