"""The vocabulary that every floor shares: frozen values, no behaviour beyond deriving one from another.

Times of day are Unix seconds (float, UTC); positions and durations in a recording are seconds (float).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any


class Role(StrEnum):
    ADMIN = "admin"
    USER = "user"
    VIEWER = "viewer"


class Scope(StrEnum):
    """What an API key may be used for, within what its account may do."""

    READ = "read"
    UPLOAD = "upload"
    ADMIN = "admin"
    METRICS = "metrics"


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    QUARANTINED = "quarantined"

    @property
    def final(self) -> bool:
        """True when no worker will touch the job again unless a person asks for it."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class Right(IntEnum):
    """What somebody may do with a recording and with what came of it; each holds those before it. EDIT is to
    correct transcripts.
    """

    READ = 1
    EDIT = 2
    OWN = 3


class Priority(IntEnum):
    """Lower goes first."""

    INTERACTIVE = 0
    NORMAL = 5
    BATCH = 10


@dataclass(frozen=True, slots=True)
class User:
    id: int
    name: str
    role: Role
    disabled: bool
    created_at: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request comes from, and how that was proved: `session`, `key`, or `local` (on the box itself).

    `scopes` limit a key; None limits nothing.
    """

    user: User
    via: str
    scopes: frozenset[Scope] | None = None

    @property
    def is_admin(self) -> bool:
        """True for an administrator, but not by a key that was made for less."""
        return self.user.role is Role.ADMIN and (self.scopes is None or Scope.ADMIN in self.scopes)

    def owns(self, owner_id: int) -> bool:
        """Whether they may do with the things of this account what its owner may: administrators may."""
        return self.is_admin or owner_id == self.user.id


@dataclass(frozen=True, slots=True)
class Recording:
    """`sha256` names the bytes in `media/`; `filename` is what the sender called it, kept for people only.

    `title` is what people see: the one that somebody gave, else the one in the file's tags, else the file's
    name. `recorded` is when it was made as exactly as the file says it (ISO 8601). `stored_at` is when its
    bytes last came in. `audio_days` and `transcript_days` of None follow the settings, 0 is "never".
    `revision` grows with every change that a person could overwrite.
    """

    id: str
    owner_id: int
    sha256: str
    size: int
    filename: str
    duration: float | None
    created_at: float
    title: str = ""
    recorded: str | None = None
    stored_at: float = 0.0
    trashed_at: float | None = None
    audio_removed_at: float | None = None
    audio_days: int | None = None
    transcript_days: int | None = None
    revision: int = 1


@dataclass(frozen=True, slots=True)
class SpeechDetection:
    """What counts as speech where a recording is cut at its pauses (`mode` "batched"). `threshold` is a
    probability, the other two are milliseconds.
    """

    threshold: float = 0.5
    min_silence_ms: int = 160
    padding_ms: int = 400


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a sender may choose. `language` None means: detect it. `track` counts a film's tracks of sound
    from 1; 0 is the main one. `channels`: "mix" them, or "split" them into a transcript of each. `words`: the
    lines get the times of their words. `temperature` 0 tries higher ones only where a window fails. `mode`,
    `hotwords` and `vad` are the engine's; see `whisper_onnx.TranscribeOptions`.
    `webhook`: id of one that is told when the job is over, beside those that are told of every job.
    """

    model: str
    language: str | None = None
    task: str = "transcribe"
    prompt: str | None = None
    track: int = 0
    channels: str = "mix"
    words: bool = False
    hotwords: str | None = None
    temperature: float = 0.0
    mode: str = "sequential"
    vad: SpeechDetection | None = None
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """`progress` is the share of the recording done, 0 to 1; `error` is the code of the last failure.

    `filename`, `title`, `tags`, `duration` and `audio_removed_at` are the recording's, and `owner` is its
    account's name, carried along because all who show a job show them. `right` is that of whoever asked.
    """

    id: str
    recording_id: str
    owner_id: int
    state: JobState
    priority: int
    options: JobOptions
    attempt: int
    progress: float
    error: str | None
    error_detail: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    filename: str = ""
    duration: float | None = None
    title: str = ""
    tags: tuple[str, ...] = ()
    audio_removed_at: float | None = None
    trashed_at: float | None = None
    owner: str = ""
    right: Right = Right.OWN


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to finish one attempt of one job. A worker's writes name it; a stale one raises LeaseLost."""

    job: Job
    attempt: int
    checkpoint: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Word:
    """A word with the punctuation next to it; times in seconds, `probability` as the model sees it."""

    word: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A line of a transcript; `start` and `end` in seconds. `channel` counts from 0; None where they were
    mixed. `words` is None unless their times were asked for. `seek` is the first hundredth of a second of the
    window that it was heard in, `tokens` are the model's, with its timestamps.
    """

    id: int
    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    channel: int | None = None
    words: tuple[Word, ...] | None = None
    seek: int = 0
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a transcript, so that it can be repeated. `realtime_factor`: work time over duration."""

    model: str
    model_sha256: str
    target: str
    provider: str
    engine_version: str
    options: dict[str, Any]
    audio_sha256: str
    realtime_factor: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """`version` 1 is what the model heard; later ones are corrections of it."""

    job_id: str
    language: str
    duration: float
    text: str
    segments: tuple[Segment, ...]
    provenance: Provenance
    created_at: float
    version: int = 1


@dataclass(frozen=True, slots=True)
class Event:
    """A change that a page may show at once. Only `owner_id`, admins and `readers` are told: those with whom
    it is shared, by their ids.
    """

    kind: str
    owner_id: int
    data: dict[str, Any] = field(default_factory=dict)
    readers: Mapping[int, Right] = field(default_factory=dict)

    def right_of(self, identity: Identity) -> Right | None:
        """None for whoever must not hear of it."""
        if identity.owns(self.owner_id):
            return Right.OWN
        return self.readers.get(identity.user.id)
