"""Direct upload: accepted means durable, refused means nothing is left, and the event loop stays free."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from stenobox.config import UploadsSettings
from stenobox.errors import DiskFull, EmptyFile, FileTooLarge, NotAudio
from stenobox.files import free_bytes
from stenobox.intake.direct import BLOCK_BYTES
from stenobox.intake.filenames import LONGEST, clean_filename
from stenobox.types import Identity, JobState
from storing import OPTIONS, Store, WaveInfo, opened_store, pieces, wave_bytes


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(store: Store) -> Identity:
    return await store.user("ann")


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def leftovers(store: Store) -> list[Path]:
    return files_in(store.layout.incoming) + files_in(store.layout.media)


async def test_an_accepted_upload_is_a_private_file_a_recording_and_a_waiting_job(
    store: Store, ann: Identity
) -> None:
    content = wave_bytes(seconds=0.25)
    intake = store.intake()
    received = await intake.receive(pieces(content, 1000), "interview.wav")
    job = await intake.accept(ann, received, OPTIONS, 5)
    recording = await store.recordings.get(job.recording_id)
    digest = hashlib.sha256(content).hexdigest()
    assert (job.state, job.filename, job.duration) == (JobState.QUEUED, "interview.wav", 0.25)
    assert (recording.sha256, recording.size, recording.owner_id) == (digest, len(content), ann.user.id)
    path = store.layout.media_file(digest)
    assert leftovers(store) == [path]
    assert await asyncio.to_thread(path.read_bytes) == content
    assert stat.S_IMODE((await asyncio.to_thread(path.stat)).st_mode) == 0o600


@pytest.mark.parametrize("size", [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 7])
@pytest.mark.parametrize("piece", [1_000_003, 65_536])
async def test_bytes_arrive_unchanged_however_they_are_cut(store: Store, size: int, piece: int) -> None:
    content = os.urandom(size)
    received = await store.intake().receive(pieces(content, piece), "x")
    assert (received.size, received.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert await asyncio.to_thread(received.path.read_bytes) == content


async def test_an_empty_file_is_refused(store: Store) -> None:
    with pytest.raises(EmptyFile):
        await store.intake().receive(pieces(b""), "x.wav")
    assert leftovers(store) == []


async def test_a_file_over_the_limit_is_refused_before_it_is_all_read(store: Store) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield bytes(65_536)

    with pytest.raises(FileTooLarge) as caught:
        await store.intake(UploadsSettings(max_bytes=100_000, reserve_bytes=0)).receive(endless(), "x")
    assert "100000" in caught.value.detail
    assert read <= BLOCK_BYTES + 65_536
    assert leftovers(store) == []


async def test_a_file_of_exactly_the_limit_is_taken(store: Store) -> None:
    intake = store.intake(UploadsSettings(max_bytes=100_000, reserve_bytes=0))
    assert (await intake.receive(pieces(bytes(100_000)), "x")).size == 100_000


async def test_the_reserve_of_the_disk_is_not_touched(store: Store) -> None:
    reserve = free_bytes(store.layout.incoming) * 2
    with pytest.raises(DiskFull):
        await store.intake(UploadsSettings(reserve_bytes=reserve)).receive(pieces(b"x" * 100), "x")
    assert leftovers(store) == []


async def test_a_disk_that_fills_while_writing_is_disk_full(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write = os.write
    limit = 2 * BLOCK_BYTES

    def write(descriptor: int, data: memoryview) -> int:
        nonlocal limit
        if "incoming" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            if limit <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            limit -= len(data)
        return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(DiskFull):
        await store.intake().receive(pieces(bytes(4 * BLOCK_BYTES)), "x")
    assert leftovers(store) == []


async def test_what_is_not_audio_leaves_neither_row_nor_file(store: Store, ann: Identity) -> None:
    intake = store.intake()
    received = await intake.receive(pieces(b"a letter, not a recording" * 10), "letter.wav")
    with pytest.raises(NotAudio):
        await intake.accept(ann, received, OPTIONS, 5)
    assert leftovers(store) == []
    assert await store.count("recordings") == await store.count("jobs") == 0


async def test_a_client_that_goes_away_leaves_nothing(store: Store) -> None:
    async def cut_off() -> AsyncIterator[bytes]:
        yield bytes(BLOCK_BYTES * 2)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.intake().receive(cut_off(), "x")
    assert leftovers(store) == []


@pytest.mark.parametrize("hops", range(10))
async def test_a_cancellation_at_any_moment_leaves_all_or_nothing(
    store: Store, ann: Identity, hops: int
) -> None:
    async def upload() -> None:
        intake = store.intake()
        received = await intake.receive(pieces(wave_bytes(seconds=40.0)), "x.wav")
        await intake.accept(ann, received, OPTIONS, 5)

    task = asyncio.create_task(upload())
    for _ in range(hops):
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])
    jobs = (await store.jobs.list(ann)).jobs
    assert files_in(store.layout.incoming) == []
    assert len(files_in(store.layout.media)) == len(jobs) == await store.count("recordings")


async def test_a_database_that_refuses_leaves_no_file_behind(store: Store, ann: Identity) -> None:
    intake = store.intake()
    received = await intake.receive(pieces(wave_bytes()), "x.wav")
    async with store.db.write() as tx:
        await tx.execute("CREATE TRIGGER no BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(Exception, match="no"):
        await intake.accept(ann, received, OPTIONS, 5)
    assert leftovers(store) == []
    assert await store.count("recordings") == 0


async def test_a_failed_repeat_does_not_take_the_file_of_the_first(store: Store, ann: Identity) -> None:
    intake = store.intake()
    await intake.accept(ann, await intake.receive(pieces(wave_bytes()), "x.wav"), OPTIONS, 5)
    received = await intake.receive(pieces(wave_bytes()), "x.wav")
    async with store.db.write() as tx:
        await tx.execute("CREATE TRIGGER no BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(Exception, match="no"):
        await intake.accept(ann, received, OPTIONS, 5)
    assert leftovers(store) == [store.layout.media_file(received.sha256)]


async def test_discarding_removes_a_received_file_and_harms_no_accepted_one(
    store: Store, ann: Identity
) -> None:
    intake = store.intake()
    unwanted = await intake.receive(pieces(b"abc"), "x")
    await intake.discard(unwanted)
    assert leftovers(store) == []
    wanted = await intake.receive(pieces(wave_bytes()), "x")
    await intake.accept(ann, wanted, OPTIONS, 5)
    await intake.discard(wanted)
    assert len(leftovers(store)) == 1


async def test_the_sweep_removes_what_a_crash_left_and_nothing_else(store: Store, ann: Identity) -> None:
    intake = store.intake()
    job = await intake.accept(ann, await intake.receive(pieces(wave_bytes()), "x"), OPTIONS, 5)
    kept = store.recordings.path(await store.recordings.get(job.recording_id))
    orphan = store.layout.media_file("ab" * 32)

    def crash() -> None:
        (store.layout.incoming / "half.part").write_bytes(b"half")
        orphan.parent.mkdir()
        orphan.write_bytes(b"published, and then the power went")

    await asyncio.to_thread(crash)
    swept = await intake.sweep()
    assert (swept.incoming, swept.media) == (1, 1)
    assert leftovers(store) == [kept]


@pytest.fixture
def loop_watched() -> Iterator[None]:
    """Any call that blocks the event loop raises while the test runs."""
    with blockbuster_ctx("stenobox"):
        yield


async def test_receiving_and_accepting_never_block_the_event_loop(
    store: Store, ann: Identity, loop_watched: None
) -> None:
    async def fast_probe(path: Path) -> object:
        return WaveInfo(1.0)

    intake = store.intake()
    intake._probe = fast_probe  # type: ignore[assignment]
    received = await intake.receive(pieces(wave_bytes(seconds=60.0)), "x.wav")
    job = await intake.accept(ann, received, OPTIONS, 5)
    await store.trash.put_job(job.id, ann)
    await store.trash.erase_job(job.id, ann)
    await intake.sweep()
    assert await store.count("jobs") == 0


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("interview.wav", "interview.wav"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\call.mp3", "call.mp3"),
        ("/", "recording"),
        ("", "recording"),
        ("..", "recording"),
        (" . ", "recording"),
        ("a\x00b\nc\x1b[31m.wav", "abc[31m.wav"),
        ("gnp.\u202eexe.wav", "gnp.exe.wav"),
        ("\udcff.wav", ".wav"),
        ("u\u0308ber.wav", "\u00fcber.wav"),
        ("x" * 500 + ".flac", "x" * (LONGEST - 5) + ".flac"),
    ],
)
def test_a_file_name_is_only_ever_a_name(sent: str, shown: str) -> None:
    assert clean_filename(sent) == shown
