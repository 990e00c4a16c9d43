"""Segments while a recording is transcribed, and text while somebody still speaks."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from whisper_onnx import (
    AudioError,
    LiveSession,
    LiveUpdate,
    OptionsError,
    Partial,
    Segment,
    TranscribeOptions,
    WhisperModel,
)
from whisper_onnx.agreement import agreed

Samples = NDArray[np.float32]
SPEECH = Path(__file__).parents[2] / "data" / "speech"
RATE = 16_000
ENGLISH = TranscribeOptions(language="en", temperature=(0.0,))


@pytest.fixture(scope="module")
def passage() -> Samples:
    samples: Samples = soundfile.read(SPEECH / "passage-40s.flac", dtype="float32")[0]
    return samples


@pytest.mark.parametrize("mode", ["sequential", "batched"])
def test_a_stream_yields_the_segments_that_transcribe_gives(
    model: WhisperModel, passage: Samples, mode: str
) -> None:
    whole = model.transcribe(passage, ENGLISH, mode=mode)
    assert len(whole.segments) > 5
    assert tuple(model.stream(passage, ENGLISH, mode=mode)) == whole.segments


def test_segments_come_before_the_recording_is_done(model: WhisperModel, passage: Samples) -> None:
    stream = model.stream(passage, ENGLISH)
    next(stream)
    assert len(model.batcher) == 1
    assert len(list(stream)) > 3
    assert len(model.batcher) == 0


@pytest.mark.parametrize("mode", ["sequential", "batched"])
def test_partial_text_comes_before_the_segment_it_becomes(
    model: WhisperModel, passage: Samples, mode: str
) -> None:
    heard = list(model.stream(passage, ENGLISH, mode=mode, partial=True))
    partials = [item for item in heard if isinstance(item, Partial)]
    segments = [item for item in heard if isinstance(item, Segment)]
    assert tuple(segments) == model.transcribe(passage, ENGLISH, mode=mode).segments
    assert isinstance(heard[0], Partial)
    assert len(partials) > len({item.start for item in partials})  # several of one window
    tokens = sum(len(segment.tokens) for segment in segments)
    assert len(partials) <= tokens / 4  # of each window the tokens that the next one hears again count too
    first = [item.text for item in partials if item.start == partials[0].start]
    assert all(longer.startswith(shorter[:10]) for shorter, longer in itertools.pairwise(first))


def test_closing_a_stream_ends_the_work_and_frees_its_slots(model: WhisperModel, passage: Samples) -> None:
    long = np.tile(passage, 6)  # not done when the others have begun
    streams = [model.stream(long, ENGLISH, mode=mode) for mode in ("sequential", "batched", "sequential")]
    for stream in streams:
        next(stream)
    assert len(model.batcher) >= 2
    for stream in streams:
        stream.close()  # type: ignore[attr-defined]
    assert len(model.batcher) == 0
    assert model.batcher.free == model.runtime.slots


def test_streams_and_other_calls_take_turns_on_one_model(model: WhisperModel, passage: Samples) -> None:
    whole = model.transcribe(passage, ENGLISH)
    language = model.detect_language(passage)
    one, other = model.stream(passage, ENGLISH), model.stream(passage[: 20 * RATE], ENGLISH)
    first = [next(one), next(other)]
    assert model.detect_language(passage) == language
    assert model.transcribe(passage, ENGLISH).text == whole.text
    assert [first[0].text, *(segment.text for segment in one)] == [s.text for s in whole.segments]
    assert len(list(other)) > 0


def test_what_is_wrong_with_a_stream_is_raised_to_its_reader(model: WhisperModel, passage: Samples) -> None:
    with pytest.raises(OptionsError):
        model.stream(passage, ENGLISH, beam=5)
    with pytest.raises(AudioError):
        list(model.stream(np.full(RATE, np.nan, np.float32), ENGLISH))
    assert len(model.batcher) == 0


def live(model: WhisperModel, audio: Samples, piece: float = 0.5, step: float = 1.0) -> list[LiveUpdate]:
    """All updates of a session fed in pieces of so many seconds, the last one being the end's."""
    session = LiveSession(model, ENGLISH, step=step)
    size = round(piece * RATE)
    updates = [session.feed(audio[first : first + size]) for first in range(0, len(audio), size)]
    return [*updates, session.finish()]


def test_a_live_session_hears_what_the_whole_recording_says(model: WhisperModel, passage: Samples) -> None:
    from train_demo.evaluate import edit_distance

    updates = live(model, passage)
    text = "".join(update.confirmed for update in updates)
    segments = [segment for update in updates for segment in update.segments]
    whole = model.transcribe(passage, ENGLISH)
    assert edit_distance(whole.text.split(), text.split()) <= 0.1 * len(whole.text.split())
    assert "".join(segment.text for segment in segments) == text
    assert [segment.id for segment in segments] == list(range(len(segments)))
    edges = [edge for segment in segments for edge in (segment.start, segment.end)]
    assert edges == sorted(edges)
    assert edges[0] == pytest.approx(whole.segments[0].start, abs=0.5)
    assert edges[-1] == pytest.approx(whole.segments[-1].end, abs=0.5)


def test_live_text_is_confirmed_within_seconds_of_being_spoken(model: WhisperModel, passage: Samples) -> None:
    heard = ""
    fed = 0.0
    for update in live(model, passage[: 20 * RATE]):
        fed += 0.5
        heard += update.confirmed
        if "Wednesday" in heard:
            break
    assert 12.3 < fed < 12.8 + 3.0  # seconds of audio fed, not of the clock


def test_the_same_pieces_give_the_same_updates(model: WhisperModel, passage: Samples) -> None:
    assert live(model, passage[: 20 * RATE]) == live(model, passage[: 20 * RATE])


def test_a_live_session_keeps_no_more_than_a_window_of_a_long_recording(
    model: WhisperModel, passage: Samples
) -> None:
    session = LiveSession(model, ENGLISH, step=10.0)
    speech = passage[10 * RATE : 38 * RATE]
    for _ in range(4):
        session.feed(speech)
        assert session.buffered <= 30.0
    session.feed(np.zeros(60 * RATE, np.float32))
    assert session.buffered <= 1.0 + 10.0  # the silence's last second, and less than a step


def test_silence_brings_no_text(model: WhisperModel) -> None:
    updates = live(model, np.zeros(20 * RATE, np.float32), piece=1.0)
    assert updates == [LiveUpdate()] * 21


def test_live_sessions_share_a_model_with_recordings(model: WhisperModel, passage: Samples) -> None:
    audio = passage[9 * RATE : 20 * RATE]
    alone = live(model, audio)
    stream = model.stream(passage, ENGLISH)
    first = next(stream)
    one, other = LiveSession(model, ENGLISH), LiveSession(model, ENGLISH)
    size = RATE // 2
    both = [
        (one.feed(audio[i : i + size]), other.feed(audio[i : i + size])) for i in range(0, len(audio), size)
    ]
    both.append((one.finish(), other.finish()))
    texts = ["".join(pair[i].confirmed for pair in both) for i in (0, 1)]
    assert texts == ["".join(update.confirmed for update in alone)] * 2
    assert [first, *stream] == list(model.transcribe(passage, ENGLISH).segments)


def test_a_session_refuses_what_it_cannot_use(model: WhisperModel) -> None:
    session = LiveSession(model, ENGLISH)
    with pytest.raises(AudioError):
        session.feed(np.array([0.0, np.nan], np.float32))
    assert session.buffered == 0.0
    session.finish()
    assert session.finish() == LiveUpdate()
    with pytest.raises(ValueError, match="finished"):
        session.feed(np.zeros(5, np.float32))
    for wrong in ({"without_timestamps": True}, {"word_timestamps": True}, {"prefix": "So"}):
        with pytest.raises(OptionsError):
            LiveSession(model, TranscribeOptions(**wrong))
    with pytest.raises(OptionsError):
        LiveSession(model, ENGLISH, step=0.0)


def test_hypotheses_agree_in_whole_words_and_nearly_in_times(model: WhisperModel) -> None:
    tokenizer = model.tokenizer("en", "transcribe")
    begin = tokenizer.timestamp_begin

    def spoken(text: str, start: int, *end: int) -> tuple[int, ...]:
        return (begin + start, *tokenizer.encode(text), *(begin + stamp for stamp in end))

    now = spoken(" Please sell your ticket", 10, 120)
    assert agreed(spoken(" Please sell your tick", 14, 90), now, tokenizer) == spoken(" Please sell your", 10)
    assert agreed(now, now, tokenizer) == now
    assert agreed(spoken(" Please", 60), now, tokenizer) == ()
    assert agreed((), now, tokenizer) == ()
