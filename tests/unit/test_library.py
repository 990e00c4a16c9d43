"""The library: titles, tags, the trash, retention, quotas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stenobox.config import DAY, UploadsSettings
from stenobox.errors import (
    AudioRemoved,
    ChangedMeanwhile,
    InvalidRequest,
    NotFound,
    QuotaExceeded,
    StateConflict,
)
from stenobox.hotfolder.complete import Look
from stenobox.hotfolder.drops import Drops
from stenobox.intake.partial import Partials
from stenobox.library import Change, Filter, tags
from stenobox.types import Identity, Job, JobState, Lease, Role
from storing import OPTIONS, Store, WaveInfo, opened_store, pieces, transcript_of, wave_bytes


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(store: Store) -> Identity:
    return await store.user("ann")


async def sent(
    store: Store, owner: Identity, name: str = "a.wav", pitch: int = 1, info: WaveInfo | None = None
) -> Job:
    intake = store.intake()
    if info is not None:

        async def probe(_path: Path) -> WaveInfo:
            return info

        intake._probe = probe
    store.clock.now += 1  # in a listing, one comes after the other
    received = await intake.receive(pieces(wave_bytes(pitch=pitch)), name)
    return await intake.accept(owner, received, OPTIONS, 5)


async def finished(store: Store, owner: Identity, pitch: int = 1) -> Job:
    await sent(store, owner, pitch=pitch)
    return await store.jobs.complete(lease := await claimed(store), transcript_of(lease.job))


async def claimed(store: Store) -> Lease:
    lease = await store.jobs.claim(60.0)
    assert lease is not None
    return lease


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
    await drops.joined(("a.wav",), Look(1, 2, 3), sha256="a" * 64, wishes="{}", job_id=job.id)
    assert await drops.same("a" * 64, "{}") == job.id
    await store.trash.put_job(job.id, ann)
    assert await drops.same("a" * 64, "{}") is None
    await store.trash.restore_job(job.id, ann)
    assert await drops.same("a" * 64, "{}") == job.id


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
