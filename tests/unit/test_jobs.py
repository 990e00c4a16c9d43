"""The queue: who comes next, who may write, and what becomes of attempts that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stenobox.errors import (
    DiskFull,
    EngineFailed,
    InvalidRequest,
    LeaseLost,
    NotAudio,
    NotFound,
    StateConflict,
    UndecodableAudio,
)
from stenobox.jobs.queue import MAX_CHECKPOINT_BYTES
from stenobox.types import Identity, JobState, Lease, Priority, Role
from storing import OPTIONS, Store, opened_store, transcript_of

LEASE = 60.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(store: Store) -> Identity:
    return await store.user("ann")


async def claimed(store: Store) -> Lease:
    lease = await store.jobs.claim(LEASE)
    assert lease is not None
    return lease


async def state_of(store: Store, job_id: str, identity: Identity) -> JobState:
    return (await store.jobs.get(job_id, identity)).state


async def test_a_new_job_waits_with_its_options_and_the_name_of_its_recording(
    store: Store, ann: Identity
) -> None:
    job = await store.job(ann)
    assert await store.jobs.get(job.id, ann) == job
    assert (job.state, job.attempt, job.progress, job.error) == (JobState.QUEUED, 0, 0.0, None)
    assert (job.options, job.filename, job.duration) == (OPTIONS, "a.wav", 12.5)


async def test_an_empty_queue_gives_no_lease(store: Store) -> None:
    assert await store.jobs.claim(LEASE) is None


async def test_a_job_is_claimed_once(store: Store, ann: Identity) -> None:
    job = await store.job(ann)
    leases = await asyncio.gather(*(store.jobs.claim(LEASE) for _ in range(5)))
    assert [lease.job.id for lease in leases if lease] == [job.id]


async def test_urgent_jobs_go_first_then_the_oldest(store: Store, ann: Identity) -> None:
    batch = await store.job(ann, Priority.BATCH)
    older = await store.job(ann, Priority.NORMAL)
    newer = await store.job(ann, Priority.NORMAL)
    urgent = await store.job(ann, Priority.INTERACTIVE)
    order = [(await claimed(store)).job.id for _ in range(4)]
    assert order == [urgent.id, older.id, newer.id, batch.id]


async def test_owners_take_turns_however_many_jobs_one_of_them_has(store: Store, ann: Identity) -> None:
    bob, eve = await store.user("bob"), await store.user("eve")
    for _ in range(4):
        await store.job(ann)
    for _ in range(2):
        await store.job(bob)
    await store.job(eve)
    owners = [(await claimed(store)).job.owner_id for _ in range(7)]
    a, b, e = ann.user.id, bob.user.id, eve.user.id
    assert owners == [a, b, e, a, b, a, a]


async def test_an_owner_keeps_the_place_in_turn_when_its_jobs_are_deleted(
    store: Store, ann: Identity
) -> None:
    bob = await store.user("bob")
    await store.job(ann)
    lease = await claimed(store)
    await store.jobs.complete(lease, transcript_of(lease.job))
    await store.trash.put_job(lease.job.id, ann)
    await store.job(ann)
    await store.job(bob)
    assert (await claimed(store)).job.owner_id == bob.user.id


async def test_a_clock_that_is_set_back_does_not_change_the_order(store: Store, ann: Identity) -> None:
    first = await store.job(ann)
    store.clock.now -= 5_000
    await store.job(ann)
    assert (await claimed(store)).job.id == first.id


async def test_completing_commits_transcript_and_state_together(store: Store, ann: Identity) -> None:
    await store.job(ann)
    lease = await claimed(store)
    await store.jobs.progress(lease, 0.5, {"position": 6})
    done = await store.jobs.complete(lease, transcript_of(lease.job))
    assert (done.state, done.progress, done.finished_at) == (JobState.DONE, 1.0, store.clock.now)
    assert await store.transcripts.get(done.id, ann) == transcript_of(lease.job)
    assert await store.count("job_checkpoints") == 0


async def test_a_job_is_completed_once(store: Store, ann: Identity) -> None:
    await store.job(ann)
    lease = await claimed(store)
    await store.jobs.complete(lease, transcript_of(lease.job, ["first"]))
    with pytest.raises(LeaseLost):
        await store.jobs.complete(lease, transcript_of(lease.job, ["second"]))
    assert (await store.transcripts.get(lease.job.id, ann)).text == "first"


async def test_an_attempt_that_was_overtaken_can_write_nothing(store: Store, ann: Identity) -> None:
    await store.job(ann)
    stale = await claimed(store)
    store.clock.now += LEASE + 1
    assert await store.jobs.expire_leases() == 1
    fresh = await claimed(store)
    assert fresh.attempt == stale.attempt + 1
    for write in (
        store.jobs.renew(stale),
        store.jobs.progress(stale, 0.9, {"stale": True}),
        store.jobs.complete(stale, transcript_of(stale.job)),
        store.jobs.fail(stale, EngineFailed()),
        store.jobs.release(stale),
    ):
        with pytest.raises(LeaseLost):
            await write
    job = await store.jobs.get(fresh.job.id, ann)
    assert (job.state, job.attempt, job.progress) == (JobState.RUNNING, fresh.attempt, 0.0)
    assert await store.count("job_checkpoints") == 0
    await store.jobs.complete(fresh, transcript_of(fresh.job))


async def test_an_attempt_that_was_released_can_write_nothing_even_when_nobody_else_claimed(
    store: Store, ann: Identity
) -> None:
    await store.job(ann)
    lease = await claimed(store)
    await store.jobs.release(lease)
    with pytest.raises(LeaseLost):
        await store.jobs.complete(lease, transcript_of(lease.job))
    again = await claimed(store)
    with pytest.raises(LeaseLost):
        await store.jobs.complete(lease, transcript_of(lease.job))
    await store.jobs.complete(again, transcript_of(lease.job))


@pytest.mark.parametrize("sign", ["renew", "progress"])
async def test_a_sign_of_life_keeps_the_lease(store: Store, ann: Identity, sign: str) -> None:
    await store.job(ann)
    lease = await claimed(store)
    store.clock.now += LEASE - 1
    await (store.jobs.renew(lease) if sign == "renew" else store.jobs.progress(lease, 0.1))
    store.clock.now += LEASE - 1
    assert await store.jobs.expire_leases() == 0
    store.clock.now += 2
    assert await store.jobs.expire_leases() == 1


async def test_the_next_attempt_goes_on_from_the_checkpoint(store: Store, ann: Identity) -> None:
    await store.job(ann)
    lease = await claimed(store)
    assert lease.checkpoint is None
    await store.jobs.progress(lease, 0.25, {"seek": 3000, "segments": [{"text": "héllo"}]})
    await store.jobs.progress(lease, 0.5, {"seek": 6000, "segments": []})
    await store.jobs.progress(lease, 0.55)
    await store.jobs.fail(lease, EngineFailed())
    again = await claimed(store)
    assert again.checkpoint == {"seek": 6000, "segments": []}
    assert again.job.progress == 0.55


async def test_only_who_sees_a_job_sees_how_far_it_got_and_nothing_once_it_is_over(
    store: Store, ann: Identity
) -> None:
    bob = await store.user("bob")
    job = await store.job(ann)
    assert await store.jobs.checkpoint(job.id, ann) is None
    lease = await claimed(store)
    await store.jobs.progress(lease, 0.25, {"seek": 3000})
    assert await store.jobs.checkpoint(job.id, ann) == {"seek": 3000}
    with pytest.raises(NotFound):
        await store.jobs.checkpoint(job.id, bob)
    await store.jobs.cancel(job.id, ann)
    assert await store.jobs.checkpoint(job.id, ann) is None


async def test_a_checkpoint_over_the_limit_is_refused_and_the_last_one_stays(
    store: Store, ann: Identity
) -> None:
    await store.job(ann)
    lease = await claimed(store)
    await store.jobs.progress(lease, 0.1, {"seek": 1})
    with pytest.raises(ValueError, match="limit"):
        await store.jobs.progress(lease, 0.2, {"text": "x" * MAX_CHECKPOINT_BYTES})
    await store.jobs.release(lease)
    assert (await claimed(store)).checkpoint == {"seek": 1}


async def test_three_failed_attempts_quarantine_a_job(store: Store, ann: Identity) -> None:
    job = await store.job(ann)
    for expected in (JobState.QUEUED, JobState.QUEUED, JobState.QUARANTINED):
        failed = await store.jobs.fail(await claimed(store), EngineFailed())
        assert failed.state is expected
    assert (failed.error, failed.attempt, failed.finished_at) == ("engine_failed", 3, store.clock.now)
    assert await store.jobs.claim(LEASE) is None
    assert await state_of(store, job.id, ann) is JobState.QUARANTINED
    assert await store.count("job_checkpoints") == 0


async def test_crashes_and_expired_leases_count_like_failures(store: Store, ann: Identity) -> None:
    job = await store.job(ann)
    await claimed(store)
    assert await store.jobs.recover() == 1
    await claimed(store)
    store.clock.now += LEASE + 1
    assert await store.jobs.expire_leases() == 1
    lease = await claimed(store)
    await store.jobs.progress(lease, 0.5, {"seek": 1})
    assert await store.jobs.recover() == 1
    found = await store.jobs.get(job.id, ann)
    assert (found.state, found.error) == (JobState.QUARANTINED, "attempt_lost")
    assert await store.count("job_checkpoints") == 0


async def test_clean_stops_are_never_counted_and_keep_the_work(store: Store, ann: Identity) -> None:
    await store.job(ann)
    for number in range(10):
        lease = await claimed(store)
        await store.jobs.progress(lease, 0.5, {"seek": number})
        released = await store.jobs.release(lease)
        assert (released.state, released.progress, released.error) == (JobState.QUEUED, 0.5, None)
    assert (await claimed(store)).checkpoint == {"seek": 9}


@pytest.mark.parametrize("error", [UndecodableAudio(problem="it is noise."), NotAudio()])
async def test_a_recording_that_can_never_work_fails_at_once(
    store: Store, ann: Identity, error: NotAudio
) -> None:
    await store.job(ann)
    failed = await store.jobs.fail(await claimed(store), error)
    assert (failed.state, failed.error, failed.error_detail) == (JobState.FAILED, error.code, error.detail)
    assert await store.jobs.claim(LEASE) is None


async def test_a_want_of_room_is_tried_again(store: Store, ann: Identity) -> None:
    await store.job(ann)
    assert (await store.jobs.fail(await claimed(store), DiskFull())).state is JobState.QUEUED


async def test_an_attempt_that_succeeds_clears_the_error_of_the_last(store: Store, ann: Identity) -> None:
    await store.job(ann)
    await store.jobs.fail(await claimed(store), EngineFailed())
    lease = await claimed(store)
    done = await store.jobs.complete(lease, transcript_of(lease.job))
    assert (done.error, done.error_detail, done.attempt) == (None, None, 2)


async def test_recovering_touches_only_running_jobs(store: Store, ann: Identity) -> None:
    done, cancelled, queued = [await store.job(ann) for _ in range(3)]
    lease = await claimed(store)
    await store.jobs.complete(lease, transcript_of(lease.job))
    await store.jobs.cancel(cancelled.id, ann)
    assert await store.jobs.recover() == 0
    assert [await state_of(store, job.id, ann) for job in (done, cancelled, queued)] == [
        JobState.DONE,
        JobState.CANCELLED,
        JobState.QUEUED,
    ]


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
