"""Lists of jobs: every combination of filters shows what it says, in order, and goes by an index."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

from stenobox.jobs import queue
from stenobox.jobs.statements import listing
from stenobox.library import Change
from stenobox.sharing.shares import Shares, Thing
from stenobox.sharingsettings import SharingSettings
from stenobox.types import Identity, JobState, Right, Role
from storing import Store, finished, sent


class Filters(NamedTuple):
    own: bool
    state: bool
    tag: bool
    trashed: bool
    shared: bool = False
    many: bool = False


COMBINATIONS = [Filters(*each) for each in itertools.product((False, True), repeat=4)]

# Others' things are in no trash of one's own, and no list is both.
SHARED = [
    Filters(own=False, state=state, tag=tag, trashed=False, shared=True, many=many)
    for state, tag, many in itertools.product((False, True), repeat=3)
]


@pytest.mark.parametrize("wanted", [*COMBINATIONS, *SHARED], ids=str)
async def test_a_list_shows_what_its_filters_say_in_pages(
    store: Store, ann: Identity, wanted: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MANY_SHARED", 0 if wanted.many else 1_000)
    bob, admin = await store.user("bob"), await store.user("root", Role.ADMIN)
    shares = Shares(store.db, store.events, SharingSettings())
    expected: list[str] = []
    for number in range(16):
        owner, done = (ann, bob)[number & 1], bool(number & 2)
        job = await (finished if done else sent)(store, owner, pitch=number + 1)
        if not done:
            job = await store.jobs.cancel(job.id, owner)
        if number & 4:
            await store.library.change(job.recording_id, owner, Change(tags=["Board"]))
        if number % 3 and owner is bob:
            await shares.give(bob, Thing(job.recording_id), "ann", Right.READ)
        if number & 8:
            await store.trash.put_job(job.id, owner)
        fits = (
            not wanted.own or owner is ann,
            not wanted.state or done,
            not wanted.tag or number & 4,
            wanted.trashed == bool(number & 8),
            not wanted.shared or (owner is bob and number % 3),
        )
        if all(fits):
            expected.insert(0, job.id)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.jobs.list(
            ann if wanted.own or wanted.shared else admin,
            JobState.DONE if wanted.state else None,
            1,
            cursor,
            trashed=wanted.trashed,
            shared=wanted.shared,
            tag="board" if wanted.tag else None,
        )
        seen += [job.id for job in page.jobs]
        cursor = page.next
        if cursor is None:
            break
    assert seen == expected != []


@pytest.mark.parametrize("wanted", [*COMBINATIONS, *SHARED], ids=str)
async def test_no_list_looks_at_every_job_of_the_box(store: Store, wanted: Filters) -> None:
    values = {"owner_id": 1, "reader_id": 2, "state": "done", "tag": "x", "before": None, "limit": 2}
    statement = "EXPLAIN QUERY PLAN " + listing(**wanted._asdict())
    async with store.db.read() as reader:
        plan = [str(row["detail"]) for row in await reader.fetch_all(statement, values)]
    among = wanted.many and not wanted.tag
    if any(wanted) and not among:
        # "SCAN ... USING INDEX jobs_in_trash" goes through what is in the trash alone.
        assert not [step for step in plan if step.startswith("SCAN jobs") and "jobs_in_trash" not in step], (
            plan
        )
    else:
        assert not [step for step in plan if "TEMP B-TREE" in step], plan
