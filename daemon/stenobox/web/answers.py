"""What the answers in JSON hold. `render.py` fills these in, and the OpenAPI document is made from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stenobox.types import JobState, Role, Scope

Moment = Annotated[
    str, Meta(description="ISO 8601 in UTC, to the millisecond", extra_json_schema={"format": "date-time"})
]
Seconds = Annotated[float, Meta(ge=0, description="Seconds")]
Bytes = Annotated[int, Meta(ge=0, description="Bytes")]
# Not a tuple: tools that read OpenAPI take schemas by position (prefixItems) for faults.
Range = Annotated[list[int], Meta(min_length=2, max_length=2)]
PriorityName = Literal["interactive", "normal", "batch"]
Access = Annotated[
    Literal["own", "edit", "read"],
    Meta(description="What the caller may do with it: all, read and correct, or read"),
]


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """All that an answer holds is in its type: the document says so, and tests read answers by it."""


class JobError(Said):
    """Why a job failed."""

    code: Annotated[str, Meta(description="Stable, for scripts")]
    detail: Annotated[str, Meta(description="A sentence for people")]


class Job(Said):
    """A recording on its way to a transcript."""

    id: str
    state: JobState
    recording_id: str
    filename: Annotated[str, Meta(description="What the sender called it")]
    title: Annotated[str, Meta(description="The recording's, which it has in any case")]
    tags: Annotated[list[str], Meta(description="The recording's")]
    priority: PriorityName
    progress: Annotated[float, Meta(ge=0, le=1, description="Share of the recording that is done")]
    model: str
    language: Annotated[str | None, Meta(description="As asked for; null lets the model find out")]
    task: Literal["transcribe", "translate"]
    channels: Annotated[Literal["mix", "split"], Meta(description="Mixed, or each with lines of its own")]
    attempt: Annotated[int, Meta(ge=0)]
    error: JobError | None
    duration: Annotated[Seconds | None, Meta(description="Of the recording; null while it is not known")]
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    audio_removed_at: Annotated[Moment | None, Meta(description="When the audio's days were over")]
    trashed_at: Moment | None
    owner: Annotated[str, Meta(description="Name of the account")]
    access: Access


class JobPage(Said):
    """Jobs, the newest first."""

    jobs: list[Job]
    next: Annotated[str | None, Meta(description="The `cursor` of the next page; null on the last")]


class FileProblem(Said):
    """Why one file of several became no job."""

    filename: str
    code: str
    detail: str


class JobsMade(Said, omit_defaults=True):
    """What became of several files in one form."""

    jobs: list[Job]
    problems: list[FileProblem] = []


Channel = Annotated[int | None, Meta(description="It was heard in, from 0; null where channels are mixed")]


class Line(Said):
    """Text that was heard, and when."""

    id: int
    start: Seconds
    end: Seconds
    text: str
    channel: Channel


class Lines(Said):
    """The lines so far of a job that runs."""

    segments: list[Line]


class Word(Said):
    """A word with the punctuation next to it."""

    word: str
    start: Seconds
    end: Seconds
    probability: Annotated[float, Meta(ge=0, le=1)]


class Segment(Said):
    """A line of a transcript, with what the model thought of it."""

    id: int
    start: Seconds
    end: Seconds
    text: str
    avg_logprob: Annotated[float, Meta(description="Mean natural-log probability of its tokens")]
    no_speech_prob: Annotated[float, Meta(ge=0, le=1)]
    compression_ratio: float
    temperature: float
    channel: Channel
    words: Annotated[list[Word] | None, Meta(description="Where the option `words` was set")] = None


class Provenance(Said):
    """What made a transcript, so that it can be repeated."""

    model: str
    model_sha256: str
    target: str
    provider: str
    engine_version: str
    options: dict[str, Any]
    audio_sha256: str
    realtime_factor: Annotated[float, Meta(description="Work time over duration")]


class Transcript(Said):
    """A transcript, as `format=json` gives it."""

    job_id: str
    language: str
    duration: Seconds
    text: str
    segments: list[Segment]
    provenance: Provenance
    created_at: Moment
    version: Annotated[int, Meta(ge=1, description="1 is the model's own; later ones are corrections")]


class Recording(Said):
    """The bytes that somebody sent, and what people know of them."""

    id: str
    owner: Annotated[str, Meta(description="Name of the account")]
    title: Annotated[str, Meta(description="As given; otherwise the file's own, otherwise its name")]
    tags: list[str]
    filename: Annotated[str, Meta(description="What the sender called it")]
    size: Bytes
    sha256: str
    duration: Seconds | None
    recorded: Annotated[str | None, Meta(description="When, as exactly as the file says: a year to a second")]
    created_at: Moment
    stored_at: Annotated[Moment, Meta(description="When the bytes last came in: its age counts from then")]
    audio_days: Annotated[int | None, Meta(description="Days for the audio: 0 forever, null by the settings")]
    transcript_days: Annotated[int | None, Meta(description="Days for all of it; 0 and null as above")]
    audio_removed_at: Moment | None
    trashed_at: Moment | None
    access: Access


class RecordingPage(Said):
    """Recordings, the newest first."""

    recordings: list[Recording]
    next: Annotated[str | None, Meta(description="The `cursor` of the next page; null on the last")]


class Peaks(Said, kw_only=True):
    """A waveform in the form of BBC's audiowaveform (its JSON, version 2)."""

    version: int = 2
    channels: int = 1
    sample_rate: int
    samples_per_pixel: int
    bits: int = 8
    length: Annotated[int, Meta(ge=0, description="How many stretches")]
    data: Annotated[list[int], Meta(description="Lowest and highest of each stretch in turn, -127 to 127")]


class Upload(Said):
    """An upload in pieces."""

    id: str
    filename: str
    size: Bytes | None
    received: Annotated[int, Meta(ge=0, description="Bytes that are durable")]
    ranges: Annotated[list[Range], Meta(description="Which they are: [first, one after the last]")]
    chunk_size: Annotated[int, Meta(description="Largest piece that is taken, in bytes")]
    expires_at: Moment | None
    job_id: str | None


class Model(Said):
    """A model that a job may name."""

    name: str
    target: str
    default: bool
    demo: bool
    licence: str | None


class Language(Said):
    """A language that a job may name."""

    code: str
    name: str


class Catalogue(Said):
    """What a sender may choose."""

    models: list[Model]
    languages: list[Language]


class Account(Said):
    """What users are told of themselves."""

    name: str
    role: Role


class OwnAccount(Account):
    """What users are told when they ask."""

    used_bytes: Annotated[int, Meta(ge=0, description="Bytes of recordings kept, the trash included")]
    quota_bytes: Annotated[int | None, Meta(description="Bytes that may be kept; null is no limit")]
    trash_days: Annotated[int, Meta(description="Days for which what was deleted can come back")]


class User(Said):
    """What administrators see of an account."""

    id: int
    name: str
    role: Role
    disabled: bool
    second_factor: Annotated[bool, Meta(description="Whether signing in takes a code too")]
    used_bytes: Bytes
    quota_bytes: Annotated[int | None, Meta(description="As set: null follows the settings, 0 is no limit")]
    created_at: Moment


class UserList(Said):
    """Every account."""

    users: list[User]


class Removal(Said):
    """Whether an account is gone or, since recordings belong to it, disabled."""

    outcome: Literal["removed", "disabled"]


class Key(Said):
    """An API key, without what it opens."""

    id: int
    name: str
    user: str
    prefix: Annotated[str, Meta(description="How the key begins")]
    scopes: Annotated[list[Scope], Meta(description="What it may be used for, within what its account may")]
    created_at: Moment
    expires_at: Annotated[Moment | None, Meta(description="null: when it is revoked")]
    last_used_at: Moment | None


class KeyMade(Key):
    """A new API key. No other answer holds it."""

    secret: Annotated[str, Meta(description="The key itself; keep it, it is not shown again")]


class KeyList(Said):
    """API keys."""

    keys: list[Key]


class SetupState(Said):
    """Whether the box waits for its first account, and what a page has to say before anything else."""

    needed: bool
    encrypted: Annotated[bool, Meta(description="false: others on the network can read along")]


class Status(Said, omit_defaults=True):
    """What probes read."""

    status: Literal["alive", "ready", "not ready"]
    failing: Annotated[list[str], Meta(description="Names of the checks that fail")] = []


class Check(Said):
    """One thing that has to be well."""

    name: str
    ok: bool
    detail: str


class Health(Said):
    """Every check."""

    ok: bool
    checks: list[Check]


class JobStats(Said):
    """How many jobs are in which state."""

    states: dict[JobState, int]
    oldest_queued_seconds: Seconds | None


class Problem(Said):
    """A refusal: RFC 9457, with two fields of ours."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Meta(description="A sentence for people")]
    instance: str
    code: Annotated[str, Meta(description="Stable, for scripts")]
    request_id: Annotated[str, Meta(description="Finds the request in the log")]
