"""Bad input: a clear message, a stable code, the right status, nothing kept of it, and the box goes on."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from harness.application import Box, Person, running_box, settings_for
from harness.daemon import Daemon, multipart
from making_audio import encoded, tone
from stenobox.config import ModelsSettings, UploadsSettings
from storing import wave_bytes

TALK = wave_bytes(0.2)
MODELS_SOMEWHERE_ELSE = {"models": ModelsSettings(threads=1)}


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def kept(data: Path) -> tuple[list[str], list[str]]:
    """What lies in incoming/ and media/."""
    return (
        await asyncio.to_thread(files_below, data / "incoming"),
        await asyncio.to_thread(files_below, data / "media"),
    )


async def refused(person: Person, answer: ClientResponse, status: int, code: str, data: Path) -> str:
    """Check everything that holds for every refusal; returns the sentence."""
    body = await answer.json()
    assert (answer.status, body["code"]) == (status, code), body
    assert answer.content_type == "application/problem+json"
    assert len(body["detail"]) > 20, "a sentence that says what to do"
    assert (await (await person.get("/api/jobs")).json())["jobs"] == []
    assert await kept(data) == ([], [])
    assert (await person.get("/livez")).status == 200
    return str(body["detail"])


async def until_incoming_is(data: Path, *, empty: bool) -> None:
    while (not (await kept(data))[0]) is not empty:  # noqa: ASYNC110  # the file system tells nobody
        await asyncio.sleep(0.02)


async def ended(person: Person, job_id: str) -> dict[str, object]:
    """The job, once no worker will touch it again."""
    while True:
        job = await (await person.get(f"/api/jobs/{job_id}")).json()
        if job["state"] not in ("queued", "running"):
            return dict(job)
        await asyncio.sleep(0.05)


async def test_an_empty_file_is_named_as_such(box: Box, anna: Person, tmp_path: Path) -> None:
    await refused(anna, await anna.upload(b""), 400, "empty_file", tmp_path / "data")


async def test_text_with_the_name_of_a_recording_is_not_audio(box: Box, anna: Person, tmp_path: Path) -> None:
    answer = await anna.upload(b"Dear all,\nhere are the minutes.\n" * 50, "minutes.wav")
    detail = await refused(anna, answer, 415, "not_audio", tmp_path / "data")
    assert "WAV" in detail


async def test_a_header_of_0_hz_is_refused(box: Box, anna: Person, tmp_path: Path) -> None:
    header = bytearray(TALK)
    header[24:28] = struct.pack("<I", 0)
    answer = await anna.upload(bytes(header))
    body = await answer.json()
    assert body["code"] in {"not_audio", "undecodable_audio"}
    await refused(anna, answer, answer.status, body["code"], tmp_path / "data")
    assert answer.status in {415, 422}


async def test_a_truncated_mp3_ends_in_what_could_be_read_or_in_a_clear_failure(
    box: Box, anna: Person, tmp_path: Path
) -> None:
    path = await asyncio.to_thread(encoded, tmp_path / "whole.mp3", tone(3.0, 48_000), codec="mp3")
    whole = await asyncio.to_thread(path.read_bytes)
    answer = await anna.upload(whole[: len(whole) * 2 // 3], "cut.mp3")
    if answer.status == 201:
        job = await asyncio.wait_for(ended(anna, (await answer.json())["id"]), 120)
        assert job["state"] == "done" or job["error"]["code"] == "undecodable_audio"  # type: ignore[index]
    else:
        await refused(anna, answer, 422, "undecodable_audio", tmp_path / "data")
    assert (await box.nobody.get("/livez")).status == 200


async def test_an_unknown_model_is_refused_before_the_file_is_read(
    box: Box, anna: Person, tmp_path: Path
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield multipart({"model": "enormous"}, [])[1].rpartition(b"--\r\n")[0] + b"\r\n"
        yield b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        while sent < 2**30:
            sent += 2**16
            yield bytes(2**16)
            await asyncio.sleep(0.01)

    boundary = (await anext(endless())).split(b"\r\n", 1)[0][2:].decode()
    answer = await anna.post(
        "/api/jobs",
        data=_with_boundary(endless(), boundary),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    detail = await refused(anna, answer, 400, "unknown_model", tmp_path / "data")
    assert "demo" in detail
    assert sent < 2**28


async def _with_boundary(parts: AsyncIterator[bytes], boundary: str) -> AsyncIterator[bytes]:
    """The same stream, its boundary replaced by `boundary`: each start of `endless` draws one of its own."""
    first = await anext(parts)
    own = first.split(b"\r\n", 1)[0][2:]
    yield first.replace(own, boundary.encode())
    async for part in parts:
        yield part


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"language": "klingon"}, "unknown_language"),
        ({"model": "../demo"}, "unknown_model"),
        ({"task": "summarise"}, "invalid_request"),
        ({"priority": "yesterday"}, "invalid_request"),
        ({"options": "[1"}, "invalid_request"),
        ({"options": '{"temprature": 1}'}, "invalid_request"),
        ({"modell": "demo"}, "invalid_request"),
    ],
)
async def test_a_wrong_option_is_refused_with_its_name(
    box: Box, anna: Person, tmp_path: Path, fields: dict[str, str], code: str
) -> None:
    detail = await refused(anna, await anna.upload(TALK, **fields), 400, code, tmp_path / "data")
    assert any(word in detail for word in (*fields, *fields.values(), "temprature"))


async def test_a_wrong_option_behind_the_file_is_refused_too(box: Box, anna: Person, tmp_path: Path) -> None:
    kind, body = multipart({}, [("talk.wav", TALK)])
    boundary = kind.partition("boundary=")[2]
    field = f'--{boundary}\r\nContent-Disposition: form-data; name="language"\r\n\r\nklingon\r\n'
    end = f"--{boundary}--\r\n".encode()
    answer = await anna.post(
        "/api/jobs", data=body.removesuffix(end) + field.encode() + end, headers={"Content-Type": kind}
    )
    await refused(anna, answer, 400, "unknown_language", tmp_path / "data")


async def test_a_path_in_a_file_name_is_only_shown_and_only_its_last_part(
    box: Box, anna: Person, tmp_path: Path
) -> None:
    for name, shown in {
        "../../../etc/cron.d/evil.wav": "evil.wav",
        "C:\\Users\\anna\\talk.wav": "talk.wav",
        "/": "recording",
        "tab\there.wav": "tabhere.wav",
    }.items():
        kind, body = multipart({}, [(name.replace("\\", "\\\\"), TALK)])
        job = await (await anna.post("/api/jobs", data=body, headers={"Content-Type": kind})).json()
        assert job["filename"] == shown
    incoming, media = await kept(tmp_path / "data")
    assert incoming == []
    assert len(media) == 1 and len(media[0]) == 64


async def test_the_same_file_twice_is_two_jobs_on_one_recording(
    box: Box, anna: Person, tmp_path: Path
) -> None:
    first = await (await anna.upload(TALK, "monday.wav")).json()
    second = await (await anna.upload(TALK, "tuesday.wav")).json()
    assert first["id"] != second["id"]
    assert first["recording_id"] == second["recording_id"]
    assert len((await kept(tmp_path / "data"))[1]) == 1


async def test_the_same_bytes_of_two_people_stay_two_recordings(box: Box, anna: Person) -> None:
    from stenobox.types import Role

    bob = await box.add("bob", Role.USER)
    mine = await (await anna.upload(TALK)).json()
    theirs = await (await bob.upload(TALK)).json()
    assert mine["recording_id"] != theirs["recording_id"]
    assert (await bob.get(f"/api/recordings/{mine['recording_id']}")).status == 404


async def test_one_bad_file_among_several_spoils_no_other(box: Box, anna: Person) -> None:
    kind, body = multipart({}, [("a.wav", TALK), ("b.wav", b"text"), ("c.wav", wave_bytes(0.2, 1))])
    answer = await anna.post("/api/jobs", data=body, headers={"Content-Type": kind})
    sent = await answer.json()
    assert answer.status == 201
    assert [job["filename"] for job in sent["jobs"]] == ["a.wav", "c.wav"]
    assert [(p["filename"], p["code"]) for p in sent["problems"]] == [("b.wav", "not_audio")]


async def test_a_form_that_breaks_off_leaves_nothing(box: Box, anna: Person, tmp_path: Path) -> None:
    kind, body = multipart({}, [("talk.wav", TALK)])
    for cut in (body[:20], body[:150], body[:-40], body[:-4], b"", b"nonsense"):
        answer = await anna.post("/api/jobs", data=cut, headers={"Content-Type": kind})
        await refused(anna, answer, 400, "invalid_request", tmp_path / "data")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=" + "x" * 100, b"x"),
        ("multipart/mixed; boundary=x", b"--x--\r\n"),
        ("application/octet-stream", TALK),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    box: Box, anna: Person, tmp_path: Path, kind: str, body: bytes
) -> None:
    answer = await anna.post("/api/jobs", data=body, headers={"Content-Type": kind})
    await refused(anna, answer, 400, "invalid_request", tmp_path / "data")


async def test_a_sender_that_vanishes_leaves_nothing(box: Box, anna: Person, tmp_path: Path) -> None:
    kind, body = multipart({}, [("talk.wav", wave_bytes(20.0))])
    head = (
        f"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nAuthorization: {anna.headers['Authorization']}\r\n\r\n"
    )
    async with box.connected() as (_reader, writer):
        writer.write(head.encode() + body[: len(body) // 2])
        await writer.drain()
        await until_incoming_is(tmp_path / "data", empty=False)
    await asyncio.wait_for(until_incoming_is(tmp_path / "data", empty=True), 60)
    assert (await (await anna.get("/api/jobs")).json())["jobs"] == []


async def test_a_body_is_invited_only_after_the_caller_is_known(box: Box, anna: Person) -> None:
    async def first_line(authorization: str, length: int = 1000) -> bytes:
        async with box.connected() as (reader, writer):
            writer.write(
                b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n"
                + f"Content-Length: {length}\r\n{authorization}\r\n".encode()
            )
            return await asyncio.wait_for(reader.readline(), 30)

    known = f"Authorization: {anna.headers['Authorization']}\r\n"
    assert b" 401 " in await first_line("")
    assert b" 100 " in await first_line(known)
    assert b" 413 " in await first_line(known, length=2**50)


async def test_a_file_over_the_limit_is_refused_however_it_arrives(tmp_path: Path, demo_bundle: Path) -> None:
    limits = UploadsSettings(max_bytes=10_000, reserve_bytes=0)
    data = tmp_path / "data"
    async with running_box(settings_for(data, demo_bundle, uploads=limits)) as box:
        anna = await box.set_up()
        detail = await refused(anna, await anna.upload(wave_bytes(1.0)), 413, "file_too_large", data)
        assert "10000" in detail and "uploads.max_bytes" in detail
        assert (await anna.upload(wave_bytes(0.2))).status == 201


async def test_a_disk_that_would_run_full_takes_no_file(tmp_path: Path, demo_bundle: Path) -> None:
    limits = UploadsSettings(reserve_bytes=2**60)
    data = tmp_path / "data"
    async with running_box(settings_for(data, demo_bundle, uploads=limits)) as box:
        anna = await box.set_up()
        await refused(anna, await anna.upload(TALK), 507, "disk_full", data)


async def test_without_a_model_the_box_says_so_and_stays_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stenobox.models.shipped_demo", lambda: None)
    data = tmp_path / "data"
    async with running_box(settings_for(data)) as box:
        anna = await box.set_up()
        answer = await anna.upload(TALK)
        assert "stenobox models" in await refused(anna, answer, 503, "no_model", data)
        ready = await box.nobody.get("/readyz")
        assert (ready.status, (await ready.json())["failing"]) == (503, ["model"])


async def test_a_model_with_one_changed_byte_is_never_used(tmp_path: Path, demo_bundle: Path) -> None:
    spoiled = tmp_path / "models" / "demo"
    await asyncio.to_thread(_spoil, demo_bundle, spoiled)
    data = tmp_path / "data"
    async with running_box(settings_for(data, spoiled)) as box:
        anna = await box.set_up()
        job = await (await anna.upload(TALK)).json()
        done = await asyncio.wait_for(ended(anna, job["id"]), 120)
        assert done["state"] in ("failed", "quarantined")
        assert done["error"]["code"] == "model_invalid"  # type: ignore[index]
        assert (await anna.get(f"/api/jobs/{job['id']}/transcript")).status == 422
        assert len((await kept(data))[1]) == 1, "the recording is kept for when the model is repaired"
        assert (await box.nobody.get("/readyz")).status == 503


def _spoil(bundle: Path, target: Path) -> None:
    """A copy of the bundle with one bit of one graph changed; sizes stay."""
    target.mkdir(parents=True)
    for file in bundle.iterdir():
        if file.is_file():
            (target / file.name).write_bytes(file.read_bytes())
    graph = max(target.iterdir(), key=lambda file: file.stat().st_size)
    body = bytearray(graph.read_bytes())
    body[len(body) // 2] ^= 1
    graph.write_bytes(body)


async def test_a_message_with_the_wrong_shape_names_the_field(box: Box, anna: Person) -> None:
    for body, word in (({"nome": "x"}, "nome"), ({"name": 5}, "name"), ({}, "name"), ([], "object")):
        answer = await anna.post("/api/keys", json=body)
        assert answer.status == 400
        assert word in (await answer.json())["detail"]
    answer = await anna.post("/api/keys", data=b"{", headers={"Content-Type": "application/json"})
    assert (await answer.json())["code"] == "invalid_request"


async def test_bad_queries_are_refused(box: Box, anna: Person) -> None:
    for query in ("state=asleep", "limit=-1", "limit=0", "limit=x", f"limit={'9' * 30}", "cursor=%00"):
        answer = await anna.get(f"/api/jobs?{query}")
        assert (answer.status, (await answer.json())["code"]) == (400, "invalid_request"), query
    assert (await anna.get("/api/keys/²")).status in (404, 405)
    assert (await anna.delete("/api/keys/²")).status == 400


def test_three_hours_of_silence_are_an_empty_transcript(tmp_path: Path, demo_bundle: Path) -> None:
    rate, hours = 8_000, 3
    silence = bytearray(wave_bytes(0.1))
    size = rate * 3600 * hours
    silence[24:36] = struct.pack("<IIHH", rate, rate, 1, 8)
    silence[4:8], silence[40:44] = struct.pack("<I", size + 36), struct.pack("<I", size)
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        answer = box.upload(bytes(silence[:44]) + b"\x80" * size, "night.wav", language="en")
        assert answer.status == 201, answer.text
        job = box.wait_for(answer.json["id"], "done", "failed", "quarantined")
        assert job["state"] == "done", job
        assert math.isclose(job["duration"], hours * 3600, abs_tol=1)
        transcript = box.get(f"/api/jobs/{job['id']}/transcript").json
        assert transcript["text"].strip() == ""
