"""The library: the trash, and how long things are kept."""

from __future__ import annotations

import asyncio

import pytest

from stenobox.config import DAY
from stenobox.errors import (
    AudioRemoved,
    NotFound,
    StateConflict,
)
from stenobox.hotfolder.complete import Look
from stenobox.hotfolder.drops import Drops
from stenobox.library import Change, Filter
from stenobox.types import Identity, JobState
from storing import (
    Store,
    claimed,
    finished,
    sent,
    transcript_of,
)


async def titled(store: Store, owner: Identity, wanted: Filter) -> list[str]:
    return [entry.recording.title for entry in (await store.library.list(owner, wanted)).entries]


# The trash.


async def test_what_is_in_the_trash_is_out_of_sight_until_it_is_restored(store: Store, ann: Identity) -> None:
    job = await finished(store, ann)
    transcript = await store.transcripts.get(job.id, ann)
    await store.trash.put_job(job.id, ann)
    for ask in (
        store.jobs.get(job.id, ann),
        store.jobs.retry(job.id, ann),
        store.jobs.cancel(job.id, ann),
        store.transcripts.get(job.id, ann),
        store.recordings.get_for(job.recording_id, ann),
        store.library.get(job.recording_id, ann),
        store.library.change(job.recording_id, ann, Change({"title": "x"})),
        store.trash.put_job(job.id, ann),
    ):
        with pytest.raises(NotFound):
            await ask
    assert (await store.jobs.list(ann)).jobs == ()
    assert [found.id for found in (await store.jobs.list(ann, trashed=True)).jobs] == [job.id]
    assert (await store.jobs.stats())["states"]["done"] == 0
    assert (await store.trash.restore_job(job.id, ann)).state is JobState.DONE
    assert await store.transcripts.get(job.id, ann) == transcript
    assert (await store.library.get(job.recording_id, ann)).recording.trashed_at is None


async def test_a_job_that_waits_is_cancelled_on_its_way_into_the_trash(store: Store, ann: Identity) -> None:
    job = await sent(store, ann)
    await store.trash.put_recording(job.recording_id, ann)
    assert await store.jobs.claim(60.0) is None
    restored = await store.trash.restore_recording(job.recording_id, ann)
    assert restored.trashed_at is None
    assert (await store.jobs.get(job.id, ann)).state is JobState.CANCELLED
    assert (await store.jobs.retry(job.id, ann)).state is JobState.QUEUED


async def test_a_recording_is_not_deleted_while_one_of_its_jobs_runs(store: Store, ann: Identity) -> None:
    done, running = await finished(store, ann), await sent(store, ann)
    await claimed(store)
    with pytest.raises(StateConflict):
        await store.trash.put_recording(done.recording_id, ann)
    assert len((await store.jobs.list(ann)).jobs) == 2
    assert running.recording_id == done.recording_id


async def test_a_recording_comes_back_with_the_jobs_that_went_with_it(store: Store, ann: Identity) -> None:
    first, second = await finished(store, ann), await finished(store, ann)
    await store.trash.put_job(first.id, ann)
    assert (await store.library.get(first.recording_id, ann)).recording.trashed_at is None
    store.clock.now += 60
    await store.trash.put_recording(first.recording_id, ann)
    await store.trash.restore_recording(first.recording_id, ann)
    assert [job.id for job in (await store.jobs.list(ann)).jobs] == [second.id]
    await store.trash.restore_job(first.id, ann)
    assert len((await store.jobs.list(ann)).jobs) == 2


async def test_sending_a_file_again_takes_its_recording_out_of_the_trash(store: Store, ann: Identity) -> None:
    old = await finished(store, ann)
    await store.trash.put_job(old.id, ann)
    new = await sent(store, ann)
    assert new.recording_id == old.recording_id
    assert [job.id for job in (await store.jobs.list(ann)).jobs] == [new.id]
    store.clock.now += 8 * DAY
    await store.retention().apply()
    assert await store.count("jobs") == 1
    assert (await store.library.get(new.recording_id, ann)).recording.trashed_at is None


async def test_the_trash_is_emptied_after_its_days_and_not_before(store: Store, ann: Identity) -> None:
    job = await finished(store, ann)
    path = store.recordings.path(await store.recordings.get(job.recording_id))
    await store.trash.put_job(job.id, ann)
    store.clock.now += 7 * DAY - 1
    assert not await store.retention().apply()
    await store.trash.restore_job(job.id, ann)
    await store.trash.put_job(job.id, ann)
    store.clock.now += 7 * DAY
    assert (await store.retention().apply()).trash == 1
    for table in ("recordings", "jobs", "transcripts"):
        assert await store.count(table) == 0
    assert not await asyncio.to_thread(path.exists)


async def test_a_hot_folder_does_not_wait_for_a_job_that_is_in_the_trash(store: Store, ann: Identity) -> None:
    job, drops = await finished(store, ann), Drops(store.db, "office", store.clock)
    async with store.db.write() as tx:
        await drops.took(tx, ("a.wav",), Look(1, 2, 3), sha256="a" * 64, wishes="{}", job_id=job.id)

    async def same(owner: int) -> object:
        return await drops.same(owner, "a" * 64, "{}")

    assert await same(job.owner_id) == (job.id, job.recording_id)
    assert await same(job.owner_id + 1) is None
    await store.trash.put_job(job.id, ann)
    assert await same(job.owner_id) is None
    await store.trash.restore_job(job.id, ann)
    assert await same(job.owner_id) == (job.id, job.recording_id)


async def test_nothing_is_erased_that_is_not_in_the_trash(store: Store, ann: Identity) -> None:
    job = await finished(store, ann)
    with pytest.raises(NotFound):
        await store.trash.erase_job(job.id, ann)
    with pytest.raises(NotFound):
        await store.trash.erase_recording(job.recording_id, ann)
    assert await store.count("transcripts") == 1


async def test_pages_hear_that_a_job_went_and_that_it_is_back(store: Store, ann: Identity) -> None:
    job = await finished(store, ann)
    with store.events.subscribe(ann) as events:
        await store.trash.put_job(job.id, ann)
        await store.trash.restore_job(job.id, ann)
        seen = [await anext(events) for _ in range(2)]
    assert [event.kind for event in seen] == ["deleted", "job"]


# Retention.


async def test_audio_goes_before_its_transcript(store: Store, ann: Identity) -> None:
    job = await finished(store, ann)
    path = store.recordings.path(await store.recordings.get(job.recording_id))
    retention = store.retention(audio_days=3, transcript_days=10)
    store.clock.now += 3 * DAY - 1
    assert not await retention.apply()
    store.clock.now += 1
    assert (await retention.apply()).audio == 1
    assert not await asyncio.to_thread(path.exists)
    assert (await store.jobs.get(job.id, ann)).audio_removed_at == store.clock.now
    assert (await store.transcripts.get(job.id, ann)).text == "Hello there."
    assert not await retention.apply()
    store.clock.now += 7 * DAY
    assert (await retention.apply()).recordings == 1
    assert await store.count("transcripts") == 0


async def test_a_recordings_own_days_go_before_the_settings(store: Store, ann: Identity) -> None:
    kept, gone, default = [await finished(store, ann, pitch) for pitch in (1, 2, 3)]
    await store.library.change(kept.recording_id, ann, Change({"audio_days": 0, "transcript_days": 0}))
    await store.library.change(gone.recording_id, ann, Change({"transcript_days": 1}))
    store.clock.now += 5 * DAY
    cleared = await store.retention(audio_days=3, transcript_days=10).apply()
    assert (cleared.recordings, cleared.audio) == (1, 1)
    assert (await store.jobs.get(kept.id, ann)).audio_removed_at is None
    assert (await store.jobs.get(default.id, ann)).audio_removed_at is not None


async def test_nothing_goes_while_a_job_waits_or_runs(store: Store, ann: Identity) -> None:
    job = await sent(store, ann)
    retention = store.retention(audio_days=1, transcript_days=1)
    store.clock.now += 30 * DAY
    assert not await retention.apply()
    lease = await claimed(store)
    assert not await retention.apply()
    await store.jobs.complete(lease, transcript_of(lease.job))
    assert (await retention.apply()).recordings == 1
    assert job.id == lease.job.id


async def test_a_job_without_its_audio_is_not_retried(store: Store, ann: Identity) -> None:
    job = await sent(store, ann)
    await store.jobs.cancel(job.id, ann)
    store.clock.now += 2 * DAY
    await store.retention(audio_days=1).apply()
    with pytest.raises(AudioRemoved):
        await store.jobs.retry(job.id, ann)
    assert (await store.jobs.get(job.id, ann)).state is JobState.CANCELLED
    again = await sent(store, ann)
    assert again.recording_id == job.recording_id
    assert again.audio_removed_at is None
    assert (await store.jobs.retry(job.id, ann)).state is JobState.QUEUED


async def test_bytes_stay_while_another_owner_names_them(store: Store, ann: Identity) -> None:
    bob = await store.user("bob")
    mine, theirs = await finished(store, ann), await finished(store, bob)
    path = store.recordings.path(await store.recordings.get(theirs.recording_id))
    await store.library.change(theirs.recording_id, bob, Change({"audio_days": 0, "transcript_days": 0}))
    store.clock.now += 5 * DAY
    assert (await store.retention(audio_days=1).apply()).audio == 1
    assert await asyncio.to_thread(path.is_file)
    await store.trash.put_job(theirs.id, bob)
    await store.trash.erase_job(theirs.id, bob)
    assert not await asyncio.to_thread(path.exists)
    assert (await store.jobs.get(mine.id, ann)).audio_removed_at is not None


async def test_more_than_a_batch_goes_at_once(
    store: Store, ann: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stenobox.library.retention.BATCH", 2)
    for pitch in range(5):
        await finished(store, ann, pitch)
    store.clock.now += 2 * DAY
    assert (await store.retention(transcript_days=1).apply()).recordings == 5
    assert await store.count("recordings") == 0
