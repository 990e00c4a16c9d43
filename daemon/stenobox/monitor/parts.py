"""What the monitor needs to know of parts that it may not import: they are on its own floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class ModelLike(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def provider(self) -> str: ...


class StatusLike(Protocol):
    """`worker.WorkerStatus`."""

    @property
    def alive(self) -> bool: ...
    @property
    def running(self) -> int: ...
    @property
    def loaded(self) -> Sequence[ModelLike]: ...
    @property
    def problem(self) -> str: ...


class WorkerLike(Protocol):
    """`worker.Worker`."""

    @property
    def status(self) -> StatusLike: ...


class InboxLike(Protocol):
    """`hotfolder.inbox.Inbox`."""

    @property
    def name(self) -> str: ...
    @property
    def problem(self) -> str: ...
    @property
    def waiting(self) -> int: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
