"""The small pure parts of the web floor: headers, names, types, problems."""

from __future__ import annotations

import json
from pathlib import Path
from string import Formatter

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from error_tree import KINDS
from stenobox.errors import InvalidRequest, RateLimited, SettingsError, StenoboxError
from stenobox.moments import maybe, moment
from stenobox.networks import is_loopback
from stenobox.types import Priority
from stenobox.web.crosssite import host_name
from stenobox.web.disposition import attachment, form_names
from stenobox.web.problems import problem_of, problem_of_http, render
from stenobox.web.query import moment_of
from stenobox.web.recordings import media_type
from stenobox.web.render import priority_name
from stenobox.web.site import Site, shipped_page


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_of_the_tree_renders_as_a_problem_of_its_status(kind: type[StenoboxError]) -> None:
    fields = {name: "x" for _text, name, _spec, _kind in Formatter().parse(kind.message) if name}
    answer = render(problem_of(kind(**fields)), "abc")
    assert isinstance(answer.body, bytes)
    body = json.loads(answer.body)
    assert answer.status == body["status"] == kind.status
    assert answer.content_type == "application/problem+json"
    assert body["code"] == kind.code
    assert body["title"] and body["detail"]
    assert body["request_id"] == "abc" and body["instance"].endswith(":abc")
    assert body["type"].startswith("urn:stenobox:problem:")


def test_the_codes_of_errors_are_distinct() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)


def test_a_limit_tells_when_to_come_back() -> None:
    assert problem_of(RateLimited(retry_after=7)).headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (web.HTTPNotFound(), "not_found"),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), "method_not_allowed"),
        (web.HTTPRequestEntityTooLarge(5, 6), "body_too_large"),
        (web.HTTPExpectationFailed(), "expectation_failed"),
        (web.HTTPBadRequest(), "http_400"),
    ],
)
def test_the_frameworks_refusals_have_the_same_form(error: web.HTTPException, code: str) -> None:
    problem = problem_of_http(error)
    assert (problem.status, problem.code) == (error.status, code)
    assert ("Allow" in problem.headers) == (error.status == 405)


@pytest.mark.parametrize(
    ("text", "days_after", "seconds"),
    [
        ("1970-01-02", 0, 86_400.0),
        ("1970-01-02", 1, 172_800.0),
        ("1970-01-02T00:00:01.500Z", 0, 86_401.5),
        ("1970-01-02T00:00:01.5", 1, 86_401.5),
        ("1970-01-02T01:00:00%2B01:00", 1, 86_400.0),
    ],
)
def test_a_day_is_where_it_begins_or_where_the_next_one_does_and_a_moment_is_itself(
    text: str, days_after: int, seconds: float
) -> None:
    assert moment_of(make_mocked_request("GET", f"/?to={text}"), "to", days_after=days_after) == seconds


@pytest.mark.parametrize("text", ["", "yesterday", "1e999", "9999-12-31", "0001-01-01T00:00%2B99:00"])
def test_what_is_no_day_or_past_the_end_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="2026-01-31"):
        moment_of(make_mocked_request("GET", f"/?to={text}"), "to", days_after=1)


@given(st.text(max_size=300), st.sampled_from(["txt", "srt"]))
def test_no_file_name_leaves_its_header(name: str, extension: str) -> None:
    header = attachment(name, extension)
    assert header.isascii() and header.isprintable()
    assert header.count('"') == 2
    assert header.endswith(f".{extension}")


@pytest.mark.parametrize(
    ("header", "name", "filename"),
    [
        ('form-data; name="file"; filename="talk.wav"', "file", "talk.wav"),
        ('form-data; name="file"; filename="a; b; c.wav"', "file", "a; b; c.wav"),
        ('form-data; name="file"; filename="Grüße - Müller.wav"', "file", "Grüße - Müller.wav"),
        ('form-data; name="file"; filename="say %22hi%22.wav"', "file", 'say "hi".wav'),
        ('form-data; name="file"; filename="say \\"hi\\".wav"', "file", 'say "hi".wav'),
        ("form-data; name=file; filename=talk.wav", "file", "talk.wav"),
        ("form-data; name=\"file\"; filename*=utf-8''%C3%A9.wav", "file", "é.wav"),
        ('form-data; filename="name=x"; name="file"', "file", "name=x"),
        ('form-data; name="file"', "file", None),
        ("form-data", None, None),
        ("", None, None),
    ],
)
def test_the_names_of_a_form_part_are_read_as_browsers_and_tools_write_them(
    header: str, name: str | None, filename: str | None
) -> None:
    assert form_names(header) == (name, filename)


@given(st.text(max_size=200))
def test_any_disposition_header_is_survived(header: str) -> None:
    name, filename = form_names(header)
    assert name is None or isinstance(name, str)
    assert filename is None or isinstance(filename, str)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "application/octet-stream"),
        (b"fLaC\x00\x00", "audio/flac"),
        (b"OggS\x00\x02", "audio/ogg"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4"),
        (b"\x1a\x45\xdf\xa3\x01", "video/webm"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"<!doctype html>", "application/octet-stream"),
        (b"", "application/octet-stream"),
        (b"\xff", "application/octet-stream"),
    ],
)
def test_the_type_of_a_recording_follows_its_bytes(head: bytes, expected: str) -> None:
    assert media_type(head) == expected


@given(st.binary(max_size=16))
def test_no_recording_is_ever_served_as_something_that_runs(head: bytes) -> None:
    assert media_type(head).startswith(("audio/", "video/")) or media_type(head) == "application/octet-stream"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:8080", "localhost"),
        ("LOCALHOST.", "localhost"),
        ("[::1]:8080", "::1"),
        ("user@127.0.0.1", "127.0.0.1"),
        ("[::1", ""),
        ("", ""),
    ],
)
def test_the_name_in_a_host_header_is_found(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("box.example", False),
    ],
)
def test_only_addresses_that_stay_on_the_machine_count_as_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_times_are_iso_8601_in_utc() -> None:
    assert moment(0.0) == "1970-01-01T00:00:00.000Z"
    assert maybe(0.0) == moment(0.0)
    assert maybe(None) is None


def test_every_priority_has_its_name() -> None:
    assert [priority_name(p) for p in Priority] == ["interactive", "normal", "batch"]
    assert priority_name(99) == "batch"


def test_a_page_of_ones_own_needs_an_index(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        Site.load(tmp_path)


def test_only_files_of_known_types_that_are_not_hidden_are_served(tmp_path: Path) -> None:
    for name in ("index.html", "js/main.js", ".git/x.js", "notes.md", "js/.secret.js"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    site = Site.load(tmp_path)
    assert set(site.assets) == {"index.html", "js/main.js"}
    assert site.assets["js/main.js"].content_type == "text/javascript; charset=utf-8"


def test_the_page_that_ships_is_found() -> None:
    assert shipped_page() is not None
    assert "index.html" in Site.load(None).assets
