"""The long-form algorithm: where windows begin, what becomes a segment, prompts, clips and words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longform_course import ONE, OPTIONS, THREE, TOKENIZER, TWO, Run, at, result
from whisper_onnx.alignment import WordTiming
from whisper_onnx.errors import OptionsError
from whisper_onnx.longform import AlignRequest, LongformState, Segment, Transcription, WindowRequest
from whisper_onnx.options import TranscribeOptions


def test_a_recording_without_a_frame_is_an_empty_transcription() -> None:
    assert Run(0).transcription == Transcription("en", "", (), 0.0)


def test_a_short_recording_is_one_window_of_its_length() -> None:
    run = Run(1234)
    assert run.requests == [WindowRequest(seek=0, size=1234, prompt_tokens=())]


def test_pairs_of_timestamps_cut_segments_and_the_next_window_starts_at_the_last_pair() -> None:
    run = Run(6000)
    run.send(result([at(0), *ONE, at(2.5), at(4), *TWO, at(6.02), at(7), *THREE]))
    assert run.spans == [(0.0, 2.5, " One."), (4.0, 6.02, " Two.")]
    assert run.seeks == [0, 602]
    run.send(result([at(1), *THREE, at(2), at(2)]))
    assert run.spans[-1] == (7.02, 8.02, " Three.")
    assert run.seeks[-1] == 802


def test_a_single_timestamp_at_the_end_closes_the_window() -> None:
    run = Run(6000)
    run.send(result([at(0.5), *ONE, at(2), at(3), *TWO, at(5)]))
    assert run.spans == [(0.5, 2.0, " One."), (3.0, 5.0, " Two.")]
    assert run.seeks == [0, 3000]


def test_a_window_with_one_segment_counts_from_its_start_to_its_last_timestamp() -> None:
    run = Run(6000)
    run.send(result([at(0.8), *ONE, at(2)]))
    assert run.spans == [(0.0, 2.0, " One.")]  # openai-whisper reports the window's start
    assert run.seeks == [0, 3000]


def test_text_without_an_end_lasts_to_the_end_of_the_window() -> None:
    run = Run(3500)
    run.send(result([at(0), *ONE]), result([*TWO]))
    assert run.spans == [(0.0, 30.0, " One."), (30.0, 35.0, " Two.")]
    assert run.transcription is not None
    assert run.transcription.text == " One. Two."


def test_the_last_window_is_as_long_as_what_is_left() -> None:
    run = Run(4000).send(result([at(0), *ONE, at(2)]))
    assert run.requests[-1].size == 1000


def test_segments_without_text_or_length_are_left_out_and_numbers_have_no_gaps() -> None:
    space = TOKENIZER.encode(" ")
    run = Run(9000)
    run.send(result([at(0), *ONE, at(1), at(1), *space, at(2), at(2), *TWO, at(2), at(3), *THREE, at(4)]))
    run.send(result([at(0), *ONE, at(1)]))
    assert run.spans == [(0.0, 1.0, " One."), (3.0, 4.0, " Three."), (30.0, 31.0, " One.")]
    assert [segment.id for segment in run.state.segments] == [0, 1, 2]
    assert run.requests[1].prompt_tokens == (at(0), *ONE, at(1), at(3), *THREE, at(4))


def test_a_segment_carries_its_window_and_its_tokens() -> None:
    run = Run(9000).send(result([at(0), *ONE, at(1)]))
    run.send(result([at(0), *TWO, at(1)], avg_logprob=-0.5, no_speech_prob=0.2, temperature=0.4))
    assert run.state.segments[1] == Segment(
        1, 3000, 30.0, 31.0, " Two.", (at(0), *TWO, at(1)), 0.4, -0.5, 1.1, 0.2
    )


@pytest.mark.parametrize(
    ("no_speech_prob", "avg_logprob", "options", "skipped"),
    [
        (0.7, -1.2, OPTIONS, True),
        (0.7, -1.0, OPTIONS, True),
        (0.7, -0.9, OPTIONS, False),
        (0.6, -1.2, OPTIONS, False),
        (0.7, -0.9, replace(OPTIONS, logprob_threshold=None), True),
        (0.99, -9.0, replace(OPTIONS, no_speech_threshold=None), False),
    ],
)
def test_a_silent_window_is_skipped_unless_its_text_is_probable(
    no_speech_prob: float, avg_logprob: float, options: TranscribeOptions, skipped: bool
) -> None:
    heard = result([at(0), *ONE, at(1), at(1)], no_speech_prob=no_speech_prob, avg_logprob=avg_logprob)
    run = Run(6000, options).send(heard)
    assert run.spans == ([] if skipped else [(0.0, 1.0, " One.")])
    assert run.seeks == ([0, 3000] if skipped else [0, 100])


def test_the_text_so_far_is_the_prompt_of_the_next_window() -> None:
    first, second = [at(0), *ONE, at(1)], [at(0), *TWO, at(1)]
    run = Run(9000).send(result(first), result(second))
    assert [request.prompt_tokens for request in run.requests] == [(), tuple(first), (*first, *second)]


def test_a_prompt_holds_no_more_than_the_model_takes() -> None:
    long = [at(0), *(ONE * 60), at(1)]
    run = Run(9000).send(result(long), result(long))
    assert run.requests[-1].prompt_tokens == tuple((long + long)[-223:])


def test_without_conditioning_every_window_starts_afresh() -> None:
    run = Run(9000, replace(OPTIONS, condition_on_previous_text=False))
    run.send(result([at(0), *ONE, at(1)]), result([at(0), *TWO, at(1)]))
    assert [request.prompt_tokens for request in run.requests] == [(), (), ()]


@pytest.mark.parametrize(("temperature", "kept"), [(0.4, True), (0.5, True), (0.6, False)])
def test_text_sampled_hot_is_no_prompt(temperature: float, kept: bool) -> None:
    tokens = (at(0), *ONE, at(1))
    run = Run(9000).send(result(tokens, temperature=temperature))
    assert run.requests[-1].prompt_tokens == (tokens if kept else ())
    run.send(result([at(0), *TWO, at(1)]))
    assert run.requests[-1].prompt_tokens == (*(tokens if kept else ()), at(0), *TWO, at(1))


def test_a_silent_window_leaves_the_prompt_as_it_was() -> None:
    tokens = (at(0), *ONE, at(1))
    run = Run(9000).send(result(tokens), result([], no_speech_prob=0.9, avg_logprob=-2, temperature=1.0))
    assert run.requests[-1].prompt_tokens == tokens


def test_the_initial_prompt_comes_first_and_is_no_part_of_the_text() -> None:
    options = replace(OPTIONS, initial_prompt="  Names: Anna, Peter. ")
    prompt = tuple(TOKENIZER.encode(" Names: Anna, Peter."))
    run = Run(6000, options).send(result([at(0), *ONE, at(1)]))
    assert run.requests[0].prompt_tokens == prompt
    assert run.requests[1].prompt_tokens == (*prompt, at(0), *ONE, at(1))
    run.send(result([at(0), *TWO, at(1)]))
    assert run.transcription is not None
    assert run.transcription.text == " One. Two."


def test_without_conditioning_the_initial_prompt_serves_the_first_window_only() -> None:
    options = replace(OPTIONS, initial_prompt="Anna.", condition_on_previous_text=False)
    run = Run(6000, options).send(result([at(0), *ONE, at(1)]))
    assert [bool(request.prompt_tokens) for request in run.requests] == [True, False]


def test_an_initial_prompt_with_special_tokens_is_refused() -> None:
    options = replace(OPTIONS, initial_prompt="<|endoftext|>")
    with pytest.raises(OptionsError, match="initial_prompt"):
        LongformState.start(TOKENIZER, options, "en")


def test_a_window_that_would_not_move_on_is_left_behind() -> None:
    options = replace(OPTIONS, without_timestamps=True)
    run = Run(6000, options).send(result([at(0), at(0)]))
    assert run.seeks == [0, 3000]


def test_characters_split_between_segments_are_whole_in_the_text() -> None:
    first, second = TOKENIZER.encode("ℵ")[:1], TOKENIZER.encode("ℵ")[1:]
    assert second
    run = Run(3000).send(result([at(0), *ONE, *first, at(1), at(1), *second, at(2)]))
    assert run.transcription is not None
    assert run.transcription.text == " One.ℵ"


# Clips


@pytest.mark.parametrize(
    ("clips", "windows_asked_for"),
    [
        ("", [(0, 3000), (3000, 3000), (6000, 1000)]),
        ("5", [(500, 3000), (3500, 3000), (6500, 500)]),
        ("5,12.34", [(500, 734)]),
        ((5.0, 40.0), [(500, 3000), (3500, 500)]),
        ("10,20,5,6,50", [(1000, 1000), (500, 100), (5000, 2000)]),  # in the order given
        ("1,1,3,2,4,5", [(400, 100)]),  # nothing to hear in the first two
        ("60,500,600,700", [(6000, 1000)]),  # no further than the recording
        ("0.004,0.016", [(0, 2)]),  # rounded to frames of 10 ms
    ],
)
def test_windows_are_those_of_the_clips(
    clips: str | tuple[float, ...], windows_asked_for: list[tuple[int, int]]
) -> None:
    run = Run(7000, replace(OPTIONS, clip_timestamps=clips))
    while run.transcription is None:
        run.send(result([at(0), *ONE, at(0.5)]))
    assert [(request.seek, request.size) for request in run.requests] == windows_asked_for


# Words


WORDS = replace(OPTIONS, word_timestamps=True)
EVEN = [token for token in range(1000, 20_000, 80) if TOKENIZER.decode([token])[:1] == " "]
ODD = [token + 1 for token in range(1000, 20_000, 80) if TOKENIZER.decode([token + 1])[:1] == " "]


def test_all_text_of_a_window_is_aligned_at_once_and_words_move_the_ends_of_segments() -> None:
    run = Run(6000, WORDS).send(result([at(0), *EVEN[:2], at(2), at(2), *EVEN[2:4], at(9), at(9)]))
    assert run.aligned == [AlignRequest((*EVEN[:4],), 3000)]
    first, second = run.state.segments
    assert [len(segment.words or ()) for segment in (first, second)] == [2, 2]
    for segment in (first, second):
        assert segment.words is not None
        assert (segment.start, segment.end) == (segment.words[0].start, segment.words[-1].end)
    assert run.seeks[1] == round(second.end * 100)  # not at the last pair of timestamps


def test_a_window_without_text_is_not_aligned() -> None:
    run = Run(6000, WORDS).send(result([at(0), at(5)]))
    assert run.aligned == []
    assert run.state.segments == []
    assert len(run.seeks) == 2


def test_improbable_words_after_a_silence_are_decoded_again_from_where_they_begin() -> None:
    options = replace(WORDS, hallucination_silence_threshold=1.0)
    text = ODD[:1]

    def silence_first(request: AlignRequest) -> list[WordTiming]:
        return [WordTiming(" x", list(request.text_tokens), 6.0, 6.02, 0.01)]

    run = Run(6000, options, align=silence_first)
    run.send(result([at(6), *text, at(6.5), at(6.5)], temperature=1.0))
    assert run.seeks == [0, 600]
    assert run.state.segments == []


def test_improbable_words_between_silences_are_dropped_with_all_that_follows_them() -> None:
    options = replace(WORDS, hallucination_silence_threshold=1.0)

    def pauses(request: AlignRequest) -> list[WordTiming]:
        real, made_up = request.text_tokens[:4], request.text_tokens[4:]
        return [
            *(WordTiming(" a", [t], i * 0.3, i * 0.3 + 0.3, 0.9) for i, t in enumerate(real)),
            *(WordTiming(" b", [t], 9.0, 9.02, 0.01) for t in made_up),
        ]

    run = Run(6000, options, align=pauses)
    run.send(result([at(0), *EVEN[:4], at(1.2), at(9), *ODD[:1], at(9.5), at(9.5)]))
    assert [segment.text for segment in run.state.segments] == [TOKENIZER.decode(EVEN[:4])]
    assert run.seeks == [0, 900]
