"""What one request may hold, and what every answer carries: OWASP ASVS 4.0.3, chapters 5, 12, 13 and 14."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from harness.application import Box, Person
from harness.daemon import Daemon, multipart
from stenobox.jsontext import MAX_DEPTH, is_too_deep
from stenobox.web.bodies import MAX_JSON_BYTES
from stenobox.web.forms import MAX_PARTS
from stenobox.web.headers import SECURITY_HEADERS
from storing import wave_bytes

TALK = wave_bytes(0.2)


async def code_of(answer: object) -> tuple[int, str]:
    return answer.status, json.loads(await answer.text())["code"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"\\"":[', b'[{"]]]":'])
async def test_json_that_is_nested_too_deep_is_refused_before_it_is_decoded(
    box: Box, anna: Person, opening: bytes
) -> None:
    """ASVS 5.5.2, 13.2.2."""
    deep = b'{"name":' + opening * (MAX_JSON_BYTES // len(opening) - 9)
    for path in ("/api/keys", "/api/auth/login", "/api/uploads/init"):
        answer = await anna.post(path, data=deep, headers={"Content-Type": "application/json"})
        assert await code_of(answer) == (400, "invalid_request")
        assert "levels deep" in (await answer.json())["detail"]
    answer = await anna.upload(TALK, options=deep.decode())
    assert await code_of(answer) == (400, "invalid_request")


def test_brackets_in_texts_and_side_by_side_are_no_depth() -> None:
    """ASVS 5.5.2: what the API takes is taken."""
    assert not is_too_deep(json.dumps(["[" * 99, {"a": '"[[' * 99}, ["\\", "]" * 99]]).encode())
    assert not is_too_deep(b"[" + b",".join([b"[]"] * 999) + b"]")
    assert not is_too_deep(b"[" * MAX_DEPTH)
    assert is_too_deep(b"[" * (MAX_DEPTH + 1))
    assert is_too_deep(b'["\\\\",' + b"[" * MAX_DEPTH)


async def test_a_body_that_unpacks_to_more_than_is_allowed_is_refused(box: Box, anna: Person) -> None:
    """ASVS 12.1.2: a megabyte of zeroes is a kilobyte on the wire."""
    import zlib

    bomb = zlib.compress(b'{"name": "' + b"x" * 2**24)
    for path in ("/api/keys", "/api/auth/login"):
        answer = await anna.post(
            path, data=bomb, headers={"Content-Type": "application/json", "Content-Encoding": "deflate"}
        )
        assert await code_of(answer) == (413, "body_too_large")


async def test_a_form_has_a_limited_number_of_parts(box: Box, anna: Person, tmp_path: Path) -> None:
    """ASVS 12.1.3."""
    kind, body = multipart({}, [(f"{number}.wav", TALK) for number in range(MAX_PARTS + 1)])
    answer = await anna.post("/api/jobs", data=io.BytesIO(body), headers={"Content-Type": kind})
    assert await code_of(answer) == (400, "invalid_request")
    assert not list((tmp_path / "data" / "incoming").iterdir())


async def test_a_field_of_a_form_has_a_limited_size(box: Box, anna: Person, tmp_path: Path) -> None:
    """ASVS 12.1.1, 5.1.4."""
    for size, count in ((MAX_JSON_BYTES + 1, 1), (2**23, 1)):
        kind, body = multipart({"options": "x" * size}, [("a.wav", TALK)] * count)
        answer = await anna.post("/api/jobs", data=io.BytesIO(body), headers={"Content-Type": kind})
        assert await code_of(answer) == (413, "body_too_large")
    assert not list((tmp_path / "data" / "incoming").iterdir())


async def test_a_part_of_a_form_has_limited_headers(box: Box, anna: Person) -> None:
    """ASVS 12.1.1, 5.1.4."""
    long = "X-Long: " + "a" * 20_000
    many = "\r\n".join(f"X-{number}: a" for number in range(200))
    for headers in (long, many):
        body = (
            f'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n{headers}\r\n\r\nx'
            "\r\n--b--\r\n"
        )
        answer = await anna.post(
            "/api/jobs",
            data=body.encode(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert await code_of(answer) == (400, "invalid_request")


async def test_a_form_in_a_form_is_refused(box: Box, anna: Person) -> None:
    """ASVS 12.1.1."""
    inner = "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--"
    answer = await anna.post(
        "/api/jobs",
        data=f"--b\r\n{inner}\r\n--b--\r\n".encode(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert await code_of(answer) == (400, "invalid_request")


MALFORMED = {
    "nonsense": b"\x00\x01 nonsense\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "bad version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "bad method": b"G@T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bad header": b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "long line": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_request_that_is_none_is_answered_in_our_form_with_all_headers_and_closed(
    box: Box, sent: bytes
) -> None:
    """ASVS 14.4.1 to 14.4.7, 13.2.3 (smuggling), 7.4.1."""
    async with box.connected() as (reader, writer):
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 60)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == b"400"
    for name, value in SECURITY_HEADERS.items():
        assert f"\r\n{name}: {value}\r\n".encode() in head + b"\r\n", name
    assert b"\r\nServer: stenobox" in head and b"aiohttp" not in answer and b"Python" not in answer
    problem = json.loads(body)
    assert problem["status"] == 400
    assert "nonsense" not in problem["detail"]  # nothing comes back that was sent


async def test_every_kind_of_answer_carries_the_security_headers(box: Box, anna: Person) -> None:
    """ASVS 14.4.1 to 14.4.7."""
    wrong = {"Content-Type": "application/json"}
    kinds = {
        200: await anna.get("/"),
        206: None,
        304: await anna.get("/", headers={"If-None-Match": "*"}),
        400: await anna.post("/api/keys", data=b"{", headers=wrong),
        401: await box.nobody.get("/api/auth/me"),
        403: await anna.post("/api/auth/password", json={"old": "x", "new": "y"}),
        404: await anna.get("/api/nothing"),
        405: await anna.call("PUT", "/livez"),
        413: await anna.post("/api/keys", data=b"x" * 70_000, headers=wrong),
        417: await anna.post("/api/keys", data=b"{}", headers=wrong | {"Expect": "nothing"}),
    }
    job = await (await anna.upload(TALK)).json()
    kinds[206] = await anna.get(
        f"/api/recordings/{job['recording_id']}/audio", headers={"Range": "bytes=0-1"}
    )
    stream = await box.client.get("/api/events", headers=anna.headers)
    for status, answer in (*kinds.items(), (200, stream), (200, await anna.call("HEAD", "/livez"))):
        assert answer is not None and answer.status == status
        assert set(SECURITY_HEADERS) <= set(answer.headers), status
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Server"] == "stenobox"
        assert "Cache-Control" in answer.headers
    stream.close()


def test_what_was_sent_to_the_wrong_place_is_not_in_the_log(tmp_path: Path, demo_bundle: Path) -> None:
    """ASVS 7.1.1: a password that was typed into the request line, say."""
    import socket
    from urllib.parse import urlsplit

    settings = {"log.level": "debug"}
    with Daemon(tmp_path / "data", model=demo_bundle, settings=settings) as box:
        parts = urlsplit(box.url)
        for sent in (b"hunter2canary\r\n\r\n", b"GET / HTTP/1.1\r\nhunter2canary\r\n\r\n"):
            with socket.create_connection((parts.hostname, parts.port)) as connection:  # type: ignore[arg-type]
                connection.sendall(sent)
                assert b" 400 " in connection.recv(65_536)
        assert box.stop() == 0
        assert "malformed_request" in "".join(box.log)
        assert "hunter2canary" not in "".join(box.log)
