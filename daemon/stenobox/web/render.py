"""Values of the product as the JSON that pages and scripts read. Times are ISO 8601 in UTC, to the
millisecond.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stenobox.access import KeyInfo
from stenobox.types import Event, Job, Priority, Recording, User


def moment(seconds: float | None) -> str | None:
    """Unix seconds as `2026-01-31T09:30:00.000Z`."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job(value: Job) -> dict[str, Any]:
    """`error.detail` is a sentence for people; `error.code` is stable."""
    error = None if value.error is None else {"code": value.error, "detail": value.error_detail or ""}
    return {
        "id": value.id,
        "state": value.state.value,
        "recording_id": value.recording_id,
        "filename": value.filename,
        "priority": priority_name(value.priority),
        "progress": round(value.progress, 4),
        "model": value.options.model,
        "language": value.options.language,
        "task": value.options.task,
        "attempt": value.attempt,
        "error": error,
        "duration": value.duration,
        "created_at": moment(value.created_at),
        "started_at": moment(value.started_at),
        "finished_at": moment(value.finished_at),
    }


def priority_name(value: int) -> str:
    """The name of the nearest priority at or below `value` in the line."""
    return next((p.name.lower() for p in Priority if value <= p), Priority.BATCH.name.lower())


def recording(value: Recording) -> dict[str, Any]:
    return {
        "id": value.id,
        "filename": value.filename,
        "size": value.size,
        "sha256": value.sha256,
        "duration": value.duration,
        "created_at": moment(value.created_at),
    }


def account(value: User) -> dict[str, Any]:
    """What a user is told of themselves."""
    return {"name": value.name, "role": value.role.value}


def user(value: User) -> dict[str, Any]:
    """What administrators see."""
    return {
        "id": value.id,
        "name": value.name,
        "role": value.role.value,
        "disabled": value.disabled,
        "created_at": moment(value.created_at),
    }


def key(value: KeyInfo) -> dict[str, Any]:
    return {
        "id": value.id,
        "name": value.name,
        "user": value.user,
        "prefix": value.prefix,
        "created_at": moment(value.created_at),
        "last_used_at": moment(value.last_used_at),
    }


def event(value: Event) -> dict[str, Any]:
    """The data of a server-sent event; see `events.py` for the kinds."""
    if value.kind == "job":
        return job(value.data["job"])
    return value.data
