"""A recording whose state is saved after any window goes on as if it had never stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longform_course import ONE, OPTIONS, TOKENIZER, TWO, Run, at, result
from whisper_onnx.errors import OptionsError
from whisper_onnx.longform import LongformState, Segment
from whisper_onnx.options import TranscribeOptions
from whisper_onnx.search import WindowResult

some_text = st.lists(st.integers(0, 20_000), min_size=0, max_size=4)
some_time = st.integers(TOKENIZER.timestamp_begin, TOKENIZER.timestamp_begin + 1500)
some_tokens = st.lists(some_text | some_time.map(lambda t: [t]), max_size=8).map(
    lambda parts: [token for part in parts for token in part]
)
some_result = st.builds(
    lambda tokens, temperature, logprob, silence: result(
        tokens, temperature=temperature, avg_logprob=logprob, no_speech_prob=silence
    ),
    some_tokens,
    st.sampled_from([0.0, 0.4, 0.8]),
    st.floats(-2, 0),
    st.floats(0, 1),
)


some_options = st.builds(
    lambda words, clips, threshold, prompt, condition: replace(
        OPTIONS,
        word_timestamps=words,
        clip_timestamps=clips,
        hallucination_silence_threshold=threshold,
        initial_prompt=prompt,
        condition_on_previous_text=condition,
    ),
    st.booleans(),
    st.sampled_from(["0", "", "3.5,70,20,21.5,100,500", "150,10,40"]),
    st.sampled_from([None, 0.0, 0.5, 2.0]),
    st.sampled_from([None, "Anna and Peter"]),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    results=st.lists(some_result, min_size=1, max_size=8),
    options=some_options,
)
def test_a_recording_resumed_after_any_window_goes_on_as_if_uninterrupted(
    results: list[WindowResult], options: TranscribeOptions
) -> None:
    straight = Run(20_000, options)
    saved = [json.dumps(straight.state.to_dict())]
    for item in results:
        if straight.transcription is None:
            straight.send(item)
            saved.append(json.dumps(straight.state.to_dict()))
    for done, text in enumerate(saved):
        resumed = Run(20_000, options, LongformState.from_dict(json.loads(text)))
        assert json.dumps(resumed.state.to_dict()) == text
        resumed.send(*results[done : len(saved) - 1])
        assert resumed.requests == straight.requests[done:]
        assert resumed.state == straight.state
        assert resumed.transcription == straight.transcription


@settings(max_examples=60, deadline=None)
@given(
    results=st.lists(some_result, min_size=30, max_size=30),
    frames=st.integers(1, 9000),
    words=st.booleans(),
    threshold=st.sampled_from([None, 0.0, 0.5, 2.0]),
)
def test_windows_always_move_on_and_stay_within_the_recording(
    results: list[WindowResult], frames: int, words: bool, threshold: float | None
) -> None:
    options = replace(OPTIONS, word_timestamps=words, hallucination_silence_threshold=threshold)
    run = Run(frames, options)
    for item in results:
        if run.transcription is None:
            run.send(item)
    assert run.seeks == sorted(set(run.seeks))
    assert all(r.size == min(3000, frames - r.seek) > 0 for r in run.requests)


def test_a_segment_with_words_is_the_same_after_json() -> None:
    run = Run(6000, replace(OPTIONS, word_timestamps=True)).send(result([at(0), *ONE, at(2), at(2)]))
    (segment,) = run.state.segments
    assert segment.words
    assert Segment.from_dict(json.loads(json.dumps(segment.to_dict()))) == segment


GOOD = LongformState.start(TOKENIZER, OPTIONS, "en").to_dict()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {**GOOD, "version": 1},
        {**GOOD, "seek": "soon"},
        {**GOOD, "seek": -1},
        {**GOOD, "clip": -1},
        {**GOOD, "last_speech": "nan"},
        {**GOOD, "prompt_reset_since": 5},
        {**GOOD, "segments": [{"id": 0}]},
        {**GOOD, "segments": 7},
        {key: value for key, value in GOOD.items() if key != "language"},
    ],
)
def test_what_was_not_saved_by_this_version_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(OptionsError, match="resume"):
        LongformState.from_dict(state)


def test_a_saved_state_does_not_change_when_the_recording_goes_on() -> None:
    run = Run(9000).send(result([at(0), *ONE, at(1)]))
    saved = run.state.to_dict()
    before = json.dumps(saved)
    run.send(result([at(0), *TWO, at(1)]))
    assert json.dumps(saved) == before
