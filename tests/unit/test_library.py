"""The library: titles, tags, listings, quotas."""

from __future__ import annotations

import asyncio

import pytest

from stenobox.config import DAY, UploadsSettings
from stenobox.errors import (
    ChangedMeanwhile,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
)
from stenobox.intake.partial import Partials
from stenobox.library import Change, Filter, tags
from stenobox.types import Identity, Job, JobState, Role
from storing import (
    OPTIONS,
    Store,
    WaveInfo,
    finished,
    pieces,
    sent,
    wave_bytes,
)


async def titled(store: Store, owner: Identity, wanted: Filter) -> list[str]:
    return [entry.recording.title for entry in (await store.library.list(owner, wanted)).entries]


# Titles and what else can be changed.


async def test_the_title_is_the_persons_else_the_files_else_its_name(store: Store, ann: Identity) -> None:
    plain = await sent(store, ann, "plain.wav")
    tagged = await sent(store, ann, "b.wav", 2, WaveInfo(1.0, "Board meeting", "2024-05-01"))
    assert (plain.title, tagged.title) == ("plain.wav", "Board meeting")
    assert (await store.library.get(tagged.recording_id, ann)).recording.recorded == "2024-05-01"
    changed = await store.library.change(tagged.recording_id, ann, Change({"title": "  Mine\n too "}))
    assert changed.recording.title == "Mine too"
    assert (await sent(store, ann, "c.wav", 2, WaveInfo(1.0, "Other"))).title == "Mine too"
    back = await store.library.change(tagged.recording_id, ann, Change({"title": None}))
    assert back.recording.title == "Other"


async def test_what_a_change_does_not_name_stays(store: Store, ann: Identity) -> None:
    job = await sent(store, ann)
    await store.library.change(
        job.recording_id, ann, Change({"title": "T", "audio_days": 5, "transcript_days": 0}, ["one"])
    )
    entry = await store.library.change(job.recording_id, ann, Change({"audio_days": None}))
    kept = entry.recording
    assert (kept.title, kept.audio_days, kept.transcript_days, entry.tags) == ("T", None, 0, ("one",))


@pytest.mark.parametrize(
    "change",
    [
        Change({"title": ""}), Change({"title": " \u200b "}), Change({"title": "x" * 201}),
        Change({"audio_days": -1}), Change({"transcript_days": 10**6}),
        Change(tags=[""]), Change(tags=["x" * 51]), Change(tags=[str(n) for n in range(21)]),
    ],
)  # fmt: skip
async def test_a_change_that_cannot_be_is_refused_whole(store: Store, ann: Identity, change: Change) -> None:
    job = await sent(store, ann)
    before = await store.library.get(job.recording_id, ann)
    with pytest.raises(InvalidRequest):
        await store.library.change(job.recording_id, ann, change)
    assert await store.library.get(job.recording_id, ann) == before


async def test_who_saw_an_older_revision_changes_nothing(store: Store, ann: Identity) -> None:
    job = await sent(store, ann)
    seen = (await store.library.get(job.recording_id, ann)).recording.revision
    changed = await store.library.change(job.recording_id, ann, Change({"title": "A"}), revision=seen)
    assert changed.recording.revision > seen
    with pytest.raises(ChangedMeanwhile):
        await store.library.change(job.recording_id, ann, Change({"title": "B"}), revision=seen)
    assert (await store.library.get(job.recording_id, ann)).recording.title == "A"


async def test_others_neither_see_nor_change_nor_delete_and_admins_do(store: Store, ann: Identity) -> None:
    bob, admin = await store.user("bob"), await store.user("root", Role.ADMIN)
    job = await finished(store, ann)
    for ask in (
        store.library.get(job.recording_id, bob),
        store.library.change(job.recording_id, bob, Change({"title": "x"})),
        store.trash.put_recording(job.recording_id, bob),
        store.trash.put_job(job.id, bob),
    ):
        with pytest.raises(NotFound):
            await ask
    assert await titled(store, bob, Filter()) == []
    assert (await store.library.change(job.recording_id, admin, Change(tags=["seen"]))).owner == "ann"
    await store.trash.put_recording(job.recording_id, ann)
    for ask in (
        store.trash.restore_recording(job.recording_id, bob),
        store.trash.restore_job(job.id, bob),
        store.trash.erase_recording(job.recording_id, bob),
        store.trash.erase_job(job.id, bob),
    ):
        with pytest.raises(NotFound):
            await ask
    await store.trash.restore_recording(job.recording_id, admin)


async def test_pages_hear_of_a_new_title(store: Store, ann: Identity) -> None:
    job = await sent(store, ann)
    with store.events.subscribe(ann) as events:
        await store.library.change(job.recording_id, ann, Change({"title": "New"}))
        assert (await anext(events)).data["job"].title == "New"


# Tags.


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ([" a ", "A", "b"], ("a", "b")),
        (["u\u0308ber", "\u00dcBER"], ("\u00fcber",)),
        (["two\t words", "Two  Words"], ("two words",)),
        (["Stra\u00dfe", "STRASSE"], ("Stra\u00dfe",)),
        (["x\u202ey"], ("x y",)),
        ([], ()),
    ],
)
async def test_tags_are_told_apart_as_people_do(
    store: Store, ann: Identity, given: list[str], shown: tuple[str, ...]
) -> None:
    job = await sent(store, ann)
    assert (await store.library.change(job.recording_id, ann, Change(tags=given))).tags == shown


async def test_an_owner_has_one_spelling_of_a_tag_and_other_owners_have_theirs(
    store: Store, ann: Identity
) -> None:
    bob = await store.user("bob")
    jobs = [await sent(store, ann, pitch=1), await sent(store, ann, pitch=2), await sent(store, bob)]
    spelt = [
        (await store.library.change(job.recording_id, owner, Change(tags=[tag]))).tags
        for job, owner, tag in zip(jobs, (ann, ann, bob), ("Board", "BOARD", "board"), strict=True)
    ]
    assert spelt == [("Board",), ("Board",), ("board",)]
    for job in jobs[:2]:
        await store.library.change(job.recording_id, ann, Change(tags=[]))
    assert (await store.library.change(jobs[0].recording_id, ann, Change(tags=["BOARD"]))).tags == ("BOARD",)


async def test_an_intake_attaches_tags_in_the_transaction_of_the_job(store: Store, ann: Identity) -> None:
    async def also(tx: object, job: Job) -> None:
        await tags.attach(tx, job.recording_id, ["From the share", "2024"])  # type: ignore[arg-type]

    intake = store.intake()
    received = await intake.receive(pieces(wave_bytes()), "a.wav")
    job = await intake.accept(ann, received, OPTIONS, 5, also=also)
    assert (await store.library.get(job.recording_id, ann)).tags == ("2024", "From the share")

    async def refused(tx: object, job: Job) -> None:
        await tags.attach(tx, job.recording_id, [""])  # type: ignore[arg-type]

    received = await intake.receive(pieces(wave_bytes(pitch=3)), "b.wav")
    with pytest.raises(InvalidRequest):
        await intake.accept(ann, received, OPTIONS, 5, also=refused)
    assert await store.count("recordings") == await store.count("jobs") == 1


# Listing.


async def test_a_listing_is_filtered_by_title_tag_owner_and_trash(store: Store, ann: Identity) -> None:
    bob, admin = await store.user("bob"), await store.user("root", Role.ADMIN)
    first, second, third = [
        await sent(store, owner, name, pitch)
        for owner, name, pitch in ((ann, "\u00c4rger.wav", 1), (ann, "b%.wav", 2), (bob, "c.wav", 3))
    ]
    await store.library.change(second.recording_id, ann, Change(tags=["Board"]))
    assert await titled(store, ann, Filter()) == ["b%.wav", "\u00c4rger.wav"]
    assert await titled(store, ann, Filter(text="\u00e4RG")) == ["\u00c4rger.wav"]
    assert await titled(store, ann, Filter(text="%")) == ["b%.wav"]
    assert await titled(store, ann, Filter(tag="BOARD")) == ["b%.wav"]
    assert await titled(store, bob, Filter(tag="board")) == []
    assert len(await titled(store, admin, Filter())) == 3
    assert await titled(store, admin, Filter(owner="bob")) == ["c.wav"]
    with pytest.raises(NotFound):
        await store.library.list(admin, Filter(owner="nobody"))
    await store.trash.put_job(first.id, ann)
    assert await titled(store, ann, Filter()) == ["b%.wav"]
    assert await titled(store, ann, Filter(trashed=True)) == ["\u00c4rger.wav"]
    assert third.recording_id


async def test_pages_show_each_recording_once_whatever_comes_and_goes(store: Store, ann: Identity) -> None:
    jobs = [await sent(store, ann, f"{n}.wav", n) for n in range(5)]  # at one and the same moment
    page = await store.library.list(ann, Filter(), limit=2)
    seen = [entry.recording.id for entry in page.entries]
    store.clock.now += 1
    await sent(store, ann, "new.wav", 9)
    gone = seen[0]
    await store.trash.put_recording(gone, ann)
    while page.next is not None:
        page = await store.library.list(ann, Filter(), limit=2, cursor=page.next)
        seen += [entry.recording.id for entry in page.entries]
    assert sorted(seen) == sorted(job.recording_id for job in jobs)


@pytest.mark.parametrize("cursor", ["", "x", "W10", "WzEsMl0", "\u0663", "bnVsbA", "9" * 400])
async def test_a_cursor_that_is_not_ours_is_a_bad_request(store: Store, ann: Identity, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await store.library.list(ann, Filter(), cursor=cursor)


# Quotas.

SIZE = len(wave_bytes())


async def test_distinct_bytes_count_and_the_trash_counts_too(store: Store, ann: Identity) -> None:
    bob = await store.user("bob")
    await store.quotas.set("ann", 2 * SIZE)
    first = await finished(store, ann, 1)
    await sent(store, bob, pitch=5)
    await sent(store, ann, pitch=1)
    assert (await store.quotas.use(ann.user.id)).used == SIZE
    await finished(store, ann, 2)
    await store.jobs.cancel((await store.jobs.list(ann, JobState.QUEUED)).jobs[0].id, ann)
    await store.trash.put_recording(first.recording_id, ann)
    with pytest.raises(QuotaExceeded) as refused:
        await sent(store, ann, pitch=3)
    assert refused.value.fields == {"quota": 2 * SIZE, "free": 0, "size": SIZE}
    assert await store.count("recordings") == 3
    assert not await asyncio.to_thread(store.layout.media_file("0" * 64).exists)
    await store.trash.erase_recording(first.recording_id, ann)
    await sent(store, ann, pitch=3)


async def test_bytes_that_one_has_cost_nothing_more_unless_their_audio_went(
    store: Store, ann: Identity
) -> None:
    await finished(store, ann, 1)
    await store.quotas.set("ann", SIZE)
    await finished(store, ann, 1)
    store.clock.now += 2 * DAY
    await store.retention(audio_days=1).apply()
    assert (await store.quotas.use(ann.user.id)).used == 0
    await finished(store, ann, 2)
    with pytest.raises(QuotaExceeded):
        await sent(store, ann, pitch=1)


async def test_two_uploads_at_once_do_not_share_the_last_free_bytes(store: Store, ann: Identity) -> None:
    await store.quotas.set("ann", SIZE)
    outcomes = await asyncio.gather(*(sent(store, ann, pitch=n) for n in range(4)), return_exceptions=True)
    assert sum(isinstance(outcome, Job) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == 3
    assert len([path for path in store.layout.media.rglob("*") if path.is_file()]) == 1
    assert list(store.layout.incoming.iterdir()) == []


async def test_an_upload_in_pieces_is_refused_when_its_size_is_told(store: Store, ann: Identity) -> None:
    await store.quotas.set("ann", 10)
    partials = Partials(UploadsSettings(reserve_bytes=0), store.layout, store.db, store.intake(), store.clock)
    for road in ("chunked", "tus"):
        with pytest.raises(QuotaExceeded):
            await partials.begin(ann, road, filename="a", size=11)
    unknown = await partials.begin(ann, "tus", filename="a", size=None)
    with pytest.raises(QuotaExceeded):
        await partials.declare(unknown, 11)
    assert (await partials.begin(ann, "chunked", filename="a", size=10)).size == 10


async def test_an_accounts_own_limit_goes_before_the_settings(store: Store, ann: Identity) -> None:
    from stenobox.library import Quotas

    quotas = Quotas(store.db, 100)
    assert (await quotas.use(ann.user.id)).limit == 100
    for own, limit in ((0, None), (7, 7), (None, 100)):
        await quotas.set("ANN", own)
        use = await quotas.use(ann.user.id)
        assert (use.own, use.limit) == (own, limit)
        assert (await quotas.of_all())[ann.user.id] == use
    with pytest.raises(NotFound):
        await quotas.set("nobody", 1)


# What the database itself keeps.


async def test_the_database_refuses_to_forget_that_a_job_needs_its_audio(store: Store, ann: Identity) -> None:
    import sqlite3

    job = await sent(store, ann)
    for statement in (
        "UPDATE recordings SET audio_removed_at = 1 WHERE id = (SELECT recording_id FROM jobs WHERE id = ?)",
        "UPDATE jobs SET trashed_at = 1 WHERE id = ?",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            async with store.db.write() as tx:
                await tx.execute(statement, (job.id,))
