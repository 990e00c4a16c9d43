"""Logs: one line per event, with ids, and never what a person said or what a file is called."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stenobox import log as logs
from stenobox.db import Database
from stenobox.errors import UndecodableAudio
from stenobox.log import JsonFormatter, TextFormatter, bound, configure, get_logger

SECRET = "the patient's name"

Text = Callable[[], str]
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Text]:
    """What is written to stderr, once; the process's own logging is as before afterwards."""
    root = logging.getLogger()
    named = [root, *(logging.getLogger(name) for name in (*logs.OWN, "aiohttp.access"))]
    levels = [logger.level for logger in named]
    yield lambda: capsys.readouterr().err
    for handler in [
        held for held in root.handlers if isinstance(held.formatter, JsonFormatter | TextFormatter)
    ]:
        root.removeHandler(handler)
    for logger, level in zip(named, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def lines(stderr: Text) -> Lines:
    return lambda: [json.loads(line) for line in stderr().splitlines()]


def failing() -> None:
    try:
        raise FileNotFoundError(2, "No such file", f"/data/{SECRET}")
    except OSError as error:
        raise UndecodableAudio(problem=SECRET) from error


def test_a_line_is_one_json_object_with_its_fields(lines: Lines) -> None:
    configure("info", "json")
    get_logger("stenobox.worker").info("job_done", seconds=1.5, code="a\nb")
    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "stenobox.worker",
        "event": "job_done",
        "seconds": 1.5,
        "code": "a\nb",
    }


async def test_ids_are_on_every_line_of_a_block_and_of_tasks_it_starts(lines: Lines) -> None:
    configure("info", "json")
    log = get_logger("stenobox.web")

    async def inner() -> None:
        log.info("in_task")

    with bound(request="r1"), bound(job="j1"):
        log.info("inside")
        await asyncio.create_task(inner())
    log.info("outside")
    assert [(line.get("request_id"), line.get("job_id")) for line in lines()] == [
        ("r1", "j1"),
        ("r1", "j1"),
        (None, None),
    ]


@pytest.mark.parametrize("format", ["json", "text"])
def test_an_exception_is_logged_by_type_code_and_place_and_never_by_its_message(
    stderr: Text, format: Any
) -> None:
    configure("info", format)
    try:
        failing()
    except UndecodableAudio as error:
        get_logger("stenobox.worker").exception("job_failed", error)
    text = stderr()
    assert "UndecodableAudio" in text
    assert "FileNotFoundError" in text
    assert "test_log.py" in text
    assert "failing" in text
    assert SECRET not in text


def test_the_members_of_a_group_are_all_named(lines: Lines) -> None:
    configure("info", "json")
    get_logger("stenobox").exception("died", ExceptionGroup(SECRET, [KeyError(SECRET), OSError(28, SECRET)]))
    (line,) = lines()
    assert [error["type"] for error in line["error"]] == ["ExceptionGroup", "KeyError", "OSError"]
    assert line["error"][2]["errno"] == 28
    assert SECRET not in json.dumps(line)


def test_a_line_of_a_library_is_its_template_without_what_was_filled_in(lines: Lines) -> None:
    configure("info", "json")
    logging.getLogger("aiohttp.server").error("Error handling request from %s", SECRET)
    logging.getLogger("asyncio").error(
        f"Task exception was never retrieved\nexception=ValueError('{SECRET}')"
    )
    assert [line["event"] for line in lines()] == [
        "Error handling request from %s",
        "Task exception was never retrieved",
    ]


def test_raw_paths_of_requests_are_not_logged(lines: Lines) -> None:
    configure("info", "json")
    logging.getLogger("aiohttp.access").error(f"GET /api/jobs?q={SECRET}")
    assert lines() == []


async def test_no_statement_of_the_database_is_logged_even_at_debug(stderr: Text, tmp_path: Path) -> None:
    configure("debug", "json")
    get_logger("stenobox.db").debug("opening")
    db = await Database.open(tmp_path / "a.db")
    async with db.write() as tx:
        await tx.fetch_all("SELECT ?", (SECRET,))
    await db.close()
    text = stderr()
    assert "opening" in text
    assert SECRET not in text


def test_a_value_that_is_not_plain_shows_only_its_type(lines: Lines) -> None:
    configure("info", "json")
    get_logger("stenobox").info("event", path=Path(SECRET), parts=[SECRET])
    (line,) = lines()
    assert line["path"] == "<PosixPath>"
    assert line["parts"] == "<list>"


def test_the_level_of_the_settings_holds_for_our_own_lines(stderr: Text) -> None:
    configure("warning", "json")
    get_logger("stenobox.a").info("quiet")
    get_logger("stenobox.a").warning("loud")
    assert [json.loads(line)["event"] for line in stderr().splitlines()] == ["loud"]


def test_configuring_again_does_not_write_lines_twice(stderr: Text) -> None:
    configure("info", "text")
    configure("info", "json")
    get_logger("stenobox").info("once")
    assert stderr().count("once") == 1


def test_text_is_one_readable_line(stderr: Text) -> None:
    configure("info", "text")
    with bound(job="j1"):
        get_logger("stenobox.worker").info("job_done", seconds=2)
    time, line = stderr().rstrip("\n").split(" ", 1)
    assert time.endswith("Z")
    assert line == "INFO    stenobox.worker job_done job_id=j1 seconds=2"


def test_a_line_that_cannot_be_written_is_lost_without_showing_its_values(
    stderr: Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = io.StringIO()
    broken.close()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", broken)
        configure("info", "json")
    get_logger("stenobox").info("event", code=SECRET)
    assert stderr() == ""
