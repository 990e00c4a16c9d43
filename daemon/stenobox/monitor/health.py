"""Is the box ready, and if not, what is wrong: one class for each check."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from stenobox.config import Settings
from stenobox.db import Database
from stenobox.errors import DiskFull, StenoboxError
from stenobox.files import free_bytes
from stenobox.log import get_logger
from stenobox.monitor.parts import WorkerLike
from stenobox.paths import Layout

CHECK_SECONDS = 5.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """`detail` is for an operator: what is wrong and what to do, or a short word that all is well."""

    name: str
    ok: bool
    detail: str


class Check(Protocol):
    """One question. `ask` answers (ok, detail); what it raises counts as not ok."""

    @property
    def name(self) -> str: ...

    async def ask(self) -> tuple[bool, str]: ...


class DatabaseCheck:
    """The one writer gets its turn and the disk takes a transaction."""

    name = "database"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self) -> tuple[bool, str]:
        try:
            async with self._database.write() as tx:
                # Touches no row, but takes the writer's lock as every upload does.
                await tx.execute("DELETE FROM queue_turns WHERE owner_id < 0")
        except DiskFull:
            return False, "The disk is full: the database cannot be written. Free some space."
        return True, "writable"


class DiskCheck:
    """Uploads leave `uploads.reserve_bytes` free; below that none is accepted."""

    name = "disk"

    def __init__(self, settings: Settings, layout: Layout) -> None:
        self._reserve = settings.uploads.reserve_bytes
        self._folder = layout.root

    async def ask(self) -> tuple[bool, str]:
        free = await asyncio.to_thread(free_bytes, self._folder)
        if free < self._reserve:
            return False, (
                f"{free >> 20} MiB are free for data, less than the {self._reserve >> 20} MiB in reserve "
                "(setting uploads.reserve_bytes): uploads are refused. Free some space."
            )
        return True, f"{free >> 20} MiB free"


class WorkerCheck:
    """The worker runs and its engine's thread answers."""

    name = "worker"

    def __init__(self, worker: WorkerLike) -> None:
        self._worker = worker

    async def ask(self) -> tuple[bool, str]:
        status = self._worker.status
        if not status.alive:
            return False, "The worker does not run, or the speech engine has not answered for minutes."
        return True, f"{status.running} jobs in work"


class ModelCheck:
    """The default model is loaded."""

    name = "model"

    def __init__(self, worker: WorkerLike) -> None:
        self._worker = worker

    async def ask(self) -> tuple[bool, str]:
        status = self._worker.status
        if status.problem:
            return False, status.problem
        return True, ", ".join(f"{model.name} on {model.provider}" for model in status.loaded) or "ready"


class Health:
    """All checks of the box."""

    def __init__(self, settings: Settings, layout: Layout, database: Database, worker: WorkerLike) -> None:
        self._checks: tuple[Check, ...] = (
            DatabaseCheck(database),
            DiskCheck(settings, layout),
            WorkerCheck(worker),
            ModelCheck(worker),
        )

    async def report(self) -> tuple[Finding, ...]:
        """Ask everything at once. Never raises; a check that takes longer than CHECK_SECONDS is not ok.

        The box is ready when every finding is ok.
        """
        return tuple(await asyncio.gather(*(self._finding(check) for check in self._checks)))

    @staticmethod
    async def _finding(check: Check) -> Finding:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                ok, detail = await check.ask()
        except TimeoutError:
            return Finding(check.name, ok=False, detail=f"no answer within {CHECK_SECONDS:.0f} seconds")
        except StenoboxError as error:
            return Finding(check.name, ok=False, detail=error.detail)
        except Exception as error:
            log.exception("check_failed", error, check=check.name)  # noqa: PLE1205  # an EventLogger
            return Finding(check.name, ok=False, detail="The check itself failed; the log has the details.")
        return Finding(check.name, ok, detail)
