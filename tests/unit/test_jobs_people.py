"""The queue: what people ask of it, and what they are told."""

from __future__ import annotations

import asyncio

import pytest

from stenobox.errors import (
    EngineFailed,
    InvalidRequest,
    LeaseLost,
    NotFound,
    StateConflict,
)
from stenobox.types import Identity, JobState, Priority, Role
from storing import LEASE, OPTIONS, Store, claimed, transcript_of


async def test_a_queued_job_that_is_cancelled_never_runs(store: Store, ann: Identity) -> None:
    job = await store.job(ann)
    assert (await store.jobs.cancel(job.id, ann)).state is JobState.CANCELLED
    assert await store.jobs.claim(LEASE) is None


async def test_cancelling_a_running_job_takes_the_lease_away(store: Store, ann: Identity) -> None:
    await store.job(ann)
    lease = await claimed(store)
    await store.jobs.progress(lease, 0.5, {"seek": 1})
    await store.jobs.cancel(lease.job.id, ann)
    with pytest.raises(LeaseLost):
        await store.jobs.renew(lease)
    with pytest.raises(LeaseLost):
        await store.jobs.complete(lease, transcript_of(lease.job))
    assert await store.count("transcripts") == 0
    assert await store.count("job_checkpoints") == 0


async def test_retrying_starts_from_nothing_with_all_attempts(store: Store, ann: Identity) -> None:
    job = await store.job(ann)
    for _ in range(3):
        lease = await claimed(store)
        await store.jobs.progress(lease, 0.5, {"seek": 1})
        await store.jobs.fail(lease, EngineFailed())
    retried = await store.jobs.retry(job.id, ann)
    assert (retried.state, retried.progress, retried.error) == (JobState.QUEUED, 0.0, None)
    for expected in (JobState.QUEUED, JobState.QUEUED, JobState.QUARANTINED):
        lease = await claimed(store)
        assert lease.checkpoint is None
        assert (await store.jobs.fail(lease, EngineFailed())).state is expected


async def test_what_a_state_does_not_allow_is_refused_and_changes_nothing(
    store: Store, ann: Identity
) -> None:
    await store.job(ann)
    lease = await claimed(store)
    done = await store.jobs.complete(lease, transcript_of(lease.job))
    for ask in (
        store.jobs.cancel(done.id, ann),
        store.jobs.retry(done.id, ann),
        store.jobs.set_priority(done.id, ann, Priority.BATCH),
    ):
        with pytest.raises(StateConflict):
            await ask
    assert await store.jobs.get(done.id, ann) == done


async def test_changing_the_priority_changes_the_place_in_line(store: Store, ann: Identity) -> None:
    await store.job(ann)
    later = await store.job(ann)
    await store.jobs.set_priority(later.id, ann, Priority.INTERACTIVE)
    assert (await claimed(store)).job.id == later.id


async def test_others_find_nothing_and_admins_find_all(store: Store, ann: Identity) -> None:
    bob, admin = await store.user("bob"), await store.user("root", Role.ADMIN)
    job = await store.job(ann)
    for ask in (
        store.jobs.get(job.id, bob),
        store.jobs.cancel(job.id, bob),
        store.jobs.retry(job.id, bob),
        store.jobs.set_priority(job.id, bob, 0),
        store.trash.put_job(job.id, bob),
        store.jobs.get("none", ann),
    ):
        with pytest.raises(NotFound):
            await ask
    assert (await store.jobs.list(bob)).jobs == ()
    assert [found.id for found in (await store.jobs.list(admin)).jobs] == [job.id]
    assert (await store.jobs.cancel(job.id, admin)).state is JobState.CANCELLED


async def test_pages_show_every_job_once_while_others_are_added(store: Store, ann: Identity) -> None:
    made = [(await store.job(ann)).id for _ in range(10)]
    shown: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.jobs.list(ann, limit=3, cursor=cursor)
        shown += [job.id for job in page.jobs]
        await store.job(ann)
        cursor = page.next
        if cursor is None:
            break
    assert shown == made[::-1]


async def test_a_list_can_be_narrowed_to_a_state(store: Store, ann: Identity) -> None:
    first = await store.job(ann)
    await store.job(ann)
    await store.jobs.cancel(first.id, ann)
    page = await store.jobs.list(ann, JobState.CANCELLED)
    assert [job.id for job in page.jobs] == [first.id]
    assert page.next is None


@pytest.mark.parametrize(
    ("limit", "cursor"), [(0, None), (201, None), (5, "x"), (5, "-1"), (5, "9" * 40), (5, "٣")]
)
async def test_a_listing_out_of_range_is_a_bad_request(
    store: Store, ann: Identity, limit: int, cursor: str | None
) -> None:
    with pytest.raises(InvalidRequest):
        await store.jobs.list(ann, limit=limit, cursor=cursor)


async def test_a_running_job_is_not_deleted(store: Store, ann: Identity) -> None:
    await store.job(ann)
    lease = await claimed(store)
    with pytest.raises(StateConflict):
        await store.trash.put_job(lease.job.id, ann)
    await store.jobs.cancel(lease.job.id, ann)
    await store.trash.put_job(lease.job.id, ann)
    with pytest.raises(NotFound):
        await store.jobs.get(lease.job.id, ann)


async def test_deleting_a_job_for_good_takes_its_transcript_and_segments(store: Store, ann: Identity) -> None:
    await store.job(ann)
    lease = await claimed(store)
    await store.jobs.complete(lease, transcript_of(lease.job))
    await store.trash.put_job(lease.job.id, ann)
    await store.trash.erase_job(lease.job.id, ann)
    for table in ("jobs", "transcripts", "segments", "recordings"):
        assert await store.count(table) == 0


async def test_a_worker_that_waits_is_woken_by_every_way_into_the_line(store: Store, ann: Identity) -> None:
    async with asyncio.timeout(10):
        job = await store.job(ann)
        await store.jobs.wait_for_work()
        await store.jobs.release(await claimed(store))
        await store.jobs.wait_for_work()
        await store.jobs.fail(await claimed(store), EngineFailed())
        await store.jobs.wait_for_work()
        await claimed(store)
        await store.jobs.recover()
        await store.jobs.wait_for_work()
        await store.jobs.cancel(job.id, ann)
        await store.jobs.retry(job.id, ann)
        await store.jobs.wait_for_work()


async def test_the_statistics_name_every_state(store: Store, ann: Identity) -> None:
    await store.job(ann)
    await store.job(ann)
    await claimed(store)
    store.clock.now += 30
    stats = await store.jobs.stats()
    assert stats["states"] == {
        "queued": 1,
        "running": 1,
        "done": 0,
        "failed": 0,
        "cancelled": 0,
        "quarantined": 0,
    }
    assert stats["oldest_queued_seconds"] == 30.0


async def test_pages_are_told_of_each_change_after_it_is_committed(store: Store, ann: Identity) -> None:
    with store.events.subscribe(ann) as events:
        await store.job(ann)
        lease = await claimed(store)
        await store.jobs.progress(lease, 0.5)
        await store.jobs.complete(lease, transcript_of(lease.job))
        await store.trash.put_job(lease.job.id, ann)
        seen = [await anext(events) for _ in range(5)]
    assert [event.kind for event in seen] == ["job", "job", "job", "job", "deleted"]
    assert [event.data["job"].state.value for event in seen[:4]] == ["queued", "running", "running", "done"]
    assert seen[2].data["job"].progress == 0.5


async def test_nobody_is_told_of_what_was_rolled_back(store: Store, ann: Identity) -> None:
    recording = await store.recording(ann)
    with store.events.subscribe(ann) as events:
        with pytest.raises(KeyError):
            async with store.db.write() as tx:
                await store.jobs.create(
                    tx, ann.user.id, recording_id=recording.id, options=OPTIONS, priority=5
                )
                raise KeyError
        await store.job(ann)
        event = await anext(events)
    assert [event.data["job"].id] == [job.id for job in (await store.jobs.list(ann)).jobs]
