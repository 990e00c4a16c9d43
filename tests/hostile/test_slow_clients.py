"""Connections that only want to be in the way: OWASP ASVS 4.0.3, chapters 11.1 and 12.1.

Nothing here asserts how long something takes: each test waits until the box has let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.application import Box, Person, running_box, settings_for
from harness.daemon import PATIENCE_S
from stenobox.config import LimitsSettings
from stenobox.listening import Listener
from stenobox.web.connection import MAX_HEADERS
from stenobox.web.keys import TLS
from storing import wave_bytes

QUICK = LimitsSettings(header_seconds=1.0, idle_seconds=1.5, stall_seconds=1.5)
TALK = wave_bytes(0.2)


@pytest.fixture(params=[False, True], ids=["http", "https"])
async def box(request: pytest.FixtureRequest, tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    """A box without patience, over HTTP and over HTTPS."""
    settings = settings_for(tmp_path / "data", demo_bundle, limits=QUICK)
    async with running_box(settings, https=request.param) as box:
        yield box


@pytest.fixture
async def anna(box: Box) -> Person:
    return await box.set_up()


async def until_cut(reader: asyncio.StreamReader) -> bytes:
    """All that came before the box closed the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := await asyncio.wait_for(reader.read(65_536), PATIENCE_S):
            received += piece
    return received


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, byte: bytes) -> bytes:
    """Send a byte again and again until the box has had enough; returns what it answered."""
    cut = asyncio.ensure_future(until_cut(reader))
    with contextlib.suppress(ConnectionError):
        while not cut.done():
            writer.write(byte)
            await writer.drain()
            await asyncio.wait({cut}, timeout=0.1)
    return await cut


async def test_a_connection_that_says_nothing_is_closed(box: Box) -> None:
    """ASVS 11.1.4."""
    async with box.connected() as (reader, _writer):
        assert await until_cut(reader) == b""


async def test_a_head_that_comes_byte_by_byte_is_cut(box: Box) -> None:
    """ASVS 11.1.4 (slowloris)."""
    async with box.connected() as (reader, writer):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert await trickle(reader, writer, b"x") == b""


async def test_the_second_head_on_a_connection_has_no_more_time_than_the_first(box: Box) -> None:
    """ASVS 11.1.4."""
    async with box.connected() as (reader, writer):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b'{"status":"alive"}')
        writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert await trickle(reader, writer, b"x") == b""


async def test_a_connection_that_is_used_again_and_again_stays(box: Box) -> None:
    """ASVS 11.1.4: patience ends for those who do nothing, not for those who have been there for long."""
    async with box.connected() as (reader, writer):
        for _ in range(8):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asyncio.wait_for(reader.readuntil(b'{"status":"alive"}'), PATIENCE_S)
            await asyncio.sleep(QUICK.header_seconds / 3)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/auth/login", "application/json"),
        ("/api/jobs", "multipart/form-data; boundary=b"),
    ],
)
async def test_a_body_that_comes_byte_by_byte_is_cut_and_leaves_nothing(
    box: Box, anna: Person, tmp_path: Path, path: str, kind: str
) -> None:
    """ASVS 11.1.4, 12.1.1 (R-U-Dead-Yet)."""
    async with box.connected() as (reader, writer):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {anna.headers['Authorization']}\r\n"
        )
        writer.write(f"{head}Content-Type: {kind}\r\nContent-Length: 100000\r\n\r\n--b\r\n".encode())
        await trickle(reader, writer, b"x")
    assert not list((tmp_path / "data" / "incoming").iterdir())
    assert (await (await anna.get("/api/jobs")).json())["jobs"] == []


async def test_an_upload_that_is_slow_but_goes_on_arrives(box: Box, anna: Person) -> None:
    """ASVS 11.1.4: a limit that stops the honest is none."""
    begun = await (await anna.post("/api/uploads/init", json={"filename": "a.wav", "size": len(TALK)})).json()
    async with box.connected() as (reader, writer):
        authorization = anna.headers["Authorization"]
        writer.write(
            f"PUT /api/uploads/{begun['id']}/chunk?offset=0 HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: {authorization}\r\nContent-Length: {len(TALK)}\r\n\r\n".encode()
        )
        for offset in range(0, len(TALK), 250):
            writer.write(TALK[offset : offset + 250])
            await writer.drain()
            await asyncio.sleep(QUICK.stall_seconds / 10)
        assert b" 200 OK" in await asyncio.wait_for(reader.readline(), PATIENCE_S)


async def test_a_reader_that_takes_nothing_of_a_recording_is_cut(
    box: Box, anna: Person, tmp_path: Path
) -> None:
    """ASVS 11.1.4: neither the descriptor nor the memory stays with it."""
    content = wave_bytes(300.0)  # more than all buffers on the way hold
    job = await (await anna.upload(content)).json()
    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        small.setblocking(False)
        await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", box.client.port))
        async with box.connected(sock=small.dup()) as (reader, writer):
            path = f"/api/recordings/{job['recording_id']}/audio"
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: {anna.headers['Authorization']}\r\n\r\n".encode()
            )
            await reader.readline()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            server = box.client.server.handler
            ours = writer.get_extra_info("sockname")
            assert ours in [each.peername for each in server.connections]
            async with asyncio.timeout(PATIENCE_S):
                while ours in [each.peername for each in server.connections]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)


async def test_heads_that_are_too_long_or_too_many_are_refused(box: Box) -> None:
    """ASVS 13.2.3, 5.1.4."""
    for head in (
        "GET /" + "a" * 9_000 + " HTTP/1.1\r\nHost: localhost\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + "a" * 9_000 + "\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"X-{n}: a\r\n" for n in range(MAX_HEADERS + 1)),
    ):
        async with box.connected() as (reader, writer):
            writer.write(f"{head}\r\n".encode())
            assert (await asyncio.wait_for(reader.readline(), PATIENCE_S)).split()[1] == b"400"
    async with box.connected() as (reader, writer):
        few = "".join(f"X-{n}: a\r\n" for n in range(MAX_HEADERS // 2))
        writer.write(f"GET /livez HTTP/1.1\r\nHost: localhost\r\n{few}\r\n".encode())
        assert (await asyncio.wait_for(reader.readline(), PATIENCE_S)).split()[1] == b"200"


async def test_a_handshake_that_is_not_finished_is_cut(tmp_path: Path, demo_bundle: Path) -> None:
    """ASVS 11.1.4, 9.1.1."""
    settings = settings_for(tmp_path / "data", demo_bundle, limits=QUICK)
    async with running_box(settings, https=True) as box:
        for begun in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"):
            reader, writer = await asyncio.open_connection("127.0.0.1", box.client.port)
            writer.write(begun)
            assert await until_cut(reader) == b""
            writer.close()


async def test_one_address_holds_a_limited_number_of_connections(tmp_path: Path, demo_bundle: Path) -> None:
    """ASVS 11.1.4. Those that are let go are free for others; the unencrypted and unfinished count too."""
    limits = LimitsSettings(connections=3)
    settings = settings_for(tmp_path / "data", demo_bundle, limits=limits)
    async with running_box(settings) as box:
        runner = box.client.server.runner
        assert runner is not None and runner.server is not None
        # The tests come from loopback, which is not counted otherwise.
        listener = Listener(runner.server, box.app[TLS], limits, exempt=())
        await listener.start("127.0.0.1", 0)
        try:
            open_ones = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(3)]
            reader, refused = await asyncio.open_connection("127.0.0.1", listener.port)
            assert await until_cut(reader) == b""
            refused.close()
            open_ones[0][1].close()
            async with asyncio.timeout(PATIENCE_S):
                while not await _answers(listener.port):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            for _reader, writer in open_ones:
                writer.close()
        finally:
            await listener.stop()
        assert not listener._open or max(listener._open.values()) <= 3


async def _answers(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"alive" in await until_cut(reader)
    finally:
        writer.close()


async def test_loopback_and_proxies_hold_as_many_connections_as_they_like(
    tmp_path: Path, demo_bundle: Path
) -> None:
    """ASVS 11.1.4: a proxy has the connections of all its clients."""
    settings = settings_for(tmp_path / "data", demo_bundle, limits=LimitsSettings(connections=1))
    async with running_box(settings) as box:
        several = [await asyncio.open_connection("127.0.0.1", box.client.port) for _ in range(5)]
        assert (await box.nobody.get("/livez")).status == 200
        for _reader, writer in several:
            writer.close()
