"""Windows that take several slots, and generators that run side by side, in one batch with others."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from listening import ENGLISH, Listener, Say, alone, same
from whisper_onnx import Batcher, TranscribeOptions, WhisperModel
from whisper_onnx import batch as batch_module
from whisper_onnx.errors import OptionsError, SlotError
from whisper_onnx.needs import Encode, Needs, Prompt, Release, Scan, Slot, Together

BEAMS = replace(ENGLISH, beam_size=3, patience=2.0)
# No attempt passes: beams first, then the best of two samples.
BOTH = TranscribeOptions(
    language="en", temperature=(0.0, 0.7), beam_size=3, best_of=2, logprob_threshold=0.0, seed=5
)


@pytest.fixture(scope="module")
def roomy(demo_bundle: Path) -> WhisperModel:
    return WhisperModel(demo_bundle, threads=1, slots=5)


def test_beams_and_samples_in_one_batch_with_greedy_windows_disturb_nobody(
    roomy: WhisperModel, say: Say
) -> None:
    listeners = [
        Listener(say("digits", 1.0, "table"), BEAMS),
        Listener(say("table", 30.0, "digits"), ENGLISH),
        Listener(say("computer", 29.5, "digits"), BOTH),
        Listener(say("digits", 31.0, "computer"), TranscribeOptions(temperature=(0.0,), beam_size=2)),
        Listener(say("table"), ENGLISH),
    ]
    batcher = Batcher(roomy, slots=5)
    for listener in listeners:
        batcher.add(listener.task)
    batcher.run()
    for listener in listeners:
        assert listener.outcome.text
        assert same(listener.outcome, alone(roomy, listener))
    assert {segment.temperature for segment in listeners[2].outcome.segments} == {0.7}


def test_a_recording_with_beams_resumed_after_its_first_window_gets_the_same(
    roomy: WhisperModel, say: Say
) -> None:
    straight = Listener(say("table", 29.0, "digits", 1.0, "computer"), BOTH)
    batcher = Batcher(roomy, slots=5)
    batcher.add(straight.task)
    batcher.run()
    resumed = Listener(straight.task.audio, BOTH, resume=straight.progress[0].state)
    batcher.add(resumed.task)
    batcher.run()
    assert same(resumed.outcome, straight.outcome)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"beam_size": 4}, "beam_size"),
        ({"best_of": 4}, "best_of"),
        ({"beam_size": 2, "best_of": 9}, "best_of"),
        ({"beam_size": 9, "temperature": (0.5,), "best_of": 4}, "best_of"),
    ],
)
def test_a_window_that_would_take_more_slots_than_there_are_is_refused_before_any_work(
    model: WhisperModel, say: Say, options: dict[str, Any], field: str
) -> None:
    batcher = Batcher(model, slots=3)
    refused = Listener(say("digits", 600.0), TranscribeOptions(**options))
    batcher.add(refused.task)
    batcher.step()
    (error,) = refused.errors
    assert isinstance(error, OptionsError)
    assert error.field == field


def test_options_that_are_not_used_at_any_temperature_take_no_slots(model: WhisperModel, say: Say) -> None:
    greedy = model.transcribe(say("digits"), ENGLISH)
    assert same(model.transcribe(say("digits"), replace(ENGLISH, best_of=9)), greedy)


# --- generators side by side ---

Course = Callable[..., Needs[Any]]


def ran(
    monkeypatch: pytest.MonkeyPatch, model: WhisperModel, course: Callable[[], Needs[Any]], *others: Listener
) -> tuple[list[Any], list[Exception]]:
    """What becomes of a task whose generator of needs is this one, run beside other tasks on two slots."""
    ended = Listener(others[0].task.audio if others else None)  # type: ignore[arg-type]
    batcher = Batcher(model, slots=2)
    with monkeypatch.context() as patch:
        patch.setattr(batch_module, "transcribing", lambda *_: course())
        batcher.add(ended.task)
    for other in others:
        batcher.add(other.task)
    batcher.run()
    assert sorted(batcher._free) == [0, 1]
    return ended.done, ended.errors


def child(model: WhisperModel, say: Say, name: str) -> Needs[int]:
    """The id of the token that is likeliest to open the transcript of a clip."""
    from whisper_onnx.features import LogMel

    tokenizer = model.tokenizer("en", "transcribe")
    yield Slot()
    yield Encode(LogMel(say(name), model.dims.n_mels).at(0, 3000))
    logits = yield Prompt(tokenizer.sot_sequence, rows=(2,))
    yield Release()
    return int(logits[0].argmax())


def test_children_run_with_slots_of_their_own_and_their_results_come_in_order(
    model: WhisperModel, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["digits", "table", "computer", "digits", "table"]

    def parent() -> Generator[Any, Any, Any]:
        yield Scan()
        yield Slot(2)  # given back, or the children would wait for ever
        none = yield Together([])
        results = yield Together([child(model, say, name) for name in names])
        nested = yield Together([inner(), inner()])
        return none, results, nested

    def inner() -> Generator[Any, Any, Any]:
        return (yield Together([child(model, say, "digits"), child(model, say, "table")]))

    other = Listener(say("computer"))
    ((none, results, nested),), errors = ran(monkeypatch, model, parent, other)
    assert errors == []
    assert none == ()
    assert results[0] == results[3]
    assert results[1] == results[4]
    assert nested == (results[:2], results[:2])
    assert same(other.outcome, alone(model, other))


def test_what_one_child_raises_ends_the_task_and_no_other(
    model: WhisperModel, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    def failing() -> Generator[Any, Any, Any]:
        yield Slot()
        raise OSError("gone")

    def patient() -> Generator[Any, Any, Any]:
        try:
            yield Slot()
            yield Slot()
        finally:
            closed.append(True)

    def parent() -> Generator[Any, Any, Any]:
        yield Scan()
        yield Together([child(model, say, "digits"), failing(), patient()])

    other = Listener(say("computer"))
    done, errors = ran(monkeypatch, model, parent, other)
    assert (done, [str(error) for error in errors]) == ([], ["gone"])
    assert closed == [True]
    assert same(other.outcome, alone(model, other))

    def greedy_parent() -> Generator[Any, Any, Any]:
        yield Scan()
        yield Together([patient()])

    done, errors = ran(monkeypatch, model, greedy_parent)
    assert [type(error) for error in errors] == [SlotError]
    assert closed == [True, True]


def test_many_children_of_one_task_do_not_keep_another_waiting(
    model: WhisperModel, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[int] = []

    def counted(index: int) -> Generator[Any, Any, Any]:
        yield from child(model, say, "digits")
        finished.append(index)

    def parent() -> Generator[Any, Any, Any]:
        yield Scan()
        yield Together([counted(index) for index in range(30)])

    other = Listener(say("computer"))
    seen: list[int] = []
    other.then = lambda progress: seen.append(len(finished))
    ran(monkeypatch, model, parent, other)
    assert len(finished) == 30
    assert seen[0] < 30
