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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from .batched import transcribing_batched
from .errors import OptionsError, SlotError
from .features import MelWindow
from .needs import (
    Align,
    Encode,
    Feed,
    Fork,
    Need,
    Needs,
    Partial,
    Progress,
    Prompt,
    Release,
    Report,
    Scan,
    Slot,
    Together,
)
from .options import TranscribeOptions
from .recording import transcribing
from .runs import Outcome, Runs

if TYPE_CHECKING:
    from .model import WhisperModel

__all__ = ["Batcher", "Progress", "Task"]

Told = TypeVar("Told")

_SCANS_PER_STEP: Final = 4  # pieces of first passes done between two runs of the decoder, about 5 ms each


@dataclass(frozen=True, eq=False)
class Task:
    """One recording to transcribe, and whom to tell.

    audio: (n_samples,) float32, 16 kHz mono, may be a memory map
    resume: a `Progress.state` to go on from, of the same audio, options and model
    on_progress: called after each window; if it raises, the task ends in `on_error`
    on_partial: called with the text so far while a window is decoded, after every few tokens
    course: what to run instead of a transcription; the first need of its generator is a Scan
    on_done, on_error: exactly one of them is called, at the end, unless the task is cancelled
    """

    audio: NDArray[np.floating]
    options: TranscribeOptions = field(default_factory=TranscribeOptions)
    resume: dict[str, Any] | None = None
    on_progress: Callable[[Progress], None] | None = None
    on_done: Callable[[Any], None] | None = None
    on_error: Callable[[Exception], None] | None = None
    on_partial: Callable[[Partial], None] | None = None
    course: Callable[[WhisperModel], Needs[Any]] | None = None

    def needs(self, model: WhisperModel) -> Needs[Any]:
        """The generator of needs that does this task on a model."""
        if self.course is not None:
            return self.course(model)
        transcribe = transcribing_batched if self.options.mode == "batched" else transcribing
        return transcribe(model, self.audio, self.options, self.resume)


class _Strand:
    """A generator of needs with the slots it holds: a task's recording, or a child of such a strand."""

    def __init__(self, task: Task, needs: Needs[Any], parent: _Strand | None = None) -> None:
        self.task = task
        self.needs = needs
        self.parent = parent
        self.children: tuple[_Strand, ...] = ()  # which it waits for
        self.slots: list[int] = []
        self.wanted = 0  # slots it waits for
        self.ended = False
        self.result: Any = None


class Batcher:
    """Continuous batching over the slots of one model's runtime.

    Not thread-safe: one thread owns it, calls `add`, `cancel` and `step`, and runs all callbacks, from which
    `add` and `cancel` may be called. A model's runtime serves one batcher at a time.

    An exception that concerns one task ends that task by its `on_error`; one of a run of the model ends all
    tasks that took part in the run. A run that is short of memory is done again over fewer slots at a time,
    and ends those tasks alone for which the memory does not suffice by themselves. Where there is no
    `on_error`, and from `on_done` or `on_error` themselves, an exception comes out of `step` once the step is
    complete, and the next `step` goes on with the rest.
    """

    def __init__(self, model: WhisperModel, slots: int = 8) -> None:
        if not 1 <= slots <= model.runtime.slots:
            raise ValueError(f"slots is {slots}, the model's runtime has {model.runtime.slots}")
        self._model = model
        self._runtime = model.runtime
        self._live: dict[Task, _Strand] = {}
        self._slots = slots
        self._free = list(range(slots))
        self._runs = Runs(model.runtime, slots)
        # Each live strand is in exactly one of these, by what it needs, or waits for its children.
        self._scanning: deque[_Strand] = deque()
        self._waiting: dict[Task, deque[_Strand]] = {}  # for slots; the task whose turn is next comes first
        self._encoding: dict[_Strand, MelWindow] = {}
        self._prompting: dict[_Strand, Prompt] = {}
        self._feeding: dict[_Strand, Feed] = {}
        self._unhandled: list[Exception] = []  # for the caller of `step`

    def __len__(self) -> int:
        """Number of tasks that have not ended."""
        return len(self._live)

    @property
    def free(self) -> int:
        """Number of slots that hold no window."""
        return len(self._free)

    def add(self, task: Task) -> None:
        """Takes a task on; whatever is wrong with it is told to its `on_error` from within `step`."""
        if task in self._live:
            raise ValueError("this task has been added already")
        needs = task.needs(self._model)
        strand = _Strand(task, needs if task.options.slots <= self._slots else self._refusing(task.options))
        next(strand.needs)  # its first need is the first scan
        self._live[task] = strand
        self._scanning.append(strand)

    def cancel(self, task: Task) -> None:
        """Ends a task now; none of its callbacks is called again. Nothing happens if it has ended already."""
        if task in self._live:
            self._forget(task)

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

    def _refusing(self, options: TranscribeOptions) -> Needs[Any]:
        """Instead of a recording that needs more slots than there are: says so before any work."""
        yield Scan()
        beams = 0.0 in options.temperature and options.texts(0.0) > self._slots
        field = "beam_size" if beams else "best_of"
        raise OptionsError(
            field,
            f"a window takes {options.slots} slots, of which there are {self._slots} for all recordings",
        )

    # The three pieces of a step

    def _scan(self) -> None:
        """Carries on with the first pass over new recordings, in turn."""
        for _ in range(min(_SCANS_PER_STEP, len(self._scanning))):
            self._resume(self._scanning.popleft())

    def _fill(self) -> None:
        """Gives free slots to waiting strands, encodes their windows together, and prompts them."""
        while self._waiting:
            task, queue = next(iter(self._waiting.items()))
            if queue[0].wanted > len(self._free):
                break  # none overtakes: one that wants many slots would wait for ever
            strand = queue.popleft()
            del self._waiting[task]
            if queue:
                self._waiting[task] = queue  # behind the others
            strand.slots = [self._free.pop(0) for _ in range(strand.wanted)]
            self._resume(strand)
        # A second time after a detection whose window is not the one to decode, and for windows tried again.
        while self._encoding or self._prompting:
            if self._encoding:
                batch, self._encoding = self._encoding, {}
                self._run(batch, self._runs.encode)
            else:
                prompts, self._prompting = self._prompting, {}
                self._run(prompts, self._runs.prompt)

    def _run(self, batch: Mapping[_Strand, Any], run: Callable[[list[int], list[Any]], Outcome]) -> None:
        """Does for the first slot of each strand what it needs, together, and resumes the strands."""
        slots = [strand.slots[0] for strand in batch]
        try:
            answers, failed = run(slots, list(batch.values()))
        except Exception as error:
            self._fail(batch, error)
            return
        for strand, slot in zip(batch, slots, strict=True):
            if (lack := failed.get(slot)) is not None:
                self._fail([strand], lack)
            else:
                self._resume(strand, answers.get(slot))

    def _decode(self) -> None:
        """Feeds every slot in use its token and hands on the logits that follow, or the device's choices."""
        if not self._feeding:
            return
        batch, self._feeding = self._feeding, {}
        slots = [slot for strand, feed in batch.items() for slot in strand.slots[: len(feed.tokens)]]
        tokens = [token for feed in batch.values() for token in feed.tokens]
        allowed = [feed.allowed for feed in batch.values() if feed.allowed is not None]
        choosing = self._runtime.chooses and len(allowed) == len(batch)
        try:
            answers: Any
            if choosing:
                answers, failed = self._runs.choose(slots, tokens, allowed)
            else:
                answers, failed = self._runs.step(slots, tokens)
        except Exception as error:
            self._fail(batch, error)
            return
        first = 0
        for strand, feed in batch.items():
            last = first + len(feed.tokens)
            if lack := [failed[slot] for slot in slots[first:last] if slot in failed]:
                self._fail([strand], lack[0])
            else:
                self._resume(strand, answers[first] if choosing else answers[first:last])
            first = last

    def _resume(self, strand: _Strand, answer: Any = None) -> None:
        """Answers a strand's need and those that follow, until one has to wait or the strand ends."""
        try:
            while not strand.ended:  # a callback may have cancelled its task
                try:
                    need = strand.needs.send(answer)
                except StopIteration as stop:
                    self._end(strand, stop.value)
                    return
                answer = None
                match need:
                    case Align(tokens, positions, rows):
                        answer = self._runtime.align(strand.slots[0], tokens, positions=positions, rows=rows)
                    case Fork(count):
                        self._runtime.fork(strand.slots[0], strand.slots[1:count])
                    case Release(progress):
                        self._release(strand)
                        if progress is not None and strand.task.on_progress is not None:
                            strand.task.on_progress(progress)
                    case Report(partial):
                        if strand.task.on_partial is not None:
                            strand.task.on_partial(partial())
                    case Together(children):
                        self._branch(strand, children)
                        return
                    case _:
                        self._await(strand, need)
                        return
        except Exception as error:
            self._fail([strand], error)

    def _await(self, strand: _Strand, need: Need) -> None:
        """Puts a strand where the next piece of a step that does what it needs finds it."""
        match need:
            case Feed(tokens, sources, _):
                if sources is not None:
                    slots = strand.slots
                    self._runtime.reorder(slots[: len(tokens)], [slots[source] for source in sources])
                self._feeding[strand] = need
            case Prompt():
                self._prompting[strand] = need
            case Encode(window):
                self._encoding[strand] = window
            case Slot(count):
                if strand.slots or not 1 <= count <= self._slots:
                    raise SlotError(
                        f"{count} slots wanted of {self._slots}, {len(strand.slots)} held already"
                    )
                strand.wanted = count
                self._waiting.setdefault(strand.task, deque()).append(strand)
            case Scan():
                self._scanning.append(strand)

    def _branch(self, strand: _Strand, children: Iterable[Needs[Any]]) -> None:
        """Sets a strand's children going; the last of them to end resumes it."""
        self._release(strand)  # the children might wait for its slots for ever
        strand.children = started = tuple(_Strand(strand.task, child, strand) for child in children)
        if not started:
            self._resume(strand, ())
        for child in started:
            self._resume(child)

    # The end of a window, of a strand and of a task

    def _release(self, strand: _Strand) -> None:
        self._free = sorted(self._free + strand.slots)
        strand.slots = []

    def _end(self, strand: _Strand, result: Any) -> None:
        if strand.parent is None:
            self._forget(strand.task)
            if strand.task.on_done is not None:
                self._tell(strand.task.on_done, result)
            return
        strand.ended, strand.result = True, result
        self._release(strand)
        siblings = strand.parent.children
        if all(sibling.ended for sibling in siblings):
            strand.parent.children = ()
            self._resume(strand.parent, tuple(sibling.result for sibling in siblings))

    def _forget(self, task: Task) -> None:
        strands = [self._live.pop(task)]
        for strand in strands:  # which grows meanwhile
            strands += strand.children
            strand.ended = True
            strand.needs.close()
            self._release(strand)
            self._feeding.pop(strand, None)
            self._encoding.pop(strand, None)
            self._prompting.pop(strand, None)
            if strand in self._scanning:
                self._scanning.remove(strand)
        self._waiting.pop(task, None)

    def _fail(self, strands: Iterable[_Strand], error: Exception) -> None:
        for task in dict.fromkeys(strand.task for strand in strands if not strand.ended):
            self._forget(task)
            if task.on_error is None:
                self._unhandled.append(error)
            else:
                self._tell(task.on_error, error)

    def _tell(self, callback: Callable[[Told], None], what: Told) -> None:
        """Calls back at a task's end, when an exception has no task left to concern."""
        try:
            callback(what)
        except Exception as error:
            self._unhandled.append(error)
