"""The tus endpoint against the protocol's text, on the running application."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import pytest
from aiohttp import ClientResponse

from harness.application import Box, Person
from stenobox.types import Role
from storing import wave_bytes

TALK = wave_bytes(0.5)
VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


async def create(person: Person, size: int | None, **headers: str) -> str:
    length = {"Upload-Defer-Length": "1"} if size is None else {"Upload-Length": str(size)}
    named = {"Upload-Metadata": metadata(filename="talk.wav", language="en")}
    answer = await person.post("/api/tus", headers=VERSION | length | named | _dashed(headers))
    assert answer.status == 201, await answer.text()
    return answer.headers["Location"]


async def patch(person: Person, url: str, offset: int, data: bytes, **headers: str) -> ClientResponse:
    sent = VERSION | BYTES | {"Upload-Offset": str(offset)} | _dashed(headers)
    return await person.call("PATCH", url, data=data, headers=sent)


async def head(person: Person, url: str) -> ClientResponse:
    return await person.call("HEAD", url, headers=VERSION)


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


async def bytes_of(person: Person, answer: ClientResponse) -> bytes:
    job = await (await person.get(f"/api/jobs/{answer.headers['Stenobox-Job']}")).json()
    return await (await person.get(f"/api/recordings/{job['recording_id']}/audio")).read()


async def test_options_tell_what_the_server_can_do(anna: Person) -> None:
    answer = await anna.call("OPTIONS", "/api/tus")
    assert answer.status == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert int(answer.headers["Tus-Max-Size"]) > 0
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination",
        "concatenation",
    }  # fmt: skip


async def test_pieces_in_order_become_a_job(anna: Person) -> None:
    url = await create(anna, len(TALK))
    answer = await patch(anna, url, 0, TALK[:5000])
    assert (answer.status, answer.headers["Upload-Offset"]) == (204, "5000")
    assert "Upload-Expires" in answer.headers
    assert "Stenobox-Job" not in answer.headers
    there = await head(anna, url)
    assert there.headers["Upload-Offset"] == "5000"
    assert there.headers["Upload-Length"] == str(len(TALK))
    assert there.headers["Cache-Control"] == "no-store"
    assert there.headers["Upload-Metadata"] == metadata(filename="talk.wav", language="en")
    last = await patch(anna, url, 5000, TALK[5000:])
    assert (last.status, last.headers["Upload-Offset"]) == (204, str(len(TALK)))
    assert await bytes_of(anna, last) == TALK
    again = await head(anna, url)
    assert again.headers["Stenobox-Job"] == last.headers["Stenobox-Job"]
    job = await (await anna.get(f"/api/jobs/{last.headers['Stenobox-Job']}")).json()
    assert (job["filename"], job["language"]) == ("talk.wav", "en")


async def test_a_wrong_offset_is_409_and_changes_nothing(anna: Person) -> None:
    url = await create(anna, len(TALK))
    await patch(anna, url, 0, TALK[:100])
    for offset in (0, 99, 101):
        assert (await patch(anna, url, offset, TALK[offset:])).status == 409
    assert (await head(anna, url)).headers["Upload-Offset"] == "100"


async def test_another_version_is_412_and_another_type_415(anna: Person) -> None:
    url = await create(anna, len(TALK))
    answer = await anna.call("HEAD", url, headers={"Tus-Resumable": "0.2.2"})
    assert (answer.status, answer.headers["Tus-Version"]) == (412, "1.0.0")
    sent = VERSION | {"Upload-Offset": "0", "Content-Type": "audio/wav"}
    assert (await anna.call("PATCH", url, data=TALK, headers=sent)).status == 415


async def test_creation_may_bring_the_first_bytes_or_all(anna: Person) -> None:
    sent = VERSION | BYTES | {"Upload-Length": str(len(TALK))}
    first = await anna.post("/api/tus", data=TALK[:999], headers=sent)
    assert (first.status, first.headers["Upload-Offset"]) == (201, "999")
    whole = await anna.post("/api/tus", data=TALK, headers=sent)
    assert whole.status == 201
    assert await bytes_of(anna, whole) == TALK


async def test_a_deferred_length_is_told_once(anna: Person) -> None:
    url = await create(anna, None)
    await patch(anna, url, 0, TALK[:1000])
    assert (await head(anna, url)).headers["Upload-Defer-Length"] == "1"
    told = await patch(anna, url, 1000, TALK[1000:2000], Upload_Length=str(len(TALK)))
    assert told.status == 204
    assert (await head(anna, url)).headers["Upload-Length"] == str(len(TALK))
    last = await patch(anna, url, 2000, TALK[2000:])
    assert await bytes_of(anna, last) == TALK


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_damaged_piece_is_460_and_dropped(anna: Person, algorithm: str) -> None:
    url = await create(anna, len(TALK))
    digest = base64.b64encode(hashlib.new(algorithm, TALK).digest()).decode()
    spoilt = bytes([TALK[0] ^ 1]) + TALK[1:]
    damaged = await patch(anna, url, 0, spoilt, Upload_Checksum=f"{algorithm} {digest}")
    assert damaged.status == 460
    assert (await head(anna, url)).headers["Upload-Offset"] == "0"
    whole = await patch(anna, url, 0, TALK, Upload_Checksum=f"{algorithm} {digest}")
    assert await bytes_of(anna, whole) == TALK


async def test_an_unknown_checksum_is_400(anna: Person) -> None:
    url = await create(anna, len(TALK))
    assert (await patch(anna, url, 0, TALK, Upload_Checksum="md5 AAAA")).status == 400
    assert (await patch(anna, url, 0, TALK, Upload_Checksum="sha1 !")).status == 400


async def test_a_terminated_upload_is_gone(anna: Person) -> None:
    url = await create(anna, len(TALK))
    await patch(anna, url, 0, TALK[:100])
    assert (await anna.delete(url, headers=VERSION)).status == 204
    assert (await head(anna, url)).status == 404


async def test_partial_uploads_join_in_the_order_named(anna: Person) -> None:
    cuts = (TALK[:3000], TALK[3000:9000], TALK[9000:])
    urls = [await create(anna, len(cut), Upload_Concat="partial") for cut in cuts]
    answers = await asyncio.gather(*(patch(anna, url, 0, cut) for url, cut in zip(urls, cuts, strict=True)))
    assert {answer.status for answer in answers} == {204}
    assert all("Stenobox-Job" not in answer.headers for answer in answers)
    final = await anna.post("/api/tus", headers=VERSION | {"Upload-Concat": f"final;{' '.join(urls)}"})
    assert final.status == 201, await final.text()
    assert await bytes_of(anna, final) == TALK
    assert (await patch(anna, final.headers["Location"], 0, b"x")).status == 403


async def test_an_unfinished_part_cannot_be_joined_and_stays(anna: Person) -> None:
    url = await create(anna, len(TALK), Upload_Concat="partial")
    await patch(anna, url, 0, TALK[:10])
    final = await anna.post("/api/tus", headers=VERSION | {"Upload-Concat": f"final;{url}"})
    assert final.status == 422
    assert (await head(anna, url)).headers["Upload-Offset"] == "10"


async def test_methods_can_be_overridden(anna: Person) -> None:
    url = await create(anna, len(TALK))
    sent = VERSION | BYTES | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    answer = await anna.post(url, data=TALK, headers=sent)
    assert answer.status == 204
    assert await bytes_of(anna, answer) == TALK


async def test_what_is_no_audio_is_refused_and_a_client_never_takes_it_for_done(anna: Person) -> None:
    letter = b"A letter and no recording. " * 999
    url = await create(anna, len(letter))
    assert (await patch(anna, url, 0, letter)).status == 415
    assert (await head(anna, url)).status == 404


async def test_options_of_the_job_are_checked_before_any_byte(anna: Person) -> None:
    sent = VERSION | {"Upload-Length": "9", "Upload-Metadata": metadata(model="none-such")}
    assert (await anna.post("/api/tus", headers=sent)).status == 400
    sent = VERSION | {"Upload-Length": "9", "Upload-Metadata": "filename ?"}
    assert (await anna.post("/api/tus", headers=sent)).status == 400


async def test_an_upload_is_its_owners_alone(box: Box, anna: Person) -> None:
    bert = await box.add("bert", Role.USER)
    url = await create(anna, len(TALK))
    assert (await head(bert, url)).status == 404
    assert (await patch(bert, url, 0, TALK)).status == 404
    assert (await bert.delete(url, headers=VERSION)).status == 404
    assert (await head(anna, url)).status == 200


async def test_a_newer_request_takes_the_upload_over_and_keeps_what_came(anna: Person) -> None:
    url = await create(anna, len(TALK))
    go_on = asyncio.Event()

    async def stalled() -> Any:
        yield TALK[:4000]
        await go_on.wait()

    sent = VERSION | BYTES | {"Upload-Offset": "0"}
    old = asyncio.create_task(anna.call("PATCH", url, data=stalled(), headers=sent))
    async with asyncio.timeout(60):
        while (offset := int((await head(anna, url)).headers["Upload-Offset"])) == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert offset == 4000
    last = await patch(anna, url, offset, TALK[offset:])
    assert await bytes_of(anna, last) == TALK
    go_on.set()
    answer = (await asyncio.gather(old, return_exceptions=True))[0]
    assert isinstance(answer, Exception) or answer.status == 423
