"""Continuous batching: no recording is disturbed by what else runs or joins."""

from __future__ import annotations

import json

import numpy as np
import pytest

from listening import ENGLISH, RESTLESS, Listener, Samples, Say, alone, same
from whisper_onnx import Batcher, Progress, Task, TranscribeOptions, Transcription, WhisperModel
from whisper_onnx.errors import OptionsError


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
