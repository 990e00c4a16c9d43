"""What administrators are told of the box itself: its models, its settings, how fast it is."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from stenobox.web.answers import Bytes, Said, Seconds

Factor = Annotated[float | None, Meta(description="Work over length: less is faster. null without any job")]
Share = Annotated[float, Meta(description="0 to 1")]


class InstalledModel(Said):
    """A model on the box."""

    name: str
    target: Annotated[str, Meta(description="What it was built for; empty where its manifest is unreadable")]
    provider: Annotated[str, Meta(description="What would run it: `cpu` or `cuda`; empty as above")]
    size: Bytes
    sha256: Annotated[str, Meta(description="Of its manifest, and so of every byte of it")]
    licence: str
    source: Annotated[str, Meta(description="Where its checkpoint came from")]
    usable: bool
    problem: Annotated[str | None, Meta(description="Why it is not usable, and what to do")]
    default: Annotated[bool, Meta(description="Jobs that name no model get it")]
    loaded: Annotated[bool, Meta(description="In memory now")]
    waiting: Annotated[int, Meta(ge=0, description="Jobs that wait or run and name it")]


class InstalledModels(Said):
    """Every model on the box."""

    models: list[InstalledModel]


class Verified(Said):
    """What hashing every file of a model found."""

    ok: bool
    code: Annotated[Literal["file_differs", "unreadable"] | None, Meta(description="Stable, for scripts")]
    file: Annotated[str | None, Meta(description="The first file that differs")]
    detail: Annotated[str | None, Meta(description="A sentence for people")]


class Setting(Said):
    """A setting in force."""

    name: str
    value: Annotated[
        str | int | float | bool | list[str] | None, Meta(description="null: not set, or a secret")
    ]
    default: str | int | float | bool | list[str] | None
    origin: Annotated[Literal["default", "file", "environment", "command"], Meta(description="Who said so")]
    secret: Annotated[bool, Meta(description="Its value is not shown")]
    is_set: bool
    meaning: str


class Section(Said):
    """Settings that belong together; those above all sections have an empty name."""

    name: str
    settings: list[Setting]


class SettingWarning(Said):
    """Something that makes the box less safe than it could be."""

    code: Annotated[str, Meta(description="What was looked at; stable, for scripts")]
    text: Annotated[str, Meta(description="What is wrong, and what to do")]


class BoxSettings(Said):
    """The settings in force."""

    sections: list[Section]
    inboxes: Annotated[list[Section], Meta(description="Hot folders, each with its settings")]
    warnings: list[SettingWarning]


class Spread(Said):
    """Many values in short."""

    count: Annotated[int, Meta(ge=0)]
    median: float | None
    p90: Annotated[float | None, Meta(description="What nine of ten are at most")]


class ModelSpeed(Said):
    """How fast a model was."""

    model: str
    jobs: Annotated[int, Meta(ge=0)]
    realtime_factor_median: Factor
    realtime_factor_p90: Factor


class DoneLately(Said):
    """What was done in a stretch of time."""

    jobs: Annotated[int, Meta(ge=0)]
    audio_seconds: Seconds
    work_seconds: Annotated[Seconds, Meta(description="Of jobs side by side each counts")]
    models: list[ModelSpeed]


class RequestFigures(Said):
    """HTTP since the start."""

    count: Annotated[int, Meta(ge=0)]
    per_second: float
    p50_seconds: Annotated[float | None, Meta(description="Of answers that end, as exact as the metrics are")]
    p99_seconds: float | None


class HostFigures(Said):
    """The machine; null where it could not be asked."""

    load1: Annotated[float | None, Meta(description="Load average of the last minute")]
    cpus: int | None
    memory_total: Bytes | None
    memory_available: Bytes | None
    disk_free: Bytes | None
    disk_size: Bytes | None


class GpuFigures(Said):
    """A GPU; null for what it does not tell."""

    index: int
    healthy: bool
    utilization: Share | None
    memory_used: Bytes | None
    memory_total: Bytes | None
    temperature: Annotated[float | None, Meta(description="Degrees Celsius")]
    power: Annotated[float | None, Meta(description="Watts")]


class PerformanceFigures(Said):
    """Why it is slow, if it is."""

    uptime_seconds: Seconds
    last_hour: DoneLately
    last_day: DoneLately
    complete: Annotated[bool, Meta(description="false: only the newest jobs of the day were looked at")]
    waiting_seconds: Annotated[Spread, Meta(description="From coming in to the first attempt, in a day")]
    event_loop_lag_p99_seconds: Annotated[float | None, Meta(description="Since the start")]
    requests: RequestFigures
    host: HostFigures
    gpus: list[GpuFigures]
