"""The batched mode: every sentence is heard, at its own time, whatever runs beside it or interrupts it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from whisper_onnx import Batcher, Progress, Task, TranscribeOptions, Transcription, VadOptions, WhisperModel
from whisper_onnx.errors import AudioError, OptionsError

Samples = NDArray[np.float32]
SPEECH = Path(__file__).parents[2] / "data" / "speech"
RATE = 16_000
BATCHED = TranscribeOptions(language="en", temperature=(0.0,), mode="batched")


def read(name: str) -> Samples:
    samples: Samples = soundfile.read(SPEECH / name, dtype="float32")[0]
    return samples


@pytest.fixture(scope="module")
def recording() -> Samples:
    """Two minutes: 40 s of sentences, 40 s of silence, and those sentences again."""
    passage = read("passage-40s.flac")
    return np.concatenate([passage, np.zeros(40 * RATE, np.float32), passage])


@pytest.fixture(scope="module")
def spoken() -> list[tuple[float, float]]:
    sentences = json.loads((SPEECH / "texts.json").read_text())["passage-40s.flac"]["sentences"]
    return [(s["start"] + shift, s["end"] + shift) for shift in (0.0, 80.0) for s in sentences]


@pytest.fixture(scope="module")
def whole(model: WhisperModel, recording: Samples) -> Transcription:
    return model.transcribe(recording, BATCHED)


def test_every_sentence_has_its_time_in_the_recording(
    whole: Transcription, spoken: list[tuple[float, float]], recording: Samples
) -> None:
    assert whole.duration == len(recording) / RATE
    assert whole.text == "".join(segment.text for segment in whole.segments)
    assert [segment.id for segment in whole.segments] == list(range(len(spoken)))
    for segment, (start, end) in zip(whole.segments, spoken, strict=True):
        assert segment.start == pytest.approx(start, abs=0.3)
        assert segment.end == pytest.approx(end, abs=0.3)
    edges = [edge for segment in whole.segments for edge in (segment.start, segment.end)]
    assert edges == sorted(edges)


def test_the_text_is_nearly_that_of_the_sequential_mode(
    model: WhisperModel, whole: Transcription, recording: Samples
) -> None:
    from train_demo.evaluate import edit_distance

    sequential = model.transcribe(recording, language="en", temperature=0.0)
    said = sequential.text.split()
    assert len(said) > 80
    assert edit_distance(said, whole.text.split()) <= 0.1 * len(said)


def test_the_result_says_what_detected_the_speech(model: WhisperModel, whole: Transcription) -> None:
    assert whole.speech_detector == "silero"
    audio = read("sentence-1.flac")
    by_energy = model.transcribe(audio, BATCHED, vad_parameters=VadOptions(method="energy"))
    assert by_energy.speech_detector == "energy"
    assert by_energy.text == model.transcribe(audio, BATCHED).text
    assert model.transcribe(audio, language="en").speech_detector is None


def test_words_lie_in_their_segments_and_never_in_the_silence_between(
    model: WhisperModel, recording: Samples
) -> None:
    transcription = model.transcribe(recording, BATCHED, word_timestamps=True)
    times = []
    for segment in transcription.segments:
        assert segment.words
        assert "".join(word.word for word in segment.words).strip() == segment.text.strip()
        assert segment.start == segment.words[0].start
        assert segment.end == segment.words[-1].end
        times += [time for word in segment.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert not any(38.0 < time < 90.0 for time in times)


class Told:
    """A task with what it was told."""

    def __init__(
        self, audio: Samples, options: TranscribeOptions, resume: dict[str, Any] | None = None
    ) -> None:
        self.progress: list[Progress] = []
        self.done: list[Transcription] = []
        self.task = Task(audio, options, resume, self.progress.append, self.done.append)


def test_segments_are_told_in_order_and_progress_never_goes_back(
    model: WhisperModel, recording: Samples, whole: Transcription
) -> None:
    told = Told(recording, BATCHED)
    batcher = Batcher(model, slots=3)
    batcher.add(told.task)
    batcher.run()
    (done,) = told.done
    assert done == whole
    assert [s for progress in told.progress for s in progress.new_segments] == list(whole.segments)
    positions = [progress.position for progress in told.progress]
    assert positions == sorted(positions)
    assert positions[-1] == whole.duration


def test_a_resumed_recording_decodes_only_what_was_not_done_and_ends_the_same(
    model: WhisperModel, recording: Samples
) -> None:
    options = TranscribeOptions(language="en", temperature=(0.0,), mode="batched", chunk_length=10)
    told = Told(recording, options)
    batcher = Batcher(model, slots=2)
    batcher.add(told.task)
    batcher.run()
    windows = len(told.progress)
    assert windows >= 4
    for done, progress in enumerate(told.progress, 1):
        resumed = Told(recording, options, json.loads(json.dumps(progress.state)))
        batcher.add(resumed.task)
        batcher.run()
        assert resumed.done == told.done
        assert len(resumed.progress) == windows - done


@pytest.mark.parametrize(
    "change",
    [
        {"version": 9},
        {"mode": "sequential"},
        {"windows": 77},
        {"done": -1},
        {"detector": "ears"},
        {"segments": 3},
        {"ahead": {"x": []}},
        {"language": "de"},
    ],
)
def test_a_state_of_something_else_is_refused(
    model: WhisperModel, recording: Samples, change: dict[str, Any]
) -> None:
    told = Told(recording[: 40 * RATE], BATCHED)
    batcher = Batcher(model, slots=1)
    batcher.add(told.task)
    batcher.run()
    errors: list[Exception] = []
    task = Task(told.task.audio, BATCHED, told.progress[0].state | change, on_error=errors.append)
    batcher.add(task)
    batcher.run()
    (error,) = errors
    assert isinstance(error, OptionsError)
    assert error.field == "resume"


def test_a_recording_gets_the_same_alone_and_among_others(
    model: WhisperModel, recording: Samples, whole: Transcription
) -> None:
    sentence = read("sentence-2.flac")
    batched, sequential = Told(recording, BATCHED), Told(sentence, TranscribeOptions(language="en"))
    batcher = Batcher(model, slots=2)
    batcher.add(batched.task)
    batcher.add(sequential.task)
    batcher.run()
    assert [s.text for s in batched.done[0].segments] == [s.text for s in whole.segments]
    assert sequential.done[0].text == model.transcribe(sentence, language="en").text
    assert sequential.done[0].text.strip() == "We need to thank Thomas after the visit."


def test_only_clips_are_heard(
    model: WhisperModel, recording: Samples, spoken: list[tuple[float, float]]
) -> None:
    transcription = model.transcribe(recording, BATCHED, clip_timestamps=(9.0, 17.6, 90.0, 97.6))
    starts = [segment.start for segment in transcription.segments]
    assert len(starts) == 4
    assert starts == pytest.approx([spoken[i][0] for i in (0, 1, 7, 8)], abs=0.3)


@pytest.mark.parametrize("samples", [0, 7, 5 * RATE])
def test_a_recording_without_speech_has_no_text(model: WhisperModel, samples: int) -> None:
    transcription = model.transcribe(np.zeros(samples, np.float32), mode="batched")
    assert (transcription.text, transcription.segments) == ("", ())
    assert transcription.language in model.tokenizer().all_language_codes


def test_unusable_samples_and_options_without_meaning_are_refused(model: WhisperModel) -> None:
    with pytest.raises(AudioError):
        model.transcribe(np.full(RATE, np.inf, np.float32), BATCHED)
    wrongs: list[dict[str, Any]] = [
        {"mode": "fast"},
        {"chunk_length": 31},
        {"chunk_length": 1},
        {"vad_parameters": {}},
    ]
    for wrong in wrongs:
        with pytest.raises(OptionsError) as caught:
            model.transcribe(np.zeros(RATE, np.float32), BATCHED, **wrong)
        assert caught.value.field == next(iter(wrong))
    with pytest.raises(OptionsError):
        TranscribeOptions(mode="batched", word_timestamps=True, hallucination_silence_threshold=2.0)
