"""The models of the box as its administrators see them: verified and removed while the box works.

Making and installing models is for the command line: their weights do not come over HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar

from stenobox.audit import Action, record
from stenobox.db import Database
from stenobox.errors import ModelInUse, NotFound, VerificationRuns
from stenobox.models import ModelInfo, ModelStore
from stenobox.shielding import finish
from whisper_onnx.bundle import Bundle
from whisper_onnx.errors import BundleError, BundleHashError
from whisper_onnx.manifest import TARGETS

T = TypeVar("T")

LOWEST: Final = 19
"""Of nice(2). The kernel takes a thread's priority of I/O from it too, see ioprio_set(2)."""

# What waits or runs, by the model that it names.
WANTED = """
SELECT json_extract(options, '$.model') AS model, COUNT(*) AS jobs FROM jobs
WHERE state IN ('queued', 'running') GROUP BY 1
"""


class LoadedLike(Protocol):
    """`worker.LoadedModel`."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Installed:
    """A model, what would run it ("" where its manifest cannot be read), and who needs it. `problem` says why
    it cannot be used; `waiting` counts the jobs that wait or run.
    """

    info: ModelInfo
    provider: str
    problem: str
    default: bool
    loaded: bool
    waiting: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What verifying found. `code` is None when every byte is as the manifest says, else `file_differs` with
    the name of the first such `file`, or `unreadable` when something is missing or no model at all.
    """

    code: Literal["file_differs", "unreadable"] | None = None
    file: str | None = None
    problem: str = ""


class InstalledModels:
    """`loaded` tells what the worker has in memory."""

    def __init__(self, store: ModelStore, db: Database, loaded: Callable[[], Sequence[LoadedLike]]) -> None:
        self._store = store
        self._db = db
        self._loaded = loaded
        self._verifying = False

    async def list(self) -> Sequence[Installed]:
        """Every model by name."""
        async with self._db.read() as reader:
            wanted = {row["model"]: int(row["jobs"]) for row in await reader.fetch_all(WANTED)}
        loaded = {model.name for model in self._loaded()}
        return await asyncio.to_thread(self._described, wanted, loaded)

    async def verify(self, name: str) -> Checked:
        """Hash every file of a model again, at the lowest priority; recorded. One at a time.

        Raises NotFound, VerificationRuns, DiskFull.
        """
        if self._verifying:
            raise VerificationRuns
        self._verifying = True
        try:
            info = await asyncio.to_thread(self._named, name)
            checked = await _humbly(lambda: _check(info.folder))
        finally:
            self._verifying = False
        async with self._db.write() as tx:
            await record(
                tx,
                Action.MODEL_VERIFIED,
                f"model:{name}",
                sha256=info.sha256,
                problem=checked.code,
                file=checked.file,
            )
        return checked

    async def remove(self, name: str) -> None:
        """Remove a model that nobody needs, with its files.

        It is set aside while the row of the audit trail is written and no job can come in, so a job never
        finds half of it; one that comes right after fails for want of it. Raises NotFound, ModelInUse,
        ModelNotRemovable, DiskFull.
        """
        info = await asyncio.to_thread(self._named, name)
        await finish(self._remove(info))

    async def _remove(self, info: ModelInfo) -> None:
        aside: Path | None = None
        try:
            async with self._db.write() as tx:
                wanted = {row["model"]: int(row["jobs"]) for row in await tx.fetch_all(WANTED)}
                self._refuse_needed(info.name, wanted.get(info.name, 0))
                aside = await asyncio.to_thread(self._store.set_aside, info)
                await record(tx, Action.MODEL_REMOVED, f"model:{info.name}", sha256=info.sha256)
        except BaseException:
            if aside is not None:
                await asyncio.to_thread(aside.rename, info.folder)
            raise
        await asyncio.to_thread(self._store.sweep)

    def _refuse_needed(self, name: str, waiting: int) -> None:
        if name == self._store.default:
            raise ModelInUse(problem="it is the default. Choose another one with models.default.")
        if waiting:
            raise ModelInUse(problem=f"jobs that wait or run name it ({waiting}). Cancel them, or wait.")
        if any(model.name == name for model in self._loaded()):
            raise ModelInUse(problem="it is in memory. It leaves when others are used, or at a restart.")

    def _named(self, name: str) -> ModelInfo:
        for info in self._store.list():
            if info.name == name:
                return info
        raise NotFound(what="model")

    def _described(self, wanted: Mapping[str, int], loaded: set[str]) -> Sequence[Installed]:
        return [
            Installed(
                info=info,
                provider=TARGETS[info.target].provider if info.target else "",
                problem=self._store.provider_problem(info) if info.ok else info.problem,
                default=info.name == self._store.default,
                loaded=info.name in loaded,
                waiting=wanted.get(info.name, 0),
            )
            for info in self._store.list()
        ]


def _check(folder: Path) -> Checked:
    try:
        Bundle.load(folder, verify=True)
    except BundleHashError as error:
        return Checked("file_differs", error.file, f"{error}.")
    except BundleError as error:
        return Checked("unreadable", None, f"{error}.")
    return Checked()


async def _humbly(work: Callable[[], T]) -> T:
    """Run it in a thread of its own, and those that it starts, behind everybody else's work. A stop of the
    process does not wait for it.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            # Of this thread alone, and never taken back: so it is no thread of a pool.
            os.setpriority(os.PRIO_PROCESS, 0, LOWEST)
            result = work()
        except BaseException as error:
            failure = error
        # The loop is closed when the process is ending: then nobody is left to tell.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="model-verification", daemon=True).start()
    return await done
