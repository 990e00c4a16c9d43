"""Subtitles that are laid out keep the rules of broadcasting, whatever was said and whenever."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pysubs2
import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from stenobox.errors import InvalidRequest
from stenobox.exports import ExportOptions, check, render
from stenobox.exports.characters import width
from stenobox.exports.options import Layout
from stenobox.exports.timing import Shown, Spoken, Word, lay_out
from stenobox.exports.wrapping import cut
from stenobox.types import Transcript
from stenobox.types import Word as SpokenWord
from unit.test_exports import said

SPEECH = (
    "Good morning everybody, and welcome to the meeting of the board. We have a great deal to talk about "
    "today, so let us begin with the numbers of the last quarter, which were better than we thought."
)

texts = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(["a", "of", "house,", "Fine.", "long-winded", "それは", "。", "é", "ש"])).map(
        " ".join
    ),
)
moments = st.integers(0, 20_000)
utterances = st.lists(
    st.builds(Spoken, moments, moments, texts, st.sampled_from(["", "Channel 1:"]), words=st.just(())),
    max_size=8,
)
layouts = st.builds(
    Layout,
    line_chars=st.integers(10, 60),
    cue_lines=st.integers(1, 4),
    max_cps=st.floats(5, 60),
    cue_min=st.integers(100, 1_000),
    cue_max=st.integers(1_000, 10_000),
    cue_gap=st.integers(0, 1_000),
)


def laid_out(*spoken: Spoken, **rules: Any) -> list[Shown]:
    return list(lay_out(spoken, Layout(**rules)))


def lines_of(*lines: tuple[float, float, str], **options: Any) -> list[list[str]]:
    """The lines of each cue as a reader of SubRip finds them."""
    text = render(said(*lines), "srt", ExportOptions(**options)).content.decode()
    return [cue.content.split("\n") for cue in srt.parse(text)]


@given(texts, st.integers(10, 60), st.integers(1, 4), st.integers(1, 5))
def test_a_text_is_cut_into_lines_that_fit_and_nothing_is_lost(
    text: str, line_chars: int, cue_lines: int, pieces: int
) -> None:
    found = cut(text, line_chars, cue_lines, pieces)
    whole = "".join(text.split())
    assert "".join("".join("".join(piece.lines).split()) for piece in found) == whole
    assert all(1 <= len(piece.lines) <= cue_lines for piece in found)
    assert all(width(line) <= line_chars for piece in found for line in piece.lines)
    assert all(line.strip() == line != "" for piece in found for line in piece.lines)
    bounds = [0, *(piece.last for piece in found)]
    assert [(piece.first, piece.last) for piece in found] == list(pairwise(bounds))
    assert bounds[-1] == len(whole)


@given(utterances, layouts)
def test_cues_never_overlap_and_none_stays_too_long(spoken: list[Spoken], layout: Layout) -> None:
    cues = list(lay_out(spoken, layout))
    assert all(0 <= cue.start < cue.end <= cue.start + layout.cue_max for cue in cues)
    assert all(after.start - before.end >= layout.cue_gap for before, after in pairwise(cues))
    shown = "".join("".join("".join(cue.lines) for cue in cues).split())
    told = "".join("".join(one.text for one in spoken).split())
    assert sorted(shown.replace("Channel1:", "")) == sorted(told)


@given(utterances, layouts)
def test_a_cue_stays_until_it_can_be_read_unless_the_next_one_comes(
    spoken: list[Spoken], layout: Layout
) -> None:
    for cue, following in pairwise([*lay_out(spoken, layout), None]):
        assert cue is not None
        room = following is None or following.start - layout.cue_gap > cue.end
        letters = sum(map(width, cue.lines))
        shown = cue.end - cue.start
        if room and shown < layout.cue_max:
            assert shown >= layout.cue_min
            assert letters * 1000 / shown <= layout.max_cps + 1e-6


def test_lines_are_broken_where_a_reader_pauses_and_are_alike_in_length() -> None:
    assert lines_of((0.0, 12.0, SPEECH), line_chars=42) == [
        ["Good morning everybody,", "and welcome to the meeting of the board."],
        ["We have a great deal to talk about today,", "so let us begin"],
        ["with the numbers of the last quarter,", "which were better than we thought."],
    ]
    assert lines_of((0.0, 3.0, "one two three four five six seven eight nine ten"), line_chars=42) == [
        ["one two three four five", "six seven eight nine ten"]
    ]


def test_what_fits_on_a_line_stays_on_it() -> None:
    assert lines_of((0.0, 3.0, "Hello, how are you? Fine, thanks."), cue_lines=2) == [
        ["Hello, how are you? Fine, thanks."]
    ]


def test_a_script_without_spaces_is_broken_after_its_punctuation_never_before() -> None:
    spoken = "これは日本語の長い文章です。「スペースがない」ので、どこで改行するかを考えます。"
    [lines] = lines_of((0.0, 7.0, spoken), line_chars=28)
    assert "".join(lines) == spoken
    assert not any(line[0] in "。、」" or line[-1] == "「" for line in lines)
    assert lines[0].endswith("。")


def test_a_word_that_is_longer_than_a_line_is_cut() -> None:
    assert lines_of((0.0, 3.0, "x" * 25), line_chars=10, cue_lines=3) == [["x" * 10, "x" * 10, "x" * 5]]


def test_an_accent_stays_with_its_letter_and_takes_no_room() -> None:
    accented = "e\u0301" * 20
    assert cut(accented, 10, 2) == [((accented[:20], accented[20:]), 0, 40)]


def test_times_are_shared_out_by_characters() -> None:
    first, second = laid_out(
        Spoken(1_000, 5_000, "aaaa bbbb. cccc dddd."), line_chars=10, cue_lines=1, cue_gap=0
    )
    assert (first.start, first.end, second.start, second.end) == (1_000, 3_000, 3_000, 5_000)


def test_times_of_words_win_over_characters() -> None:
    words = (
        Word(1_000, 1_200, " aaaa"),
        Word(1_200, 1_400, " bbbb."),
        Word(4_000, 4_500, " cccc"),
        Word(4_500, 4_800, " dddd."),
    )
    spoken = Spoken(1_000, 5_000, "aaaa bbbb. cccc dddd.", words=words)
    first, second = laid_out(spoken, line_chars=10, cue_lines=1, cue_min=100)
    assert (first.start, first.end) == (1_000, 1_589), "until it can be read"
    assert (second.start, second.end) == (4_000, 4_800)


def test_words_that_are_not_the_text_any_more_are_left_aside() -> None:
    words = (Word(4_000, 4_500, "something"), Word(4_500, 5_000, "else"))
    spoken = Spoken(1_000, 5_000, "aaaa bbbb. cccc dddd.")
    assert laid_out(spoken._replace(words=words), line_chars=10) == laid_out(spoken, line_chars=10)


def test_a_slow_speaker_gets_more_cues_rather_than_one_that_stays_too_long() -> None:
    cues = laid_out(Spoken(0, 20_000, "one two six. four five ten."))
    assert [cue.lines for cue in cues] == [("one two",), ("six. four",), ("five ten.",)]
    assert [(cue.start, cue.end) for cue in cues] == [(0, 5_371), (5_454, 12_454), (12_727, 19_727)]


def test_short_lines_of_one_speaker_are_shown_together_so_that_they_can_be_read() -> None:
    spoken = [Spoken(n * 400, n * 400 + 400, "Yes.") for n in range(6)]
    assert [(cue.start, cue.end, cue.lines) for cue in laid_out(*spoken)] == [
        (0, 1_117, ("Yes. Yes. Yes.",)),
        (1_200, 2_400, ("Yes. Yes. Yes.",)),
    ]
    alone = laid_out(spoken[0], Spoken(5_000, 5_400, "No."))
    assert [cue.lines for cue in alone] == [("Yes.",), ("No.",)]


def test_short_lines_in_a_row_do_not_drift_away_from_the_speech() -> None:
    spoken = [Spoken(n * 400, n * 400 + 400, "Yes.", speaker=f"Channel {n % 2 + 1}") for n in range(200)]
    assert [cue.start for cue in laid_out(*spoken)] == [one.start for one in spoken]


def test_a_segment_without_any_time_is_shown_as_long_as_there_is_room() -> None:
    cues = laid_out(Spoken(0, 0, SPEECH), Spoken(60_000, 61_000, "End."))
    assert len(cues) == 4
    assert all(cue.end - cue.start > 1_000 for cue in cues[:3])


def test_two_who_speak_at_once_are_shown_one_after_the_other() -> None:
    one, other = laid_out(Spoken(0, 5_000, "This is one."), Spoken(0, 5_000, "This is another."))
    assert one.end < other.start < other.end == 5_000
    assert one.end - one.start > 700


def call() -> Transcript:
    plain = said((0.0, 12.0, SPEECH), (12.0, 13.0, "Thank you."))
    pairs = enumerate(plain.segments)
    return replace(plain, segments=tuple(replace(segment, channel=number) for number, segment in pairs))


def test_a_label_takes_room_on_the_line_and_stands_once_for_a_segment() -> None:
    cues = list(srt.parse(render(call(), "srt", ExportOptions(line_chars=42)).content.decode()))
    assert [cue.content.count("Channel 1: ") for cue in cues] == [1, *[0] * (len(cues) - 1)]
    assert cues[-1].content == "Channel 2: Thank you."
    assert all(len(line) <= 42 for cue in cues for line in cue.content.split("\n"))
    voices = webvtt.from_string(render(call(), "vtt", ExportOptions(line_chars=42)).content.decode())
    assert [cue.voice for cue in voices] == [*["Channel 1"] * (len(voices) - 1), "Channel 2"]
    assert not any("Channel" in cue.text for cue in voices)


@given(st.lists(st.tuples(moments, moments, texts), max_size=4), st.booleans())
def test_whatever_is_said_other_programs_read_the_same_cues(
    lines: list[tuple[int, int, str]], wide: bool
) -> None:
    transcript = said(*((start / 1000, end / 1000, text) for start, end, text in lines))
    options = ExportOptions(line_chars=42 if wide else 12)
    cues = list(lay_out((Spoken(*line) for line in lines), options.layout or Layout()))
    times = [(cue.start, cue.end) for cue in cues]
    subrip = render(transcript, "srt", options).content.decode()
    web = render(transcript, "vtt", options).content.decode()
    parsed = list(srt.parse(subrip))
    assert [cue.index for cue in parsed] == list(range(1, len(cues) + 1))
    assert [
        (round(c.start.total_seconds() * 1000), round(c.end.total_seconds() * 1000)) for c in parsed
    ] == times
    for text, format in ((subrip, "srt"), (web, "vtt")):
        read = pysubs2.SSAFile.from_string(text, format_=format)
        assert [(event.start, event.end) for event in read] == times


@pytest.mark.parametrize(
    ("formats", "options", "named"),
    [
        (["txt"], ExportOptions(line_chars=42), "line_chars"),
        (["srt"], ExportOptions(timestamps=True), "timestamps"),
        (["json"], ExportOptions(speakers=False), "speakers"),
        (["json", "tsv"], ExportOptions(cue_gap=0.1), "cue_gap"),
        (["srt"], ExportOptions(cue_min=3.0, cue_max=2.0), "cue_min"),
    ],
)
def test_an_option_that_means_nothing_is_refused_by_its_name(
    formats: list[str], options: ExportOptions, named: str
) -> None:
    with pytest.raises(InvalidRequest, match=named):
        check(formats, options)


def test_of_several_formats_each_takes_the_options_that_mean_something_to_it() -> None:
    options = ExportOptions(timestamps=True, line_chars=42)
    check(["txt", "srt", "json"], options)
    assert render(call(), "json", options) == render(call(), "json")


def test_the_words_that_a_segment_has_say_when_its_cues_begin() -> None:
    whole = said((0.0, 10.0, "Good morning everybody. We have a lot to talk about today."))
    texts = (
        "Good",
        " morning",
        " everybody.",
        " We",
        " have",
        " a",
        " lot",
        " to",
        " talk",
        " about",
        " today.",
    )
    words = tuple(
        SpokenWord(text, 0.2 * n if n < 3 else 7.0 + 0.2 * n, 0.2 * n + 0.2 if n < 3 else 7.2 + 0.2 * n, 1.0)
        for n, text in enumerate(texts)
    )
    timed = replace(whole, segments=(replace(whole.segments[0], words=words),))
    options = ExportOptions(line_chars=30, cue_lines=1)
    starts = [
        [cue.start.total_seconds() for cue in srt.parse(render(one, "srt", options).content.decode())]
        for one in (whole, timed)
    ]
    assert starts[1][:2] == [0.0, pytest.approx(7.6)]
    assert starts[0][1] < 6.0
