"""Continuous batching: no recording is disturbed by what else runs, joins, fails or is cancelled."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from whisper_onnx import Batcher, Progress, Task, TranscribeOptions, Transcription, WhisperModel
from whisper_onnx.errors import AudioError, OptionsError, SlotError

Samples = NDArray[np.float32]
Say = Callable[..., Samples]
ENGLISH = TranscribeOptions(language="en", temperature=0.0)  # type: ignore[arg-type]  # one number is taken too
# Thresholds that no attempt passes: every window is decoded at each temperature, the last two sampled.
RESTLESS = TranscribeOptions(language="en", temperature=(0.0, 0.4, 0.8), logprob_threshold=0.0, seed=7)


class Listener:
    """A task with everything that it was told."""

    def __init__(
        self,
        audio: Samples,
        options: TranscribeOptions = ENGLISH,
        resume: dict[str, Any] | None = None,
        then: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.progress: list[Progress] = []
        self.done: list[Transcription] = []
        self.errors: list[Exception] = []
        self.then = then
        self.task = Task(audio, options, resume, self._on_progress, self.done.append, self.errors.append)

    def _on_progress(self, progress: Progress) -> None:
        self.progress.append(progress)
        self.then(progress)

    @property
    def calls(self) -> int:
        return len(self.progress) + len(self.done) + len(self.errors)

    @property
    def outcome(self) -> Transcription:
        assert self.errors == []
        assert len(self.done) == 1
        return self.done[0]


def same(one: Transcription, other: Transcription) -> bool:
    """Whether two transcriptions are equal: texts, tokens and times exactly, probabilities to rounding."""
    if (one.language, one.text, one.duration) != (other.language, other.text, other.duration):
        return False
    if len(one.segments) != len(other.segments):
        return False
    exact = ("id", "seek", "start", "end", "text", "tokens", "temperature", "compression_ratio")
    return all(
        all(getattr(a, name) == getattr(b, name) for name in exact)
        and a.avg_logprob == pytest.approx(b.avg_logprob, abs=1e-4)
        and a.no_speech_prob == pytest.approx(b.no_speech_prob, abs=1e-4)
        for a, b in zip(one.segments, other.segments, strict=True)
    )


def alone(model: WhisperModel, listener: Listener) -> Transcription:
    """What the recording gets with the model to itself."""
    return model.transcribe(listener.task.audio, listener.task.options)


@pytest.fixture(scope="module")
def long(say: Say) -> Samples:
    """Three windows and more, with words in each."""
    return say(
        "computer",
        1.0,
        "digits",
        12.0,
        "table",
        9.0,
        "digits",
        20.0,
        "computer",
        2.0,
        "table",
        15.0,
        "digits",
    )


@pytest.fixture(scope="module")
def long_alone(model: WhisperModel, long: Samples) -> Transcription:
    transcription = model.transcribe(long, ENGLISH)
    assert len({segment.seek for segment in transcription.segments}) >= 3  # else the tests below test nothing
    return transcription


def test_recordings_transcribed_together_get_what_each_gets_alone(
    model: WhisperModel, say: Say, long: Samples
) -> None:
    listeners = [
        Listener(long),
        Listener(say("digits", 1.0, "table"), RESTLESS),
        Listener(say("computer")),
        Listener(say("table", 28.0, "digits"), TranscribeOptions(temperature=(0.0, 0.6), seed=3)),
        Listener(say(3.0)),
        Listener(
            say("digits", 40.0, "computer"), TranscribeOptions(language="en", initial_prompt="Numbers.")
        ),
        Listener(say("table", 2.0, "table"), TranscribeOptions(language="en", without_timestamps=True)),
    ]
    batcher = Batcher(model, slots=3)
    for listener in listeners:
        batcher.add(listener.task)
    batcher.run()
    assert any(listener.outcome.text for listener in listeners)
    for listener in listeners:
        assert same(listener.outcome, alone(model, listener))


def test_a_task_that_joins_late_gets_and_leaves_to_others_the_same(
    model: WhisperModel, say: Say, long: Samples, long_alone: Transcription
) -> None:
    batcher = Batcher(model, slots=3)
    first, late = Listener(long), Listener(say("digits", 0.5, "computer"))
    batcher.add(first.task)
    for _ in range(25):
        batcher.step()
    assert not first.done
    batcher.add(late.task)
    batcher.run()
    assert same(first.outcome, long_alone)
    assert same(late.outcome, alone(model, late))


def test_a_cancelled_task_is_never_heard_of_again_and_leaves_others_alone(
    model: WhisperModel, say: Say, long: Samples, long_alone: Transcription
) -> None:
    batcher = Batcher(model, slots=3)
    kept, waiting = Listener(long), Listener(say("computer"))
    doomed = [Listener(say("digits", 30.0, "digits", 30.0)), Listener(say("table", 35.0), RESTLESS)]
    for listener in (*doomed, kept, waiting):
        batcher.add(listener.task)
    while not doomed[0].progress:
        batcher.step()
    heard = [listener.calls for listener in doomed]
    for listener in doomed:
        batcher.cancel(listener.task)
    assert len(batcher) == sum(not listener.done for listener in (kept, waiting)) > 0
    batcher.run()
    assert [listener.calls for listener in doomed] == heard
    assert not doomed[0].done
    assert same(kept.outcome, long_alone)
    assert same(waiting.outcome, alone(model, waiting))


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_a_task_can_be_cancelled_at_any_stage_and_again_after(
    model: WhisperModel, say: Say, steps: int
) -> None:
    batcher = Batcher(model, slots=1)
    listeners = [Listener(say("digits"), TranscribeOptions()) for _ in range(2)]
    for listener in listeners:
        batcher.add(listener.task)
    for _ in range(steps):
        batcher.step()
    for listener in listeners:
        batcher.cancel(listener.task)
        batcher.cancel(listener.task)
    assert (len(batcher), batcher.step()) == (0, False)
    assert not any(listener.calls for listener in listeners)
    after = Listener(say("digits"))
    batcher.add(after.task)  # the slot is free again
    batcher.run()
    assert after.outcome.text


def not_a_number(audio: Samples) -> Samples:
    broken = audio.copy()
    broken[len(broken) // 2] = np.nan
    return broken


def test_a_failing_task_is_told_and_the_others_go_on(
    model: WhisperModel, say: Say, long: Samples, long_alone: Transcription
) -> None:
    batcher = Batcher(model, slots=3)
    bad = [
        (Listener(not_a_number(say("digits", 1.0))), AudioError),
        (Listener(np.zeros((2, 16_000), np.float32)), AudioError),
        (Listener(np.zeros(16_000, np.int16)), AudioError),  # type: ignore[arg-type]
        (Listener(say("digits"), TranscribeOptions(language="yue")), OptionsError),
        (Listener(say("digits"), TranscribeOptions(language="en", suppress_tokens="99999")), OptionsError),
        (Listener(say("digits"), TranscribeOptions(language="en", initial_prompt="<|de|>")), OptionsError),
        (Listener(say("digits"), ENGLISH, resume={"version": 0}), OptionsError),
        (Listener(say("digits"), ENGLISH, resume={}), OptionsError),
    ]
    good = Listener(long)
    for listener, _ in bad[:4]:
        batcher.add(listener.task)
    batcher.add(good.task)
    for listener, _ in bad[4:]:
        batcher.add(listener.task)
    batcher.run()
    for listener, kind in bad:
        assert [type(error) for error in listener.errors] == [kind]
        assert listener.calls == 1
    assert same(good.outcome, long_alone)


def test_a_failing_progress_callback_ends_its_own_task_only(
    model: WhisperModel, long: Samples, long_alone: Transcription
) -> None:
    def fail(progress: Progress) -> None:
        raise OSError("disk full")

    batcher = Batcher(model, slots=3)
    failing, good = Listener(long, then=fail), Listener(long)
    batcher.add(failing.task)
    batcher.add(good.task)
    batcher.run()
    assert [str(error) for error in failing.errors] == ["disk full"]
    assert failing.calls == 2
    assert same(good.outcome, long_alone)


def test_what_a_last_callback_raises_reaches_the_caller_and_loses_no_other_task(
    model: WhisperModel, say: Say
) -> None:
    def fail(transcription: Transcription) -> None:
        raise OSError("database is gone")

    batcher = Batcher(model, slots=3)
    errors: list[Exception] = []
    good = Listener(say("computer"))
    batcher.add(Task(say("digits"), ENGLISH, on_done=fail, on_error=errors.append))
    batcher.add(good.task)
    raised = []
    while len(batcher):
        try:
            batcher.step()
        except OSError as error:
            raised.append(str(error))
    assert raised == ["database is gone"]
    assert errors == []
    assert same(good.outcome, alone(model, good))


def test_an_error_that_nobody_listens_for_comes_out_of_the_step(model: WhisperModel, say: Say) -> None:
    batcher = Batcher(model, slots=3)
    batcher.add(Task(not_a_number(say("digits")), ENGLISH))
    batcher.add(Task(not_a_number(say("table")), ENGLISH))
    with pytest.raises(ExceptionGroup) as caught:
        batcher.step()
    assert [type(error) for error in caught.value.exceptions] == [AudioError, AudioError]
    assert batcher.step() is False


@pytest.mark.parametrize("operation", ["encode", "prompt", "step"])
def test_a_failing_run_of_the_model_ends_its_tasks_and_the_next_ones_work(
    model: WhisperModel, say: Say, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise SlotError("out of memory")

    batcher = Batcher(model, slots=3)
    hit, after = Listener(say("digits")), Listener(say("digits"))
    batcher.add(hit.task)
    with monkeypatch.context() as patch:
        patch.setattr(model.runtime, operation, fail)
        batcher.run()
    assert [str(error) for error in hit.errors] == ["out of memory"]
    batcher.add(after.task)
    batcher.run()
    assert same(after.outcome, alone(model, after))


def test_a_window_that_is_tried_again_keeps_no_other_waiting(model: WhisperModel, say: Say) -> None:
    batcher = Batcher(model, slots=2)
    audio = say("digits", 1.0, "table")
    restless, calm = Listener(audio, RESTLESS), Listener(audio)
    batcher.add(restless.task)
    batcher.add(calm.task)
    while not calm.done:
        batcher.step()
    assert not restless.progress  # still at its first window, which takes three attempts
    batcher.run()
    assert {segment.temperature for segment in restless.outcome.segments} <= {0.8}
    assert same(calm.outcome, alone(model, calm))


def test_recordings_take_turns_so_a_short_one_is_not_kept_waiting(
    model: WhisperModel, say: Say, long: Samples
) -> None:
    batcher = Batcher(model, slots=1)
    first, short = Listener(long), Listener(say("digits"))
    batcher.add(first.task)
    while not first.progress:
        batcher.step()
    batcher.add(short.task)
    while not short.done:
        batcher.step()
    assert not first.done
    batcher.run()
    assert first.outcome.text


def test_progress_adds_up_to_the_transcription(
    model: WhisperModel, long: Samples, long_alone: Transcription
) -> None:
    batcher = Batcher(model, slots=3)
    listener = Listener(long, TranscribeOptions(temperature=(0.0,)))
    batcher.add(listener.task)
    batcher.run()
    positions = [progress.position for progress in listener.progress]
    assert positions == sorted(positions)
    assert positions[-1] == listener.outcome.duration == len(long) / 16_000
    assert all(progress.duration == listener.outcome.duration for progress in listener.progress)
    assert all(progress.language == listener.outcome.language for progress in listener.progress)
    assert tuple(s for p in listener.progress for s in p.new_segments) == listener.outcome.segments


@pytest.mark.parametrize(
    "options", [ENGLISH, TranscribeOptions(temperature=(0.0, 0.9), logprob_threshold=-0.05)]
)
def test_a_recording_resumed_after_any_window_gets_the_same_transcription(
    model: WhisperModel, long: Samples, options: TranscribeOptions
) -> None:
    straight = Listener(long, options)
    batcher = Batcher(model, slots=3)
    batcher.add(straight.task)
    batcher.run()
    states = [json.loads(json.dumps(progress.state)) for progress in straight.progress]
    assert len(states) >= 3
    resumed = [Listener(long, options, resume=state) for state in states]
    for listener in resumed:
        batcher.add(listener.task)
    batcher.run()
    for windows_done, listener in enumerate(resumed, start=1):
        assert same(listener.outcome, straight.outcome)
        assert len(listener.progress) == len(states) - windows_done


def test_a_state_of_another_language_is_refused(model: WhisperModel, say: Say) -> None:
    first = Listener(say("digits", 30.0, "digits"))
    batcher = Batcher(model, slots=3)
    batcher.add(first.task)
    batcher.run()
    german = TranscribeOptions(language="de")
    other = Listener(first.task.audio, german, resume=first.progress[0].state)
    batcher.add(other.task)
    batcher.run()
    assert [type(error) for error in other.errors] == [OptionsError]


def test_callbacks_may_add_and_cancel_tasks(model: WhisperModel, say: Say) -> None:
    batcher = Batcher(model, slots=3)
    added = Listener(say("computer"))
    victim = Listener(say("table", 60.0, "table"), RESTLESS)

    def swap(progress: Progress) -> None:
        batcher.cancel(victim.task)
        batcher.cancel(first.task)
        batcher.add(added.task)

    first = Listener(say("digits", 40.0, "digits"), then=swap)
    batcher.add(first.task)
    batcher.add(victim.task)
    batcher.run()
    assert (len(first.progress), first.done, first.errors) == (1, [], [])
    assert not victim.done
    assert same(added.outcome, alone(model, added))


def test_a_task_is_added_once(model: WhisperModel, say: Say) -> None:
    batcher = Batcher(model, slots=3)
    task = Task(say("digits"), ENGLISH)
    batcher.add(task)
    with pytest.raises(ValueError, match="already"):
        batcher.add(task)


@pytest.mark.parametrize("slots", [0, 4])
def test_a_batcher_has_no_more_slots_than_the_runtime(model: WhisperModel, slots: int) -> None:
    with pytest.raises(ValueError, match="slots"):
        Batcher(model, slots=slots)


def test_a_long_recording_is_scanned_in_pieces_between_the_steps_of_others(
    model: WhisperModel, say: Say
) -> None:
    hour = np.zeros(3600 * 16_000, np.float32)
    batcher = Batcher(model, slots=3)
    long, short = Listener(hour), Listener(say("digits"))
    batcher.add(long.task)
    batcher.add(short.task)
    while not short.done:
        batcher.step()
    assert not long.progress  # its first pass is not over
    batcher.cancel(long.task)
    assert batcher.step() is False
