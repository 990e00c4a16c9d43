"""Values of the product as the JSON that pages and scripts read. Times are ISO 8601 in UTC, to the
millisecond.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from stenobox.access import KeyInfo
from stenobox.library import Entry, Use, Waveform
from stenobox.moments import maybe, moment
from stenobox.types import Event, Job, Priority, Right, User
from stenobox.web import answers


def job(value: Job) -> answers.Job:
    error = None if value.error is None else answers.JobError(value.error, value.error_detail or "")
    return answers.Job(
        id=value.id,
        state=value.state,
        recording_id=value.recording_id,
        filename=value.filename,
        title=value.title,
        tags=list(value.tags),
        priority=priority_name(value.priority),
        progress=round(value.progress, 4),
        model=value.options.model,
        language=value.options.language,
        task="translate" if value.options.task == "translate" else "transcribe",
        channels="split" if value.options.channels == "split" else "mix",
        attempt=value.attempt,
        error=error,
        duration=value.duration,
        created_at=moment(value.created_at),
        started_at=maybe(value.started_at),
        finished_at=maybe(value.finished_at),
        audio_removed_at=maybe(value.audio_removed_at),
        trashed_at=maybe(value.trashed_at),
        owner=value.owner,
        access=access(value.right),
    )


def access(value: Right) -> answers.Access:
    if value is Right.OWN:
        return "own"
    return "edit" if value is Right.EDIT else "read"


def priority_name(value: int) -> answers.PriorityName:
    """The name of the nearest priority at or below `value` in the line."""
    if value <= Priority.INTERACTIVE:
        return "interactive"
    return "normal" if value <= Priority.NORMAL else "batch"


def entry(value: Entry) -> answers.Recording:
    recording = value.recording
    return answers.Recording(
        id=recording.id,
        owner=value.owner,
        title=recording.title,
        tags=list(value.tags),
        filename=recording.filename,
        size=recording.size,
        sha256=recording.sha256,
        duration=recording.duration,
        recorded=recording.recorded,
        created_at=moment(recording.created_at),
        stored_at=moment(recording.stored_at),
        audio_days=recording.audio_days,
        transcript_days=recording.transcript_days,
        audio_removed_at=maybe(recording.audio_removed_at),
        trashed_at=maybe(recording.trashed_at),
        access=access(value.right),
    )


def waveform(value: Waveform) -> answers.Peaks:
    return answers.Peaks(
        sample_rate=value.sample_rate,
        samples_per_pixel=value.samples_per_pixel,
        length=value.length,
        data=list(value.data),
    )


def account(value: User) -> answers.Account:
    return answers.Account(value.name, value.role)


def own_account(value: User, use: Use, trash_days: int) -> answers.OwnAccount:
    return answers.OwnAccount(value.name, value.role, use.used, use.limit, trash_days)


def user(value: User, use: Use, second_factor: bool) -> answers.User:
    return answers.User(
        id=value.id,
        name=value.name,
        role=value.role,
        disabled=value.disabled,
        second_factor=second_factor,
        used_bytes=use.used,
        quota_bytes=use.own,
        created_at=moment(value.created_at),
    )


def key(value: KeyInfo) -> answers.Key:
    return answers.Key(**_key(value))


def key_made(value: KeyInfo, secret: str) -> answers.KeyMade:
    return answers.KeyMade(**_key(value), secret=secret)


def _key(value: KeyInfo) -> dict[str, Any]:
    return {
        "id": value.id,
        "name": value.name,
        "user": value.user,
        "prefix": value.prefix,
        "scopes": sorted(value.scopes),
        "created_at": moment(value.created_at),
        "expires_at": maybe(value.expires_at),
        "last_used_at": maybe(value.last_used_at),
    }


def event(value: Event, right: Right = Right.OWN) -> object:
    """The data of a server-sent event for somebody with this right; see `events.py` for the kinds."""
    if value.kind == "job":
        return job(dataclasses.replace(value.data["job"], right=right))
    return {name: what for name, what in value.data.items() if name != "texts"}
