"""The one thread that owns the speech models, seen from the event loop.

The loop hands recordings in through a queue and hears of them by `call_soon_threadsafe`; no object of the
engine is touched by both sides. Models are loaded when a job asks for them, hashed first; a few stay loaded.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stenobox.models import ModelStore
from whisper_onnx import Batcher, Progress, Task, TranscribeOptions, Transcription, WhisperError

if TYPE_CHECKING:
    from whisper_onnx import WhisperModel

KEPT_MODELS = 2  # loaded at the same time, unless more are in use
IDLE_BEAT_SECONDS = 1.0
JOIN_SECONDS = 30.0  # the longest single step: one encoder run of a large model on a slow processor


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What a transcript's provenance says about the model that made it."""

    name: str
    sha256: str
    target: str
    provider: str


class EngineTrouble(Exception):
    """What the engine raised for one recording is its `__cause__`; it says nothing about other recordings."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(type(cause).__name__)
        self.cause = cause


class Ticket:
    """A recording in the engine, as its attempt sees it: iterate it for progress, then read `result`.

    Each turn of the iteration gives all windows that were finished since the last one, in order. The
    iteration ends with the transcription, or raises what the engine raised. Leaving it without `cancel()`
    lets the engine go on.
    """

    def __init__(self, engine: Engine, model: str, sha256: str) -> None:
        self.model = model
        self.sha256 = sha256
        self.loaded: LoadedModel | None = None
        self.result: Transcription | None = None
        self._engine = engine
        self._error: Exception | None = None
        self._progress: list[Progress] = []
        self._changed = asyncio.Event()

    def cancel(self) -> None:
        """Take the recording out of the engine; harmless when it has ended."""
        self._engine.tell(lambda residents: residents.cancel(self))

    async def __aiter__(self) -> AsyncIterator[list[Progress]]:
        while True:
            if self._progress:
                news, self._progress = self._progress, []
                yield news
            elif self._error is not None:
                raise EngineTrouble(self._error) from self._error
            elif self.result is not None:
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    # Called on the event loop, by the engine's thread through call_soon_threadsafe.

    def _started(self, loaded: LoadedModel) -> None:
        self.loaded = loaded

    def _moved(self, progress: Progress) -> None:
        self._progress.append(progress)
        self._changed.set()

    def _done(self, result: Transcription) -> None:
        self.result = result
        self._changed.set()

    def _failed(self, error: Exception) -> None:
        self._error = error
        self._changed.set()


Command = Callable[["_Residents"], None]


class Engine:
    """Starts and ends the thread; `async with engine:` around everything that uses it."""

    def __init__(self, models: ModelStore, slots: int) -> None:
        self._models = models
        self._slots = slots
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._died: asyncio.Future[None] | None = None
        self._beat = time.monotonic()
        self.loaded: tuple[LoadedModel, ...] = ()

    @property
    def seconds_since_beat(self) -> float:
        """How long the thread has been in one step; infinite when it does not run."""
        thread = self._thread
        return time.monotonic() - self._beat if thread is not None and thread.is_alive() else float("inf")

    @property
    def dead(self) -> bool:
        """Whether the thread has died of a fault."""
        return self._died is not None and self._died.done()

    async def __aenter__(self) -> Engine:
        loop = asyncio.get_running_loop()
        self._died = loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(loop,), name="speech-engine", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._commands.put(None)
        if self._thread is not None:
            # In a thread of its own, so that the loop keeps answering while the last step ends.
            await asyncio.to_thread(self._thread.join, JOIN_SECONDS)
        if self._died is not None and self._died.done():
            self._died.exception()  # seen, whether or not somebody watched

    async def watch(self) -> None:
        """Never returns; raises what the thread died of. It dies of faults of ours, not of recordings."""
        if self._died is None:
            raise RuntimeError("the engine was not started")
        await asyncio.shield(self._died)
        raise RuntimeError("the engine's thread ended")

    async def warm(self, name: str | None) -> LoadedModel:
        """Load a model before it is asked for. Raises NoModel, UnknownModel or ModelError."""
        info = await asyncio.to_thread(self._models.find, name)
        done: asyncio.Future[LoadedModel] = asyncio.get_running_loop().create_future()

        def settle(loaded: LoadedModel | None, error: Exception | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            elif loaded is not None:
                done.set_result(loaded)

        self.tell(lambda residents: residents.warm(info.name, info.sha256, settle))
        return await done

    def transcribe(
        self,
        model: str,
        sha256: str,
        audio: NDArray[np.float32],
        options: TranscribeOptions,
        resume: dict[str, Any] | None,
    ) -> Ticket:
        """Hand a recording in: (n,) samples at 16 kHz. `sha256` is the bundle's that `resume` belongs to."""
        ticket = Ticket(self, model, sha256)
        self.tell(lambda residents: residents.add(ticket, audio, options, resume))
        return ticket

    def tell(self, command: Command) -> None:
        """Have the thread run this at its next turn."""
        self._commands.put(command)

    # The thread.

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        residents = _Residents(self._models, self._slots, loop, self._publish)
        try:
            while True:
                self._beat = time.monotonic()
                command = self._next(block=not residents.busy)
                if command is None:
                    return
                command(residents)
                residents.step()
        except BaseException as error:
            # BaseException on purpose: nothing may end this thread without the loop hearing of it.
            _call(loop, self._fall, error)

    def _next(self, *, block: bool) -> Command | None:
        try:
            return self._commands.get(block=block, timeout=IDLE_BEAT_SECONDS)
        except queue.Empty:
            return _nothing

    def _fall(self, error: BaseException) -> None:
        if self._died is not None and not self._died.done():
            self._died.set_exception(
                error
                if isinstance(error, Exception)
                else RuntimeError(f"the engine's thread ended: {error!r}")
            )

    def _publish(self, loaded: tuple[LoadedModel, ...]) -> None:
        self.loaded = loaded


def _nothing(_: _Residents) -> None:
    pass


class _Resident:
    """A loaded model with its batcher. `spent`: a run of it failed, so it goes as soon as nobody uses it."""

    def __init__(self, name: str, model: WhisperModel, slots: int) -> None:
        self.model = model
        self.batcher = Batcher(model, slots)
        self.loaded = LoadedModel(name, model.bundle.sha256, model.bundle.target, model.provider)
        self.used = 0
        self.spent = False


class _Residents:
    """The models in memory. Lives in the engine's thread and nowhere else."""

    def __init__(
        self,
        models: ModelStore,
        slots: int,
        loop: asyncio.AbstractEventLoop,
        publish: Callable[[tuple[LoadedModel, ...]], None],
    ) -> None:
        self._models = models
        self._slots = slots
        self._loop = loop
        self._publish = publish
        self._residents: list[_Resident] = []
        self._tasks: dict[Ticket, tuple[_Resident, Task]] = {}
        self._turn = 0

    @property
    def busy(self) -> bool:
        return any(len(resident.batcher) for resident in self._residents)

    def step(self) -> None:
        """A small piece of work for each model that has any."""
        for resident in self._residents:
            if len(resident.batcher):
                resident.batcher.step()

    def warm(
        self, name: str, sha256: str, settle: Callable[[LoadedModel | None, Exception | None], None]
    ) -> None:
        try:
            resident = self._resident(name, sha256)
        except Exception as error:
            _call(self._loop, settle, None, error)
        else:
            _call(self._loop, settle, resident.loaded, None)

    def add(
        self,
        ticket: Ticket,
        audio: NDArray[np.float32],
        options: TranscribeOptions,
        resume: dict[str, Any] | None,
    ) -> None:
        try:
            resident = self._resident(ticket.model, ticket.sha256)
        except Exception as error:
            _call(self._loop, ticket._failed, error)
            return

        def ended(tell: Callable[..., None], what: object) -> None:
            self._tasks.pop(ticket, None)
            if isinstance(what, Exception) and not isinstance(what, WhisperError):
                resident.spent = True  # a failed run may leave the provider unusable: load it afresh
            _call(self._loop, tell, what)

        task = Task(
            audio=audio,
            options=options,
            # A model that was replaced on disk since the attempt looked is a different model.
            resume=resume if resident.loaded.sha256 == ticket.sha256 else None,
            on_progress=lambda progress: _call(self._loop, ticket._moved, progress),
            on_done=lambda result: ended(ticket._done, result),
            on_error=lambda error: ended(ticket._failed, error),
        )
        self._tasks[ticket] = (resident, task)
        _call(self._loop, ticket._started, resident.loaded)
        resident.batcher.add(task)

    def cancel(self, ticket: Ticket) -> None:
        resident, task = self._tasks.pop(ticket, (None, None))
        if resident is not None and task is not None:
            resident.batcher.cancel(task)

    def _resident(self, name: str, sha256: str) -> _Resident:
        """The model, loaded if it is not there or was replaced on disk."""
        self._turn += 1
        for resident in self._residents:
            same = resident.loaded.name == name and resident.loaded.sha256 == sha256
            if same and not (resident.spent and not len(resident.batcher)):
                resident.used = self._turn
                return resident
        self._make_room()
        resident = _Resident(name, self._models.load(name, self._slots), self._slots)
        resident.used = self._turn
        self._residents.append(resident)
        self._announce()
        return resident

    def _make_room(self) -> None:
        """Forget what nobody uses: broken ones, then the longest unused."""
        idle = sorted((r for r in self._residents if not len(r.batcher)), key=lambda r: (not r.spent, r.used))
        for resident in idle:
            if resident.spent or len(self._residents) >= KEPT_MODELS:
                self._residents.remove(resident)
        self._announce()

    def _announce(self) -> None:
        _call(self._loop, self._publish, tuple(resident.loaded for resident in self._residents))


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    # The loop is closed when the process is ending: then nobody is left to tell.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)
