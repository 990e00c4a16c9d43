"""What is shared with whom, and what that lets them do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from sharing_people import People, people_of
from stenobox.editing.lines import Line
from stenobox.errors import (
    InvalidRequest,
    NotFound,
    NotYours,
    StenoboxError,
    TooManyShares,
)
from stenobox.events import Subscription
from stenobox.library import Change, Filter
from stenobox.search.finding import Wish
from stenobox.sharing import shares as module
from stenobox.sharing.shares import Thing
from stenobox.types import Event, Identity, Right, Role
from storing import Store, claimed, finished, sent, transcript_of

CORRECTED = [Line(0.0, 0.5, "Hello here.")]


@pytest.fixture
async def people(store: Store) -> People:
    return await people_of(store)


async def test_a_recording_is_seen_by_those_with_whom_it_is_shared_and_by_nobody_else(people: People) -> None:
    assert not await people.sees(people.ben)
    given = await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    assert (given.new, given.token, given.share.user, given.share.owner) == (True, None, "ben", "anna")
    assert await people.sees(people.ben)
    assert not await people.sees(people.carla)


async def test_what_is_taken_back_is_gone(people: People) -> None:
    given = await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    assert await people.sees(people.ben)
    await people.shares.revoke(given.share.id, people.anna)
    assert not await people.sees(people.ben)


async def test_what_is_over_is_gone_and_listed_no_more(people: People) -> None:
    await people.shares.give(people.anna, people.recording, "ben", Right.READ, days=1)
    assert await people.sees(people.ben)
    await people.over()
    assert not await people.sees(people.ben)
    assert (await people.shares.list(people.anna)).shares == ()


async def test_a_tag_shares_what_has_it_now_and_later_and_nothing_else(people: People) -> None:
    other = await finished(people.store, people.anna, pitch=2, texts=["Hello again."])
    await people.tagged("Board")
    await people.shares.give(people.anna, Thing(tag="board"), "ben", Right.READ)
    assert await people.sees(people.ben)
    assert not await people.sees(people.ben, other)
    await people.tagged("board", "more", job=other)
    assert await people.sees(people.ben, other)
    await people.tagged("more")
    assert not await people.sees(people.ben)


async def test_a_shared_tag_stays_while_nothing_has_it(people: People) -> None:
    await people.tagged("Board")
    await people.shares.give(people.anna, Thing(tag="Board"), "ben", Right.READ)
    await people.tagged()
    assert not await people.sees(people.ben)
    await people.tagged("Board")
    assert await people.sees(people.ben)


async def test_the_last_share_of_a_tag_that_nothing_has_takes_it_along(people: People) -> None:
    await people.tagged("Board")
    given = await people.shares.give(people.anna, Thing(tag="Board"), "ben", Right.READ)
    await people.tagged()
    await people.shares.revoke(given.share.id, people.anna)
    assert await people.store.count("tags") == 0


async def test_a_tag_of_the_same_name_of_somebody_else_shares_nothing(people: People) -> None:
    theirs = await finished(people.store, people.carla, pitch=3)
    await people.store.library.change(theirs.recording_id, people.carla, Change(tags=["Board"]))
    await people.tagged("Board")
    await people.shares.give(people.anna, Thing(tag="Board"), "ben", Right.READ)
    assert not await people.sees(people.ben, theirs)


def changing(people: People, who: Identity) -> dict[str, Callable[[], Awaitable[object]]]:
    """Every call that changes something of a recording, its jobs or its transcripts."""
    store, job = people.store, people.job
    return {
        "cancel": lambda: store.jobs.cancel(job.id, who),
        "retry": lambda: store.jobs.retry(job.id, who),
        "priority": lambda: store.jobs.set_priority(job.id, who, 0),
        "title": lambda: store.library.change(job.recording_id, who, Change({"title": "Mine"})),
        "tags": lambda: store.library.change(job.recording_id, who, Change(tags=["mine"])),
        "delete job": lambda: store.trash.put_job(job.id, who),
        "delete recording": lambda: store.trash.put_recording(job.recording_id, who),
        "share on": lambda: people.shares.give(who, people.recording, "carla", Right.READ),
        "link": lambda: people.shares.give_link(who, people.recording),
        "list shares": lambda: people.shares.list(who, people.recording),
        "correct": lambda: store.versions.add(job.id, who, CORRECTED),
        "restore": lambda: store.versions.restore(job.id, 1, who),
        "before a correction": lambda: store.versions.current(job.id, who),
    }


CORRECTING = {"correct", "restore", "before a correction"}


@pytest.mark.parametrize("right", [Right.READ, Right.EDIT])
async def test_whoever_may_read_changes_nothing_and_whoever_may_correct_only_the_text(
    people: People, right: Right
) -> None:
    await people.shares.give(people.anna, people.recording, "ben", right)
    refused = set()
    for name, call in changing(people, people.ben).items():
        try:
            await call()
        except NotYours:
            refused.add(name)
    assert refused == changing(people, people.ben).keys() - (CORRECTING if right is Right.EDIT else set())


async def test_whoever_sees_nothing_is_told_that_there_is_nothing(people: People) -> None:
    for call in changing(people, people.ben).values():
        with pytest.raises(NotFound):
            await call()


async def test_deleting_several_tells_which_of_them_are_anothers(people: People) -> None:
    await people.shares.give(people.anna, people.recording, "ben", Right.EDIT)
    own = await finished(people.store, people.ben, pitch=2)
    deleted, problems = await people.store.trash.put_jobs([people.job.id, own.id], people.ben)
    assert deleted == [own.id]
    assert isinstance(problems[people.job.id], NotYours)


async def test_a_correction_tells_who_made_it(people: People) -> None:
    await people.shares.give(people.anna, people.recording, "ben", Right.EDIT)
    await people.store.versions.add(people.job.id, people.ben, CORRECTED)
    versions = await people.store.versions.list(people.job.id, people.anna)
    assert [version.author for version in versions] == [None, "ben"]


async def test_sharing_again_changes_the_rights_and_the_end(people: People) -> None:
    first = await people.shares.give(people.anna, people.recording, "ben", Right.EDIT, days=3)
    again = await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    assert (again.new, again.share.id, again.share.expires_at) == (False, first.share.id, None)
    assert (await people.store.jobs.get(people.job.id, people.ben)).right is Right.READ


async def test_of_two_shares_the_larger_right_counts(people: People) -> None:
    await people.tagged("Board")
    await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    await people.shares.give(people.anna, Thing(tag="Board"), "ben", Right.EDIT)
    assert (await people.store.jobs.get(people.job.id, people.ben)).right is Right.EDIT
    assert [job.right for job in (await people.store.jobs.list(people.ben, shared=True)).jobs] == [Right.EDIT]


async def test_the_trash_is_shared_with_nobody(people: People) -> None:
    await people.shares.give(people.anna, people.recording, "ben", Right.EDIT)
    await people.store.trash.put_job(people.job.id, people.anna)
    assert not await people.sees(people.ben)
    for call in (
        people.store.trash.restore_job(people.job.id, people.ben),
        people.store.trash.erase_job(people.job.id, people.ben),
        people.store.trash.restore_recording(people.job.recording_id, people.ben),
        people.store.trash.erase_recording(people.job.recording_id, people.ben),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await people.store.jobs.list(people.ben, trashed=True)).jobs == ()
    with pytest.raises(InvalidRequest):
        await people.store.jobs.list(people.ben, trashed=True, shared=True)
    with pytest.raises(InvalidRequest):
        await people.store.library.list(people.ben, Filter(trashed=True, shared=True))
    await people.store.trash.restore_job(people.job.id, people.anna)
    assert await people.sees(people.ben)


async def test_own_lists_hold_nothing_of_others(people: People) -> None:
    await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    assert (await people.store.jobs.list(people.ben)).jobs == ()
    assert (await people.store.library.list(people.ben, Filter())).entries == ()
    assert [job.id for job in (await people.store.jobs.list(people.anna)).jobs] == [people.job.id]
    assert (await people.store.jobs.list(people.anna, shared=True)).jobs == ()


async def test_search_narrowed_by_a_tag_finds_what_is_shared(people: People) -> None:
    await people.tagged("Board")
    await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    assert [
        hit.owner for hit in (await people.store.finder.find(people.ben, Wish("hello", tag="board"))).hits
    ] == ["anna"]
    assert (await people.store.finder.find(people.ben, Wish("hello", tag="other"))).hits == ()
    assert (await people.store.finder.find(people.carla, Wish("hello", tag="board"))).hits == ()


async def test_a_transcript_made_after_sharing_is_found_too(people: People) -> None:
    job = await sent(people.store, people.anna, pitch=7)
    await people.shares.give(people.anna, Thing(job.recording_id), "ben", Right.READ)
    lease = await claimed(people.store)
    await people.store.jobs.complete(lease, transcript_of(lease.job, ["Hello later."]))
    assert await people.sees(people.ben, job)


def heard(subscription: Subscription) -> list[tuple[str, object]]:
    return [(event.kind, event.data.get("job_id")) for event in subscription._events]


async def test_events_reach_those_with_whom_it_is_shared(people: People) -> None:
    job = await sent(people.store, people.anna, pitch=7)
    with (
        people.store.events.subscribe(people.ben) as ben,
        people.store.events.subscribe(people.carla) as carla,
    ):
        await people.shares.give(people.anna, Thing(job.recording_id), "ben", Right.READ)
        assert heard(ben) == [("reload", None)]
        lease = await claimed(people.store)
        readers = await people.store.jobs.progress(lease, 0.5)
        assert readers == {people.ben.user.id: Right.READ}
        event: Event = ben._events[-1]
        assert (event.kind, event.right_of(people.ben), event.right_of(people.anna)) == (
            "job",
            Right.READ,
            Right.OWN,
        )
        assert heard(carla) == []


async def test_a_tag_that_comes_or_goes_has_pages_read_again(people: People) -> None:
    await people.tagged("Board")
    await people.shares.give(people.anna, Thing(tag="Board"), "ben", Right.READ)
    with people.store.events.subscribe(people.ben) as ben:
        await people.tagged()
        assert heard(ben) == [("reload", None)]
        await people.tagged("Board")
        assert heard(ben)[0] == ("reload", None)


async def test_what_is_deleted_is_told_to_those_who_saw_it(people: People) -> None:
    await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    with people.store.events.subscribe(people.ben) as ben:
        await people.store.trash.put_job(people.job.id, people.anna)
        assert heard(ben) == [("deleted", people.job.id)]


async def test_an_account_leaves_what_is_shared_with_it_and_no_other_takes_it_back(people: People) -> None:
    given = await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    with pytest.raises(NotFound):
        await people.shares.revoke(given.share.id, people.carla)
    await people.shares.revoke(given.share.id, people.ben)
    assert not await people.sees(people.ben)
    with pytest.raises(NotFound):
        await people.shares.revoke(given.share.id, people.anna)


async def test_an_account_lists_what_it_received(people: People) -> None:
    given = await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    await people.shares.give_link(people.anna, people.recording)
    listed = (await people.shares.list(people.ben, received=True)).shares
    assert [(share.id, share.owner) for share in listed] == [(given.share.id, "anna")]
    for other in (people.anna, people.carla):
        assert (await people.shares.list(other, received=True)).shares == ()
    with pytest.raises(InvalidRequest):
        await people.shares.list(people.ben, people.recording, received=True)


async def test_administrators_see_all_shares_and_share_for_others(people: People) -> None:
    boss = await people.store.user("boss", Role.ADMIN)
    given = await people.shares.give(boss, people.recording, "ben", Right.READ)
    assert given.share.owner == "anna"
    assert [share.id for share in (await people.shares.list(boss)).shares] == [given.share.id]
    assert [share.id for share in (await people.shares.list(people.anna)).shares] == [given.share.id]
    assert (await people.shares.list(people.ben)).shares == ()
    with pytest.raises(InvalidRequest):
        await people.shares.give(boss, people.recording, "anna", Right.READ)


async def test_shares_are_listed_in_pages_the_newest_first(people: People) -> None:
    made = [
        (await people.shares.give(people.anna, people.recording, name, Right.READ)).share.id
        for name in ("ben", "carla")
    ]
    first = await people.shares.list(people.anna, people.recording, limit=1)
    assert [share.id for share in first.shares] == [made[1]]
    second = await people.shares.list(people.anna, people.recording, limit=1, cursor=first.next)
    assert ([share.id for share in second.shares], second.next) == ([made[0]], None)


@pytest.mark.parametrize(
    ("thing", "name", "days", "error"),
    [
        (Thing(recording_id="none"), "ben", None, NotFound),
        (Thing(tag="none"), "ben", None, NotFound),
        (Thing(tag=""), "ben", None, InvalidRequest),
        (Thing(), "ben", None, InvalidRequest),
        (Thing("a", "b"), "ben", None, InvalidRequest),
        (None, "nobody", None, NotFound),
        (None, "anna", None, InvalidRequest),
        (None, "ben", 0, InvalidRequest),
        (None, "ben", 366, InvalidRequest),
    ],
)
async def test_what_cannot_be_shared_is_refused(
    people: People, thing: Thing | None, name: str, days: int | None, error: type[StenoboxError]
) -> None:
    with pytest.raises(error):
        await people.shares.give(people.anna, thing or people.recording, name, Right.READ, days)
    assert await people.store.count("shares") == 0


async def test_nobody_shares_without_an_end(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SHARES", 1)
    await people.shares.give(people.anna, people.recording, "ben", Right.READ, days=1)
    with pytest.raises(TooManyShares):
        await people.shares.give_link(people.anna, people.recording)
    await people.over()
    await people.shares.give_link(people.anna, people.recording)


async def test_nothing_is_shared_with_a_disabled_account(people: People) -> None:
    async with people.store.db.write() as tx:
        await tx.execute("UPDATE users SET disabled = 1 WHERE name = 'ben'")
    with pytest.raises(NotFound):
        await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    assert await people.shares.people(people.anna) == ["carla"]


async def test_shares_go_with_the_account_and_with_the_recording(people: People) -> None:
    await people.shares.give(people.anna, people.recording, "ben", Right.READ)
    await people.shares.give_link(people.anna, people.recording)
    async with people.store.db.write() as tx:
        await tx.execute("DELETE FROM users WHERE name = 'ben'")
    assert await people.store.count("shares") == 1
    await people.store.trash.put_job(people.job.id, people.anna)
    await people.store.trash.erase_job(people.job.id, people.anna)
    assert await people.store.count("shares") == 0
