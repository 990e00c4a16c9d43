"""The page and the event stream, on the running application."""

from __future__ import annotations

import asyncio

import pytest

from harness.application import Box, Person
from harness.daemon import ADMIN
from stenobox.types import Event
from stenobox.web.keys import EVENTS, STREAMS
from storing import wave_bytes


async def test_the_page_is_served_with_types_and_asked_for_again_each_time(box: Box) -> None:
    for path, kind in {
        "/": "text/html; charset=utf-8",
        "/setup": "text/html; charset=utf-8",
        "/static/js/main.js": "text/javascript; charset=utf-8",
        "/static/css/base.css": "text/css; charset=utf-8",
        "/static/favicon.svg": "image/svg+xml",
        "/favicon.ico": "image/svg+xml",
    }.items():
        answer = await box.nobody.get(path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind), path
        assert answer.headers["Cache-Control"] == "no-cache"
        tag = answer.headers["ETag"]
        assert not tag.startswith("W/")
        same = await box.nobody.get(path, headers={"If-None-Match": tag})
        assert (same.status, await same.read()) == (304, b"")
        other = await box.nobody.get(path, headers={"If-None-Match": '"other"'})
        assert other.status == 200


async def test_everything_that_the_page_loads_is_there(box: Box) -> None:
    import re

    text = await (await box.nobody.get("/")).text()
    paths = re.findall(r'(?:href|src)="(/[^"]+)"', text)
    assert len(paths) >= 3
    for path in paths:
        assert (await box.nobody.get(path)).status == 200, path
    assert "<script>" not in text and "style=" not in text


async def test_events_are_told_as_they_happen(box: Box, anna: Person) -> None:
    stream = await box.client.get("/api/events", headers=anna.headers)
    assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["Cache-Control"] == "no-store"
    assert stream.headers["X-Accel-Buffering"] == "no"
    assert await stream.content.readline() == b": connected\n"
    job = await (await anna.upload(wave_bytes(0.2))).json()
    text = b""
    while b'"state":"done"' not in text:
        text += await asyncio.wait_for(stream.content.readany(), 60)
    assert b"event: job\ndata: {" in text
    assert job["id"].encode() in text
    stream.close()


async def test_a_quiet_stream_shows_that_the_box_is_alive(
    box: Box, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stenobox.web.events.HEARTBEAT_S", 0.05)
    stream = await box.client.get("/api/events", headers=anna.headers)
    text = b""
    while text.count(b": alive\n\n") < 3:
        text += await asyncio.wait_for(stream.content.readany(), 60)
    box.app[EVENTS].publish(Event("deleted", 1, {"job_id": "x"}))
    while b'event: deleted\ndata: {"job_id":"x"}\n\n' not in text:
        text += await asyncio.wait_for(stream.content.readany(), 60)
    stream.close()


async def test_a_stream_ends_when_the_box_stops(box: Box, anna: Person) -> None:
    stream = await box.client.get("/api/events", headers=anna.headers)
    await stream.content.readline()
    box.app[STREAMS].end_all()
    await asyncio.wait_for(stream.read(), 60)
    later = await box.client.get("/api/events", headers=anna.headers)
    await asyncio.wait_for(later.read(), 60)


async def test_a_reader_that_is_too_slow_is_told_to_reload(box: Box, anna: Person) -> None:
    stream = await box.client.get("/api/events", headers=anna.headers)
    await stream.content.readline()
    for number in range(1000):
        box.app[EVENTS].publish(Event("deleted", 1, {"job_id": str(number)}))
    text = b""
    while b"event: reload\ndata: {}\n\n" not in text:
        text += await asyncio.wait_for(stream.content.readany(), 60)
    stream.close()


async def test_a_reader_that_takes_nothing_is_dropped(
    box: Box, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stenobox.web.events.STALLED_S", 0.2)
    _reader, writer = await asyncio.open_connection("127.0.0.1", box.client.port, limit=1024)
    head = "GET /api/events HTTP/1.1\r\nHost: localhost\r\n"
    writer.write(f"{head}Authorization: {anna.headers['Authorization']}\r\n\r\n".encode())
    streams = box.app[STREAMS]

    async def until(count: int) -> None:
        while len(streams) != count:  # nothing tells the test
            # One at a time, so that the queue never overflows and only the connection fills.
            box.app[EVENTS].publish(Event("deleted", 1, {"job_id": "x" * 100_000}))
            await asyncio.sleep(0.01)

    await asyncio.wait_for(until(1), 60)
    await asyncio.wait_for(until(0), 60)
    writer.close()


async def test_the_end_of_a_session_ends_its_stream(box: Box, anna: Person) -> None:
    browser = await box.by_session(ADMIN)
    stream = await box.client.get("/api/events", headers=browser.headers)
    await stream.content.readline()
    await browser.post("/api/auth/logout")
    await asyncio.wait_for(stream.read(), 60)
