"""The queue: who comes next, who may write, and what becomes of attempts that fail."""

from __future__ import annotations

import asyncio

import pytest

from stenobox.errors import (
    DiskFull,
    EngineFailed,
    LeaseLost,
    NotAudio,
    NotFound,
    UndecodableAudio,
)
from stenobox.jobs.queue import MAX_CHECKPOINT_BYTES
from stenobox.types import Identity, JobState, Priority
from storing import LEASE, OPTIONS, Store, claimed, state_of, transcript_of


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
