"""What a link leads to, and when it ends."""

from __future__ import annotations

import asyncio

import pytest

from sharing_people import People, people_of, works
from stenobox.errors import InvalidRequest, LinksOff, NotFound
from stenobox.sharing.links import Links
from stenobox.sharing.shares import Shares, Thing
from stenobox.sharingsettings import SharingSettings
from stenobox.types import Right, Role, Scope
from storing import Store, finished


@pytest.fixture
async def people(store: Store) -> People:
    return await people_of(store)


async def opens(people: People, token: str | None) -> bool:
    return await works(people.links.open(token or ""))


async def test_a_link_leads_to_its_recording_and_to_nothing_else(people: People) -> None:
    other = await finished(people.store, people.anna, pitch=2)
    given = await people.shares.give_link(people.anna, people.recording)
    assert given.token is not None
    link = await people.links.open(given.token)
    found, more = await people.links.recordings(link)
    assert ([recording.id for recording in found], more) == ([people.job.recording_id], False)
    assert [job.id for job in found[0].jobs] == [people.job.id]
    await people.links.check_job(link, people.job.id)
    assert (await people.links.recording(link, people.job.recording_id)).id == people.job.recording_id
    with pytest.raises(NotFound):
        await people.links.check_job(link, other.id)
    with pytest.raises(NotFound):
        await people.links.recording(link, other.recording_id)


async def test_a_link_to_a_tag_leads_to_what_has_it_at_the_moment(people: People) -> None:
    other = await finished(people.store, people.anna, pitch=2)
    await people.tagged("Board")
    given = await people.shares.give_link(people.anna, Thing(tag="Board"))
    link = await people.links.open(given.token or "")
    assert [each.id for each in (await people.links.recordings(link))[0]] == [people.job.recording_id]
    await people.tagged("Board", job=other)
    await people.tagged()
    assert [each.id for each in (await people.links.recordings(link))[0]] == [other.recording_id]
    with pytest.raises(NotFound):
        await people.links.check_job(link, people.job.id)


async def test_a_link_ends(people: People) -> None:
    given = await people.shares.give_link(people.anna, people.recording, days=1)
    assert await opens(people, given.token)
    await people.over()
    assert not await opens(people, given.token)


async def test_a_link_that_is_taken_back_opens_nothing(people: People) -> None:
    given = await people.shares.give_link(people.anna, people.recording)
    await people.shares.revoke(given.share.id, people.anna)
    assert not await opens(people, given.token)


async def test_a_link_ends_with_its_owners_access_and_with_the_recording(people: People) -> None:
    given = await people.shares.give_link(people.anna, people.recording)
    await people.store.trash.put_job(people.job.id, people.anna)
    assert not await opens(people, given.token)
    await people.store.trash.restore_job(people.job.id, people.anna)
    assert await opens(people, given.token)
    async with people.store.db.write() as tx:
        await tx.execute("UPDATE users SET disabled = 1 WHERE name = 'anna'")
    assert not await opens(people, given.token)


async def test_no_other_token_opens_a_link_and_none_is_kept(people: People) -> None:
    given = await people.shares.give_link(people.anna, people.recording)
    assert given.token is not None
    assert given.token.startswith("stbl_")
    for wrong in ("", "stbl_", given.token[:-1], given.token + "a", given.share.id):
        assert not await opens(people, wrong)
    stored = await asyncio.to_thread((people.store.layout.database).read_bytes)
    assert given.token.encode() not in stored


async def test_whoever_has_a_link_only_reads_as_its_owner(people: People) -> None:
    boss = await people.store.user("boss", Role.ADMIN)
    job = await finished(people.store, boss, pitch=4)
    given = await people.shares.give_link(boss, Thing(job.recording_id))
    identity = (await people.links.open(given.token or "")).as_owner
    assert (identity.is_admin, identity.scopes) == (False, frozenset({Scope.READ}))
    with pytest.raises(NotFound):
        await people.store.jobs.get(people.job.id, identity)


async def test_a_link_tells_when_it_was_opened_last(people: People) -> None:
    given = await people.shares.give_link(people.anna, people.recording)
    assert given.share.used_at is None
    await people.links.open(given.token or "")
    assert (await people.shares.list(people.anna)).shares[0].used_at is not None


@pytest.mark.parametrize("days", [0, 11])
async def test_a_link_lasts_no_longer_than_the_settings_allow(people: People, days: int) -> None:
    shares = Shares(people.store.db, people.store.events, SharingSettings(max_link_days=10), lambda: 0.0)
    with pytest.raises(InvalidRequest):
        await shares.give_link(people.anna, people.recording, days=days)
    assert (await shares.give_link(people.anna, people.recording)).share.expires_at == 10 * 86_400.0


async def test_a_link_only_reads(people: People) -> None:
    with pytest.raises(InvalidRequest):
        await people.shares.give_link(people.anna, people.recording, Right.EDIT)


async def test_links_that_are_switched_off_are_not_made_and_open_nothing(people: People) -> None:
    given = await people.shares.give_link(people.anna, people.recording)
    off = SharingSettings(links=False)
    with pytest.raises(LinksOff):
        await Shares(people.store.db, people.store.events, off).give_link(people.anna, people.recording)
    with pytest.raises(NotFound):
        await Links(people.store.db, people.store.recordings, off).open(given.token or "")
