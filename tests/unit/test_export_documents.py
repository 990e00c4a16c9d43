"""Documents and tables: the programs that people open them with find what was said, and nothing else."""

from __future__ import annotations

import csv
import re
import time
from dataclasses import replace
from io import BytesIO, StringIO
from itertools import pairwise
from typing import Any, get_args, get_type_hints

import docx
import html5lib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stenobox.cli import transcribe
from stenobox.exports import FORMATS, ExportOptions, render
from stenobox.inboxes import InboxSettings
from stenobox.types import Transcript
from unit.test_exports import Spoken, said, text_of

HTML = "{http://www.w3.org/1999/xhtml}"
CALL: list[Spoken] = [(0.0, 2.0, "Good morning."), (2.1, 4.0, "How are you?"), (65.5, 68.0, "Fine.")]

hostile = st.one_of(
    st.text(max_size=60),
    st.text("<>&\"'`-[]()*_#\\|~!=+.:/1 \t\n\x00\x0b\x1b\x85\u2028\u202e\u200f\ufffeab", max_size=60),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "</title><img src=x onerror=alert(1)>",
            "00:00:01.000 --> 00:00:02.000",
            "--> ]]> <!-- &amp; &#0;",
            "# not a heading",
            "1. not a list",
            "[x](javascript:alert(1)) ![](//a.example/b)",
            "\u202eabc\u202d שלום",
            "=cmd|' /C calc'!A0",
        ]
    ),
)


def spoken_text(text: str) -> str:
    """What is left of it in a document: one line, single spaces, no control characters."""
    kept = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef]", "", text)
    kept = "".join(character for character in kept if ord(character) & 0xFFFE != 0xFFFE)
    return " ".join(kept.split())


def on_channels(transcript: Transcript, *channels: int) -> Transcript:
    pairs = zip(transcript.segments, channels, strict=True)
    return replace(transcript, segments=tuple(replace(one, channel=channel) for one, channel in pairs))


def page_of(transcript: Transcript, title: str = "", **options: Any) -> Any:
    """The HTML as a tree, read by the standard's algorithm; an error of the standard raises."""
    page = render(transcript, "html", ExportOptions(**options), title=title).content
    return html5lib.HTMLParser(strict=True).parse(page.decode())


def texts_of(page: Any, tag: str) -> list[str]:
    return ["".join(node.itertext()) for node in page.iter(HTML + tag)]


def word_of(transcript: Transcript, title: str = "", **options: Any) -> Any:
    return docx.Document(BytesIO(render(transcript, "docx", ExportOptions(**options), title=title).content))


def blocks_of(markdown: str) -> list[tuple[str, str]]:
    """Each block as CommonMark sees it, with the text that a reader sees."""
    tokens = MarkdownIt("commonmark").parse(markdown)
    shown = []
    for before, token in pairwise(tokens):
        if token.type == "inline":
            assert {child.type for child in token.children or ()} <= {
                "text", "text_special", "strong_open", "strong_close", "em_open", "em_close",
            }  # fmt: skip
            shown.append((before.tag, "".join(child.content for child in token.children or ())))
    return shown


def test_a_word_document_has_title_facts_and_paragraphs_with_their_times() -> None:
    document = word_of(said(*CALL), "Board meeting")
    assert [(one.style.name, one.text) for one in document.paragraphs] == [
        ("Title", "Board meeting"),
        ("Normal", "English, 0:00:12"),
        ("Normal", "0:00:00 Good morning. How are you?"),
        ("Normal", "0:01:05 Fine."),
    ]
    about = document.core_properties
    assert (about.title, about.author, about.language, about.comments) == (
        "Board meeting", "Stenobox", "en", "",
    )  # fmt: skip
    assert about.created.year == 1970, "the template's own date"
    without = word_of(said(*CALL), timestamps=False)
    assert [one.text for one in without.paragraphs[2:]] == ["Good morning. How are you?", "Fine."]


@pytest.mark.parametrize("format", FORMATS)
def test_a_transcript_always_gives_the_same_bytes(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = render(said(*CALL), format)
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert render(said(*CALL), format) == before


def test_a_word_document_is_in_the_language_and_direction_of_its_text() -> None:
    hebrew = replace(said((0, 1, "שלום")), language="he")
    style = word_of(hebrew).styles["Normal"].element.xml
    assert '<w:lang w:val="he" w:bidi="he"/>' in style
    assert "<w:bidi/>" in style
    assert "<w:bidi/>" not in word_of(said((0, 1, "x"))).styles["Normal"].element.xml


def test_a_page_has_title_facts_and_paragraphs_and_needs_nothing_else() -> None:
    page = page_of(said(*CALL), "Board & <meeting>")
    assert page.get("lang") == "en"
    assert [texts_of(page, tag) for tag in ("title", "h1")] == [["Board & <meeting>"]] * 2
    assert texts_of(page, "p") == [
        "English, 0:00:12",
        "0:00:00Good morning. How are you?",
        "0:01:05Fine.",
    ]
    assert [node.get("datetime") for node in page.iter(f"{HTML}time")] == ["PT0S", "PT65S"]
    attributes = {name for node in page.iter() for name in node.attrib}
    assert attributes.isdisjoint({"src", "href", "style"})
    assert texts_of(page_of(said(*CALL), timestamps=False), "time") == []


def test_markdown_has_a_heading_and_paragraphs() -> None:
    assert text_of(said(*CALL), "md") == (
        "# Transcript\n\n*English, 0:00:12*\n\n**0:00:00** Good morning. How are you?\n\n**0:01:05** Fine.\n"
    )


def test_paragraphs_end_with_the_speaker_a_pause_and_when_they_get_long() -> None:
    talk = said(*[(float(n), n + 0.9, "A sentence of about thirty letters.") for n in range(40)])
    lengths = [len(text) for _, text in blocks_of(text_of(talk, "md"))[2:]]
    assert len(lengths) > 1
    assert all(500 <= length <= 560 for length in lengths[:-1])
    call = on_channels(said(*CALL), 0, 1, 1)
    assert [text for _, text in blocks_of(text_of(call, "md"))[2:]] == [
        "0:00:00 Channel 1: Good morning.",
        "0:00:02 Channel 2: How are you?",
        "0:01:05 Channel 2: Fine.",
    ]
    unnamed = render(call, "md", ExportOptions(speakers=False, timestamps=False)).content.decode()
    assert [text for _, text in blocks_of(unnamed)[2:]] == ["Good morning.", "How are you?", "Fine."]


def test_sentences_of_scripts_without_spaces_are_joined_without_one() -> None:
    assert "おはよう。元気？" in text_of(said((0, 1, "おはよう。"), (1, 2, "元気？")), "md")  # noqa: RUF001


def test_tsv_is_as_openai_whisper_writes_it() -> None:
    text = text_of(said((0.0, 1.5, " Hello\tthere. "), (61.25, 62.0, 'He said "no".')), "tsv")
    assert text == 'start\tend\ttext\n0\t1500\tHello there.\n61250\t62000\tHe said "no".\n'


def test_lrc_has_a_title_and_a_time_before_each_line() -> None:
    lines = render(said((0.0, 1.5, "Hello."), (7265.678, 7267.0, "[00:01.00] Bye.")), "lrc", title="A [b]")
    assert lines.content.decode() == (
        "[ti:A (b)]\n[length:00:12]\n[00:00.00]Hello.\n[121:05.68] [00:01.00] Bye.\n"
    )


@pytest.mark.parametrize("format", ["txt", "tsv", "lrc", "srt", "vtt", "md", "html", "docx"])
def test_channels_are_named_in_every_format_unless_nobody_wants_it(format: str) -> None:
    call = on_channels(said((0.0, 1.0, "Yes."), (1.0, 2.0, "No.")), 0, 1)

    def shown(options: ExportOptions) -> str:
        export = render(call, format, options)
        if format != "docx":
            return export.content.decode()
        return "\n".join(one.text for one in docx.Document(BytesIO(export.content)).paragraphs)

    assert "Channel 2" in shown(ExportOptions())
    assert "Channel" not in shown(ExportOptions(speakers=False))


def test_plain_text_has_times_when_they_are_wanted() -> None:
    text = render(on_channels(said((3661.25, 3662.0, "Bye.")), 1), "txt", ExportOptions(timestamps=True))
    assert text.content == b"[01:01:01.250] Channel 2: Bye.\n"


@given(hostile, hostile)
@example("\x00\x1b[31m", "\ud800")
def test_whatever_is_said_a_page_shows_it_and_does_nothing(text: str, title: str) -> None:
    """OWASP ASVS 5.3.1, 5.3.3: output is encoded for where it goes."""
    page = page_of(said((0.0, 1.0, text), (9.0, 9.5, "end")), title)
    assert texts_of(page, "h1") == [spoken_text(title) or "Transcript"]
    assert texts_of(page, "bdi") == [line for line in (spoken_text(text), "end") if line]
    elements = {node.tag.removeprefix(HTML) for node in page.iter()}
    assert elements <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "p", "time", "bdi",
    }  # fmt: skip


@given(hostile, hostile)
@example("\x00\x1b[31m", "\ud800")
def test_whatever_is_said_a_word_document_opens_and_has_it(text: str, title: str) -> None:
    paragraphs = word_of(said((0.0, 1.0, text)), title, timestamps=False).paragraphs
    assert paragraphs[0].text == (spoken_text(title) or "Transcript")
    assert [one.text for one in paragraphs[2:]] == [line for line in [spoken_text(text)] if line]


@given(hostile, hostile)
@example("1. a", "- b")
def test_whatever_is_said_is_no_markup_in_markdown(text: str, title: str) -> None:
    blocks = blocks_of(
        render(said((0.0, 1.0, text)), "md", ExportOptions(timestamps=False), title=title).content.decode()
    )
    expected = [line for line in [spoken_text(text)] if line]
    assert blocks == [("h1", spoken_text(title) or "Transcript"), ("p", "English, 0:00:12")] + [
        ("p", line) for line in expected
    ]


@given(st.lists(hostile, max_size=4))
def test_whatever_is_said_a_table_has_three_columns_and_a_row_for_each_segment(texts: list[str]) -> None:
    lines = [(float(n), n + 0.5, text) for n, text in enumerate(texts)]
    rows = list(csv.reader(StringIO(text_of(said(*lines), "tsv")), "excel-tab", quoting=csv.QUOTE_NONE))
    assert rows[0] == ["start", "end", "text"]
    assert [row[:2] for row in rows[1:]] == [[str(n * 1000), str(n * 1000 + 500)] for n in range(len(texts))]
    assert all(len(row) == 3 for row in rows)


@given(hostile)
def test_whatever_is_said_lrc_has_one_time_for_each_line(text: str) -> None:
    lines = text_of(said((1.0, 2.0, text), (3.0, 4.0, "end")), "lrc").splitlines()
    times = [re.findall(r"^(?:\[\d+:\d\d\.\d\d\])+", line) for line in lines[1:]]
    assert times == [
        [time] for time in ("[00:01.00]", "[00:03.00]") if time != "[00:01.00]" or spoken_text(text)
    ]


def test_every_format_is_offered_to_the_command_and_to_hot_folders() -> None:
    results = get_args(get_type_hints(InboxSettings, include_extras=True)["results"])[0]
    assert get_args(get_args(results)[0]) == tuple(FORMATS)
    assert tuple(FORMATS) == transcribe.FORMATS


def test_every_format_that_takes_options_is_named_with_known_ones() -> None:
    assert {name for form in FORMATS.values() for name in form.options} == set(
        ExportOptions.__struct_fields__
    )
