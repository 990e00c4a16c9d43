"""Audio and waveforms of recordings over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from harness.application import Box, Person
from integration.conftest import TALK
from storing import wave_bytes


async def test_audio_has_one_etag_for_good_and_is_sent_in_part_only_if_it_is_the_same(
    anna: Person, path: str
) -> None:
    whole = await anna.get(f"{path}/audio")
    etag = whole.headers["ETag"]
    assert etag == f'"{(await (await anna.get(path)).json())["sha256"]}"'
    part = {"Range": "bytes=2-5"}
    for condition, status, expected in (
        (etag, 206, TALK[2:6]),
        ('"other"', 200, TALK),
        (f"W/{etag}", 200, TALK),
        ("Wed, 01 Jan 2100 00:00:00 GMT", 200, TALK),
        ("nonsense", 200, TALK),
    ):
        answer = await anna.get(f"{path}/audio", headers=part | {"If-Range": condition})
        assert (answer.status, await answer.read()) == (status, expected), condition
    answer = await anna.get(f"{path}/audio", headers=part)
    assert answer.headers["Content-Range"] == f"bytes 2-5/{len(TALK)}"
    assert answer.headers["Content-Type"] == "audio/wav"
    assert (await anna.get(f"{path}/audio", headers={"If-None-Match": etag})).status == 304
    assert (await anna.get(f"{path}/audio", headers={"If-Match": '"other"'})).status == 412


async def test_ranges_that_are_none_are_ignored_and_those_beyond_the_end_refused(
    anna: Person, path: str
) -> None:
    for header in ("items=0-5", "bytes=5-2", "bytes=0-1,4-5", "bytes=x"):
        answer = await anna.get(f"{path}/audio", headers={"Range": header})
        assert (answer.status, await answer.read()) == (200, TALK), header
    for header in (f"bytes={len(TALK)}-", "bytes=-0"):
        answer = await anna.get(f"{path}/audio", headers={"Range": header})
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(TALK)}"), header


async def test_head_tells_the_whole_length_and_sends_nothing(anna: Person, path: str) -> None:
    answer = await anna.call("HEAD", f"{path}/audio", headers={"Range": "bytes=0-3"})
    assert (answer.status, answer.headers["Content-Length"], await answer.read()) == (
        200,
        str(len(TALK)),
        b"",
    )
    assert (await anna.call("HEAD", path)).headers["ETag"]


async def test_many_parts_at_once_and_over_one_connection_are_all_right(anna: Person, path: str) -> None:
    async def part(first: int) -> bool:
        answer = await anna.get(f"{path}/audio", headers={"Range": f"bytes={first}-{first + 99}"})
        return await answer.read() == TALK[first : first + 100]

    assert all(await asyncio.gather(*(part(first) for first in range(0, 4_000, 100))))
    assert [await part(first) for first in range(5)] == [True] * 5


async def test_a_reader_that_goes_away_leaves_no_file_open_and_is_no_error(
    box: Box, anna: Person, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent = await (await anna.upload(wave_bytes(400.0), "long.wav", language="en")).json()
    await anna.post(f"/api/jobs/{sent['id']}/cancel")
    for part in ("", "Range: bytes=1000-\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", box.client.port)
        head = f"GET /api/recordings/{sent['recording_id']}/audio HTTP/1.1\r\nHost: localhost\r\n{part}"
        writer.write(f"{head}Authorization: {anna.headers['Authorization']}\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.readline(), 30)).startswith(b"HTTP/1.1 20")
        assert await asyncio.to_thread(open_in, tmp_path / "data" / "media")
        writer.close()
        while True:  # It is noticed in its time, and the test has a limit.
            if not await asyncio.to_thread(open_in, tmp_path / "data" / "media"):
                break
            await asyncio.sleep(0.02)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def open_in(folder: Path) -> list[str]:
    """Files in it that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return [path for path in found if path.startswith(str(folder))]


async def test_a_waveform_is_measured_once_and_kept_until_the_bytes_go(
    anna: Person, path: str, tmp_path: Path
) -> None:
    found = await (await anna.get(f"{path}/peaks?points=100")).json()
    assert set(found) == {
        "version", "channels", "sample_rate", "samples_per_pixel", "bits", "length", "data",
    }  # fmt: skip
    assert (found["sample_rate"], found["bits"], found["channels"]) == (16_000, 8, 1)
    assert len(found["data"]) == 2 * found["length"] <= 200
    assert found["length"] == -(-4_800 // found["samples_per_pixel"])
    kept = [file for file in (tmp_path / "data" / "peaks").rglob("*") if file.is_file()]
    assert len(kept) == 1
    seen = kept[0].stat().st_mtime_ns
    answers = await asyncio.gather(*(anna.get(f"{path}/peaks?points={n}") for n in (1, 100, 4096)))
    assert [
        len((await answer.json())["data"]) <= 2 * n for answer, n in zip(answers, (1, 100, 4096), strict=True)
    ]
    assert kept[0].stat().st_mtime_ns == seen
    await anna.delete(path)
    assert (await anna.get(f"{path}/peaks")).status == 404
    await anna.delete(f"{path}?permanent=1")
    assert not kept[0].exists()


async def test_a_damaged_waveform_is_measured_again(anna: Person, path: str, tmp_path: Path) -> None:
    found = await (await anna.get(f"{path}/peaks")).json()
    kept = next(file for file in (tmp_path / "data" / "peaks").rglob("*") if file.is_file())
    await asyncio.to_thread(kept.write_bytes, b"damaged")
    assert await (await anna.get(f"{path}/peaks")).json() == found
