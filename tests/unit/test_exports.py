"""Exports: every format is what its readers expect, whatever was said and whenever."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stenobox.errors import InvalidRequest
from stenobox.exports import FORMATS, render
from stenobox.types import Job, JobState, Transcript
from storing import OPTIONS, transcript_of

JOB = Job(
    id="j1",
    recording_id="r1",
    owner_id=1,
    state=JobState.DONE,
    priority=5,
    options=OPTIONS,
    attempt=1,
    progress=1.0,
    error=None,
    error_detail=None,
    created_at=0.0,
    started_at=0.0,
    finished_at=0.0,
)

Spoken = tuple[float, float, str]


def said(*lines: Spoken) -> Transcript:
    plain = transcript_of(JOB, [text for _, _, text in lines])
    pairs = zip(plain.segments, lines, strict=True)
    segments = tuple(replace(segment, start=start, end=end) for segment, (start, end, _) in pairs)
    return replace(plain, segments=segments)


def text_of(transcript: Transcript, format: str) -> str:
    return render(transcript, format).content.decode("utf-8")


def test_srt_is_numbered_cues_with_commas() -> None:
    transcript = said((0.0, 1.5, " Hello there."), (3661.25, 3662.0, "Bye."))
    assert text_of(transcript, "srt") == (
        "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n01:01:01,250 --> 01:01:02,000\nBye.\n"
    )


def test_vtt_has_a_header_and_points() -> None:
    assert text_of(said((0.0, 1.5, "Hello.")), "vtt") == "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello.\n"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (59.9996, "00:01:00,000"),
        (59.9994, "00:00:59,999"),
        (3599.9999, "01:00:00,000"),
        (0.0004, "00:00:00,000"),
        (1.001, "00:00:01,001"),
        (360_000.0, "100:00:00,000"),
        (-0.5, "00:00:00,000"),
    ],
)
def test_times_are_rounded_before_they_are_split(seconds: float, shown: str) -> None:
    assert text_of(said((seconds, seconds + 5, "x")), "srt").splitlines()[1].startswith(f"{shown} --> ")


def test_vtt_escapes_what_would_be_markup() -> None:
    text = text_of(said((0.0, 1.0, "a --> b & <v Bob>c</v> &amp;")), "vtt")
    assert text.endswith("a --&gt; b &amp; &lt;v Bob&gt;c&lt;/v&gt; &amp;amp;\n")


def test_an_arrow_that_was_said_is_no_line_of_times() -> None:
    text = text_of(said((0.0, 1.0, "00:00:00,000 --> 00:00:09,000")), "srt")
    assert text.count("-->") == 1


@pytest.mark.parametrize("format", ["srt", "vtt"])
def test_nothing_said_is_no_cue_and_numbers_have_no_gaps(format: str) -> None:
    text = text_of(said((0.0, 1.0, "one"), (1.0, 2.0, "  \n "), (2.0, 3.0, "two")), format)
    assert text.count("-->") == 2
    if format == "srt":
        assert re.findall(r"^(\d+)$", text, re.MULTILINE) == ["1", "2"]


def test_txt_is_a_line_for_each_segment() -> None:
    assert text_of(said((0, 1, " one\ntwo "), (1, 2, ""), (2, 3, "three")), "txt") == "one two\nthree\n"


def test_lines_of_a_channel_are_labelled_with_it() -> None:
    plain = said((0.0, 1.0, "Yes & no."), (1.0, 2.0, "No."))
    segments = tuple(replace(one, channel=number) for number, one in enumerate(plain.segments))
    call = replace(plain, segments=segments)
    assert render(call, "txt").content == b"Channel 1: Yes & no.\nChannel 2: No.\n"
    assert b"\nChannel 2: No.\n" in render(call, "srt").content
    assert b"\n<v Channel 1>Yes &amp; no.\n" in render(call, "vtt").content
    assert [one["channel"] for one in msgspec.json.decode(render(call, "json").content)["segments"]] == [0, 1]


def test_silence_is_an_empty_text_and_valid_files() -> None:
    assert {name: text_of(said(), name) for name in ("txt", "srt", "vtt")} == {
        "txt": "",
        "srt": "",
        "vtt": "WEBVTT\n",
    }


def test_json_holds_everything_with_provenance() -> None:
    document = msgspec.json.decode(render(said((0.0, 1.5, "Hellö.")), "json").content)
    assert document["created_at"] == "1970-01-01T00:00:05.000Z"
    assert document["segments"][0] == {
        "id": 0,
        "start": 0.0,
        "end": 1.5,
        "text": "Hellö.",
        "avg_logprob": -0.25,
        "no_speech_prob": 0.125,
        "compression_ratio": 1.5,
        "temperature": 0.0,
        "channel": None,
    }
    assert document["provenance"]["model_sha256"] == "0" * 64
    assert set(document) == {
        "job_id",
        "language",
        "duration",
        "text",
        "segments",
        "provenance",
        "created_at",
        "version",
    }


def test_a_format_that_is_not_there_is_refused_naming_those_that_are() -> None:
    with pytest.raises(InvalidRequest) as caught:
        render(said(), "exe")
    assert all(name in caught.value.detail for name in FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_its_media_type_and_extension(name: str) -> None:
    export = render(said((0, 1, "x")), name)
    assert export.extension == name
    assert re.fullmatch(r"[a-z]+/[a-z.-]+", export.media_type)


CUE = re.compile(r"(\d+):(\d\d):(\d\d)[.,](\d\d\d) --> (\d+):(\d\d):(\d\d)[.,](\d\d\d)")


@given(
    st.lists(
        st.tuples(
            st.floats(-1, 1e6),
            st.floats(-1, 1e6),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
        ),
        max_size=5,
    ),
    st.sampled_from(["srt", "vtt"]),
)
def test_whatever_is_said_the_cues_can_be_found_again(lines: list[Spoken], format: str) -> None:
    text = text_of(said(*lines), format)
    blocks = [block for block in text.strip("\n").split("\n\n") if block not in ("", "WEBVTT")]
    shown = [line for line in lines if any(part.strip() for part in line[2].splitlines())]
    assert len(blocks) == len(shown)
    for block in blocks:
        times = next(found for found in map(CUE.fullmatch, block.split("\n")[:2]) if found)
        fields = [int(field) for field in times.groups()]
        assert all(fields[at] < 60 for at in (1, 2, 5, 6))
        start, end = (
            ((fields[at] * 60 + fields[at + 1]) * 60 + fields[at + 2]) * 1000 + fields[at + 3]
            for at in (0, 4)
        )
        assert start < end
