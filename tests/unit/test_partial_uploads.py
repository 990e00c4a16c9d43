"""The store of uploads in pieces: what it acknowledges, what it keeps through failures, what it lets go."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stenobox.config import UploadsSettings
from stenobox.errors import DiskFull, FileTooLarge, NotFound, UploadTaken
from stenobox.files import free_bytes
from stenobox.intake.partial import Partials
from stenobox.intake.upload import Upload
from stenobox.types import Identity
from storing import OPTIONS, Clock, Store, opened_store, pieces, wave_bytes

TALK = wave_bytes(seconds=0.25)
DAY = 86_400


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(store: Store) -> Identity:
    return await store.user("ann")


def partials_of(store: Store, clock: Clock | None = None, **settings: int) -> Partials:
    limits = UploadsSettings(**({"reserve_bytes": 0, "expire_seconds": DAY} | settings))
    return Partials(limits, store.layout, store.db, store.intake(), clock or Clock())


async def begun(partials: Partials, who: Identity, size: int | None = len(TALK)) -> Upload:
    return await partials.begin(who, "chunked", filename="talk.wav", size=size)


async def sent(
    partials: Partials, upload: Upload, offset: int, data: bytes, *, as_it_comes: bool = True
) -> Upload:
    return await partials.write(upload, offset, len(data), pieces(data, 500), as_it_comes=as_it_comes)


def files(store: Store) -> set[str]:
    return {path.name for path in store.layout.partials.iterdir()}


async def broken_off(data: bytes) -> AsyncIterator[bytes]:
    yield data
    raise ConnectionResetError


async def test_what_expired_is_gone_with_its_bytes_and_what_moved_lives_on(
    store: Store, ann: Identity
) -> None:
    clock = Clock()
    partials = partials_of(store, clock)
    left, kept = await begun(partials, ann), await begun(partials, ann)
    for upload in (left, kept):
        await sent(partials, upload, 0, TALK[:1000])
    clock.now += DAY - 1
    await sent(partials, kept, 1000, TALK[1000:2000])
    clock.now += 2
    with pytest.raises(NotFound):
        await partials.get(left.id, ann, "chunked")
    assert await partials.expire() == 1
    assert files(store) == {kept.id}
    await sent(partials, kept, 2000, TALK[2000:])
    await partials.complete(ann, kept, OPTIONS, 5)


async def test_an_upload_that_is_being_written_to_does_not_expire(store: Store, ann: Identity) -> None:
    clock, go_on = Clock(), asyncio.Event()
    partials = partials_of(store, clock)
    upload = await begun(partials, ann)

    async def slow() -> AsyncIterator[bytes]:
        yield TALK[:1000]
        await go_on.wait()
        yield TALK[1000:]

    writing = asyncio.create_task(partials.write(upload, 0, len(TALK), slow(), as_it_comes=True))
    await asyncio.sleep(0.05)
    clock.now += 2 * DAY
    assert await partials.expire() == 0
    go_on.set()
    assert (await writing).complete


async def test_files_that_no_row_names_go(store: Store, ann: Identity) -> None:
    partials = partials_of(store)
    upload = await begun(partials, ann)
    await sent(partials, upload, 0, TALK)
    await asyncio.to_thread((store.layout.partials / "stranger").write_bytes, b"x")
    await partials.expire()
    assert files(store) == {upload.id}


async def test_bytes_that_could_not_be_synced_are_not_acknowledged(
    store: Store, ann: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    partials = partials_of(store)
    upload = await begun(partials, ann)
    await sent(partials, upload, 0, TALK[:1000])
    with monkeypatch.context() as patched:

        def fail(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "no room")

        patched.setattr(os, "fsync", fail)
        with pytest.raises(DiskFull):
            await sent(partials, upload, 1000, TALK[1000:])
    assert (await partials.get(upload.id, ann, "chunked")).ranges == ((0, 1000),)
    assert (await sent(partials, upload, 1000, TALK[1000:])).complete


async def test_of_a_stream_that_breaks_off_what_came_is_kept_or_nothing_as_asked(
    store: Store, ann: Identity
) -> None:
    partials = partials_of(store)
    upload = await begun(partials, ann)
    for keep, there in ((False, ()), (True, ((0, 700),))):
        with pytest.raises(ConnectionResetError):
            await partials.write(upload, 0, len(TALK), broken_off(TALK[:700]), as_it_comes=keep)
        assert (await partials.get(upload.id, ann, "chunked")).ranges == there


async def test_an_upload_whose_job_could_not_be_made_is_still_whole(
    store: Store, ann: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    partials = partials_of(store)
    upload = await sent(partials, await begun(partials, ann), 0, TALK)
    with monkeypatch.context() as patched:

        async def full(*_: object, **__: object) -> None:
            raise DiskFull

        patched.setattr(store.recordings, "publish", full)
        with pytest.raises(DiskFull):
            await partials.complete(ann, upload, OPTIONS, 5)
    assert (await partials.get(upload.id, ann, "chunked")).complete
    assert list(store.layout.incoming.iterdir()) == []
    job = await partials.complete(ann, upload, OPTIONS, 5)
    assert job == await partials.complete(ann, upload, OPTIONS, 5)
    assert files(store) == set()


async def test_a_newer_writer_of_the_same_bytes_wins(store: Store, ann: Identity) -> None:
    partials = partials_of(store)
    upload = await begun(partials, ann)

    async def stalled() -> AsyncIterator[bytes]:
        yield TALK[:300]
        await asyncio.Event().wait()

    older = asyncio.create_task(partials.write(upload, 0, len(TALK), stalled(), as_it_comes=True))
    await asyncio.sleep(0.05)
    newer = await sent(partials, upload, 0, TALK)
    assert newer.complete
    with pytest.raises(UploadTaken):
        await older


async def test_writers_of_different_bytes_do_not_disturb_each_other(store: Store, ann: Identity) -> None:
    partials = partials_of(store)
    upload = await begun(partials, ann)
    half = len(TALK) // 2
    await asyncio.gather(
        sent(partials, upload, half, TALK[half:], as_it_comes=False),
        sent(partials, upload, 0, TALK[:half], as_it_comes=False),
    )
    assert (await partials.get(upload.id, ann, "chunked")).complete


async def test_what_cannot_be_kept_is_refused_before_its_first_byte(store: Store, ann: Identity) -> None:
    with pytest.raises(FileTooLarge):
        await begun(partials_of(store, max_bytes=100), ann)
    free = await asyncio.to_thread(free_bytes, store.layout.root)
    with pytest.raises(DiskFull):
        await begun(partials_of(store, reserve_bytes=free + 2**30), ann)


async def test_the_reserve_holds_also_for_an_upload_that_does_not_tell_its_size(
    store: Store, ann: Identity
) -> None:
    free = await asyncio.to_thread(free_bytes, store.layout.root)
    partials = partials_of(store, reserve_bytes=free + 2**30)
    upload = await begun(partials, ann, size=None)
    with pytest.raises(DiskFull):
        await sent(partials, upload, 0, TALK)
    assert (await partials.get(upload.id, ann, "chunked")).ranges == ()


async def test_the_hash_is_of_what_was_kept_and_not_of_what_was_sent_first(
    store: Store, ann: Identity
) -> None:
    partials = partials_of(store)
    other = bytes(1000)
    for keep in (False, True):
        upload = await begun(partials, ann)
        await sent(partials, upload, 0, TALK[:200])
        with pytest.raises(ConnectionResetError):
            await partials.write(
                upload,
                200,
                len(TALK) - 200,
                broken_off(other if not keep else TALK[200:900]),
                as_it_comes=keep,
            )
        there = (await partials.get(upload.id, ann, "chunked")).offset
        await sent(partials, upload, there, TALK[there:])
        await partials.complete(ann, upload, OPTIONS, 5)
    assert store.layout.media_file(hashlib.sha256(TALK).hexdigest()).read_bytes() == TALK


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1, 0)])
async def test_pieces_in_any_order_have_one_hash(store: Store, ann: Identity, order: tuple[int, ...]) -> None:
    partials = partials_of(store)
    upload = await begun(partials, ann)
    third = len(TALK) // 3
    cuts = (TALK[:third], TALK[third : 2 * third], TALK[2 * third :])
    for index in order:
        await sent(partials, upload, index * third, cuts[index])
    await partials.complete(ann, upload, OPTIONS, 5)
    assert store.layout.media_file(hashlib.sha256(TALK).hexdigest()).read_bytes() == TALK
