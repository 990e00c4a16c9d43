"""The driver: decodes windows of many recordings together on one runtime.

A recording waits its turn for a slot with one window at a time, since each window's prompt is the text before
it. All slots in use advance by one token per run of the decoder; a slot that is done goes to the next waiting
recording at once (continuous batching), and a window that has to be tried again starts over in its own slot
while the others go on. Recordings take turns by window, so a short one that joins late is not kept waiting by
long ones.

What a recording gets depends on nothing but itself: its windows are encoded, prompted and sampled the same
whatever else is running.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from .features import Float32Array
from .longform import Transcription
from .options import TranscribeOptions
from .recording import Encode, Feed, Needs, Progress, Prompt, Release, Scan, Slot, transcribing

if TYPE_CHECKING:
    from .model import WhisperModel

__all__ = ["Batcher", "Progress", "Task"]

Told = TypeVar("Told")

_SCANS_PER_STEP: Final = 4  # pieces of first passes done between two runs of the decoder, about 5 ms each
_NOTHING: Final[Float32Array] = np.empty(0, dtype=np.float32)  # the answer to a need that has none


@dataclass(frozen=True, eq=False)
class Task:
    """One recording to transcribe, and whom to tell.

    audio: (n_samples,) float32, 16 kHz mono, may be a memory map
    resume: a `Progress.state` to go on from, of the same audio, options and model
    on_progress: called after each window; if it raises, the task ends in `on_error`
    on_done, on_error: exactly one of them is called, at the end, unless the task is cancelled
    """

    audio: NDArray[np.floating]
    options: TranscribeOptions = field(default_factory=TranscribeOptions)
    resume: dict[str, Any] | None = None
    on_progress: Callable[[Progress], None] | None = None
    on_done: Callable[[Transcription], None] | None = None
    on_error: Callable[[Exception], None] | None = None


class _Recording:
    """A task with its generator of needs, and the slot that it holds."""

    def __init__(self, task: Task, needs: Needs) -> None:
        self.task = task
        self.needs = needs
        self.slot = -1  # none


class Batcher:
    """Continuous batching over the slots of one model's runtime.

    Not thread-safe: one thread owns it, calls `add`, `cancel` and `step`, and runs all callbacks, from which
    `add` and `cancel` may be called. A model's runtime serves one batcher at a time.

    An exception that concerns one task ends that task by its `on_error`; one of a run of the model ends all
    tasks that took part in the run. Where there is no `on_error`, and from `on_done` or `on_error`
    themselves, it comes out of `step` once the step is complete, and the next `step` goes on with the rest.
    """

    def __init__(self, model: WhisperModel, slots: int = 8) -> None:
        if not 1 <= slots <= model.runtime.slots:
            raise ValueError(f"slots is {slots}, the model's runtime has {model.runtime.slots}")
        self._model = model
        self._runtime = model.runtime
        self._live: dict[Task, _Recording] = {}
        self._free = list(range(slots))
        # Each live recording is in exactly one of these, by what it needs.
        self._scanning: deque[_Recording] = deque()
        self._waiting: deque[_Recording] = deque()  # for a slot
        self._encoding: dict[_Recording, Float32Array] = {}
        self._feeding: dict[_Recording, int] = {}
        self._unhandled: list[Exception] = []  # for the caller of `step`

    def __len__(self) -> int:
        """Number of tasks that have not ended."""
        return len(self._live)

    def add(self, task: Task) -> None:
        """Takes a task on; whatever is wrong with it is told to its `on_error` from within `step`."""
        if task in self._live:
            raise ValueError("this task has been added already")
        recording = _Recording(task, transcribing(self._model, task.audio, task.options, task.resume))
        next(recording.needs)  # its first need is the first scan
        self._live[task] = recording
        self._scanning.append(recording)

    def cancel(self, task: Task) -> None:
        """Ends a task now; none of its callbacks is called again. Nothing happens if it has ended already."""
        if (recording := self._live.get(task)) is not None:
            self._forget(recording)

    def step(self) -> bool:
        """Does a small piece of work: some features, new windows into free slots, one token in every slot.

        Returns False when there is nothing left to do.
        """
        self._scan()
        self._fill()
        self._decode()
        if self._unhandled:
            # Only now: halfway through a step the other slots would lose the tokens they are about to choose.
            errors, self._unhandled = self._unhandled, []
            raise errors[0] if len(errors) == 1 else ExceptionGroup("several tasks failed", errors)
        return bool(self._live)

    def run(self) -> None:
        """Steps until every task has ended."""
        while self.step():
            pass

    # The three pieces of a step

    def _scan(self) -> None:
        """Carries on with the first pass over new recordings, in turn."""
        for _ in range(min(_SCANS_PER_STEP, len(self._scanning))):
            self._resume(self._scanning.popleft())

    def _fill(self) -> None:
        """Gives free slots to waiting recordings, encodes their windows together, and prompts them."""
        while self._free and self._waiting:
            recording = self._waiting.popleft()
            recording.slot = self._free.pop(0)
            self._resume(recording)
        while self._encoding:  # a second time after a detection whose window is not the one to decode
            batch, self._encoding = self._encoding, {}
            try:
                self._runtime.encode([recording.slot for recording in batch], np.stack(list(batch.values())))
            except Exception as error:
                self._fail(batch, error)
                continue
            for recording in batch:
                self._resume(recording)

    def _decode(self) -> None:
        """Feeds every slot in use its token and hands on the logits that follow."""
        if not self._feeding:
            return
        batch, self._feeding = self._feeding, {}
        try:
            rows = self._runtime.step([recording.slot for recording in batch], list(batch.values()))
        except Exception as error:
            self._fail(batch, error)
            return
        for recording, row in zip(batch, rows, strict=True):
            self._resume(recording, row)

    def _resume(self, recording: _Recording, answer: Float32Array = _NOTHING) -> None:
        """Answers a recording's need and those that follow, until one has to wait or the recording ends."""
        try:
            while self._is_live(recording):  # a callback may have cancelled it
                try:
                    need = recording.needs.send(answer)
                except StopIteration as stop:
                    self._end(recording, stop.value)
                    return
                answer = _NOTHING
                match need:
                    case Prompt(tokens, rows):
                        answer = self._runtime.prompt(recording.slot, tokens, rows=rows)
                    case Release(progress):
                        self._release(recording)
                        if recording.task.on_progress is not None:
                            recording.task.on_progress(progress)
                    case Feed(token):
                        self._feeding[recording] = token
                        return
                    case Encode(mel):
                        self._encoding[recording] = mel
                        return
                    case Slot():
                        self._waiting.append(recording)
                        return
                    case Scan():
                        self._scanning.append(recording)
                        return
        except Exception as error:
            self._fail([recording], error)

    # The end of a window and of a task

    def _is_live(self, recording: _Recording) -> bool:
        return self._live.get(recording.task) is recording

    def _release(self, recording: _Recording) -> None:
        if recording.slot >= 0:
            self._free.append(recording.slot)
            self._free.sort()
            recording.slot = -1

    def _forget(self, recording: _Recording) -> None:
        del self._live[recording.task]
        recording.needs.close()
        self._release(recording)
        self._feeding.pop(recording, None)
        self._encoding.pop(recording, None)
        for queue in (self._scanning, self._waiting):
            if recording in queue:
                queue.remove(recording)

    def _end(self, recording: _Recording, transcription: Transcription) -> None:
        self._forget(recording)
        if recording.task.on_done is not None:
            self._tell(recording.task.on_done, transcription)

    def _fail(self, recordings: Iterable[_Recording], error: Exception) -> None:
        for recording in filter(self._is_live, recordings):
            self._forget(recording)
            if recording.task.on_error is None:
                self._unhandled.append(error)
            else:
                self._tell(recording.task.on_error, error)

    def _tell(self, callback: Callable[[Told], None], what: Told) -> None:
        """Calls back at a task's end, when an exception has no task left to concern."""
        try:
            callback(what)
        except Exception as error:
            self._unhandled.append(error)
