"""Tasks that fail or are cancelled: they are told, or never heard of again, and the others go on."""

from __future__ import annotations

import numpy as np
import pytest

from listening import ENGLISH, RESTLESS, Listener, Samples, Say, alone, same
from whisper_onnx import Batcher, Progress, Task, TranscribeOptions, Transcription, WhisperModel
from whisper_onnx.errors import AudioError, OptionsError, SlotError


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


@pytest.mark.parametrize("operation", ["encode", "prompt_together", "step"])
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
