"""Recordings: one row for an owner and its bytes, one file for all owners of the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stenobox.errors import NotFound
from stenobox.types import Identity, Job, Role
from storing import OPTIONS, Store, opened_store, pieces, wave_bytes


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(store: Store) -> Identity:
    return await store.user("ann")


async def uploaded(store: Store, owner: Identity, name: str = "a.wav", pitch: int = 1) -> Job:
    intake = store.intake()
    received = await intake.receive(pieces(wave_bytes(pitch=pitch)), name)
    return await intake.accept(owner, received, OPTIONS, 5)


async def erase(store: Store, job: Job, owner: Identity) -> None:
    await store.trash.put_job(job.id, owner)
    await store.trash.erase_job(job.id, owner)


def media(store: Store) -> list[Path]:
    return sorted(path for path in store.layout.media.rglob("*") if path.is_file())


async def test_the_same_bytes_of_an_owner_are_one_recording_under_the_latest_name(
    store: Store, ann: Identity
) -> None:
    first = await uploaded(store, ann, "monday.wav")
    second = await uploaded(store, ann, "tuesday.wav")
    assert first.id != second.id
    assert first.recording_id == second.recording_id
    assert (await store.recordings.get(first.recording_id)).filename == "tuesday.wav"
    assert len(media(store)) == 1


async def test_two_owners_share_the_file_and_not_the_recording(store: Store, ann: Identity) -> None:
    bob = await store.user("bob")
    first, second = await uploaded(store, ann, "a.wav"), await uploaded(store, bob, "b.wav")
    assert first.recording_id != second.recording_id
    assert (first.filename, second.filename) == ("a.wav", "b.wav")
    assert len(media(store)) == 1


async def test_the_file_goes_with_the_last_job_of_the_last_owner(store: Store, ann: Identity) -> None:
    bob = await store.user("bob")
    first, again, other = [await uploaded(store, owner) for owner in (ann, ann, bob)]
    path = store.recordings.path(await store.recordings.get(first.recording_id))
    await erase(store, first, ann)
    assert await asyncio.to_thread(path.exists)
    assert (await store.recordings.get(again.recording_id)).owner_id == ann.user.id
    await erase(store, again, ann)
    assert await asyncio.to_thread(path.exists)
    with pytest.raises(NotFound):
        await store.recordings.get(again.recording_id)
    await erase(store, other, bob)
    assert media(store) == []


async def test_an_upload_never_loses_its_file_to_a_deletion_of_the_same_bytes(
    store: Store, ann: Identity
) -> None:
    bob = await store.user("bob")
    for _ in range(20):
        old = await uploaded(store, ann)
        _, new = await asyncio.gather(erase(store, old, ann), uploaded(store, bob))
        kept = await store.recordings.get(new.recording_id)
        assert await asyncio.to_thread(store.recordings.path(kept).is_file)
        await erase(store, new, bob)
        assert media(store) == []


async def test_a_later_upload_fills_in_the_length_and_never_forgets_it(store: Store, ann: Identity) -> None:
    async with store.db.write() as tx:
        values = {"sha256": "a" * 64, "size": 1, "filename": "x"}
        made = await store.recordings.ingest(tx, ann.user.id, **values, duration=None)
        assert (await store.recordings.ingest(tx, ann.user.id, **values, duration=3.0)).duration == 3.0
        assert (await store.recordings.ingest(tx, ann.user.id, **values, duration=None)).duration == 3.0
    await store.recordings.set_duration(made.id, 4.0)
    assert (await store.recordings.get(made.id)).duration == 4.0


async def test_a_person_finds_own_recordings_and_an_admin_finds_all(store: Store, ann: Identity) -> None:
    bob, admin = await store.user("bob"), await store.user("root", Role.ADMIN)
    recording = await store.recording(ann)
    assert await store.recordings.get_for(recording.id, ann) == recording
    assert await store.recordings.get_for(recording.id, admin) == recording
    with pytest.raises(NotFound):
        await store.recordings.get_for(recording.id, bob)
    with pytest.raises(NotFound):
        await store.recordings.get_for("none", ann)


async def test_orphans_are_files_in_their_place_that_no_row_names(store: Store, ann: Identity) -> None:
    await uploaded(store, ann)
    orphan = store.layout.media_file("ab" * 32)

    def place() -> None:
        orphan.parent.mkdir()
        orphan.write_bytes(b"x")
        (store.layout.media / "a note of somebody.txt").write_bytes(b"x")
        (store.layout.media / "ab" / ("cd" * 32)).write_bytes(b"x")

    await asyncio.to_thread(place)
    assert await store.recordings.orphans() == [orphan]


async def test_a_file_that_a_row_names_is_never_discarded(store: Store, ann: Identity) -> None:
    job = await uploaded(store, ann)
    recording = await store.recordings.get(job.recording_id)
    assert await store.recordings.discard(recording.sha256) is False
    assert len(media(store)) == 1
    assert await store.recordings.discard("f" * 64) is False
