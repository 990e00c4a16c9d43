"""Transcripts come back as they were saved, to those who may read them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stenobox.errors import NotFound, StateConflict
from stenobox.types import Identity, Role
from storing import Store, opened_store, transcript_of


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(store: Store) -> Identity:
    return await store.user("ann")


@pytest.mark.parametrize(
    "texts", [[], ["one"], ["öne", "twö 三", "<&>\n\"';--"], [f"line {n}" for n in range(2_000)]]
)
async def test_a_transcript_comes_back_as_it_was_saved(store: Store, ann: Identity, texts: list[str]) -> None:
    await store.job(ann)
    lease = await store.jobs.claim(60)
    assert lease is not None
    saved = transcript_of(lease.job, texts)
    await store.jobs.complete(lease, saved)
    assert await store.transcripts.get(lease.job.id, ann) == saved


async def test_others_find_nothing_and_admins_find_all(store: Store, ann: Identity) -> None:
    bob, admin = await store.user("bob"), await store.user("root", Role.ADMIN)
    await store.job(ann)
    lease = await store.jobs.claim(60)
    assert lease is not None
    await store.jobs.complete(lease, transcript_of(lease.job))
    assert (await store.transcripts.get(lease.job.id, admin)).job_id == lease.job.id
    with pytest.raises(NotFound):
        await store.transcripts.get(lease.job.id, bob)
    with pytest.raises(NotFound):
        await store.transcripts.get("none", ann)


async def test_a_job_that_is_not_done_has_none_to_read(store: Store, ann: Identity) -> None:
    job = await store.job(ann)
    with pytest.raises(StateConflict) as caught:
        await store.transcripts.get(job.id, ann)
    assert "queued" in caught.value.detail


async def test_the_database_refuses_a_transcript_of_a_job_that_is_not_done(
    store: Store, ann: Identity
) -> None:
    job = await store.job(ann)
    with pytest.raises(sqlite3.IntegrityError, match="done"):
        async with store.db.write() as tx:
            await store.transcripts.save(tx, transcript_of(job))
    assert await store.count("transcripts") == 0


async def test_the_database_refuses_to_take_a_job_back_from_done(store: Store, ann: Identity) -> None:
    await store.job(ann)
    lease = await store.jobs.claim(60)
    assert lease is not None
    await store.jobs.complete(lease, transcript_of(lease.job))
    with pytest.raises(sqlite3.IntegrityError, match="stays done"):
        async with store.db.write() as tx:
            await tx.execute("UPDATE jobs SET state = 'queued'")
