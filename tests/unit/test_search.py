"""The search finds what is there, at the second where it is said, for those who may see it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stenobox.config import DAY
from stenobox.editing.lines import Line
from stenobox.errors import BadQuery, NotFound
from stenobox.library import Change
from stenobox.search import upkeep
from stenobox.search.finding import Hit, Wish
from stenobox.search.passages import Part
from stenobox.search.query import MAX_TERMS, read
from stenobox.types import Identity, Job, Role
from storing import Store, claimed, finished, sent, transcript_of

MINUTES = ("Welcome to the board meeting.", "The black computer is on the table.", "Goodbye, Zoë.")


async def found(store: Store, who: Identity, text: str, **wish: Any) -> list[str]:
    return [hit.job_id for hit in (await store.finder.find(who, Wish(text, **wish))).hits]


def shown(hit: Hit) -> list[str]:
    """The passages, with what was looked for in brackets."""
    return [bracketed(place.passage.parts) for place in hit.places]


def bracketed(parts: Iterable[Part]) -> str:
    return "".join(f"[{part.text}]" if part.hit else part.text for part in parts)


async def in_step(store: Store) -> None:
    """The index says what its source says: FTS5 compares the two itself."""
    async with store.db.write() as tx:
        await tx.execute("INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 1)")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("board", True),
        ("BOARD Meeting", True),
        ("board table", True),
        ("board chair", False),
        ('"board meeting"', True),
        ('"meeting board"', False),
        ('"welcome to the board"', True),
        ('"meeting the black"', True),  # from one line into the next
        ("comp*", True),
        ("comput", False),
        ('comp* "the table"', True),
        ("board -computer", False),
        ("board -chair", True),
        ('board -"the chair"', True),
        ("zoe", True),
        ("ZOË", True),
        ("zoe\u0308", True),
        ("\u201cboard meeting\u201d", True),
        ("board-meeting", True),
        ("AND OR NOT board", False),
        ("board ^ ) : ( + {", True),
        ("title:board", False),
        ("notes", True),  # of the title
    ],
)
async def test_what_was_typed_finds_what_it_says(store: Store, ann: Identity, text: str, fits: bool) -> None:
    job = await finished(store, ann, texts=MINUTES, name="notes.wav")
    assert await found(store, ann, text) == ([job.id] if fits else [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs a word"),
        (" \t - ", "needs a word"),
        ("...", "needs a word"),
        ("-board", "beside those"),
        ('"board meeting', "is open"),
        ('board "', "is open"),
        ("bo*", "at least 3 letters"),
        ("*", "needs a word"),
        ('"board"*', "after a word"),
        ("a" * 301, "at most 300 characters"),
        (" ".join(f"w{n}" for n in range(MAX_TERMS + 1)), f"at most {MAX_TERMS} words"),
        ("\ue0001", ""),
    ],
)
async def test_a_search_that_cannot_be_read_says_why(
    store: Store, ann: Identity, text: str, says: str
) -> None:
    if not says:
        assert read(text).match == '("1")'
        return
    with pytest.raises(BadQuery, match=says):
        await store.finder.find(ann, Wish(text))


@given(st.text(alphabet=st.sampled_from("ab ß東\"*-():^{}'+\x00\ue000\u0301.,"), max_size=40))
def test_whatever_is_typed_becomes_strings_and_operators_of_ours(text: str) -> None:
    try:
        match = read(text).match
    except BadQuery:
        return
    outside = "".join(match.split('"')[::2])
    assert set(outside.replace("AND", "").replace("NOT", "").replace("OR", "")) <= set(" ()*")
    assert "\ue000" not in match


@given(st.text(max_size=60))
def test_no_text_that_is_typed_breaks_the_search(text: str) -> None:
    """OWASP ASVS 5.3.4: FTS5 itself takes whatever was read."""
    try:
        match = read(text).match
    except BadQuery:
        return
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIRTUAL TABLE texts USING fts5 (body)")
        assert database.execute("SELECT * FROM texts WHERE texts MATCH ?", (match,)).fetchall() == []


async def test_a_hit_shows_its_lines_with_their_seconds(store: Store, ann: Identity) -> None:
    job = await finished(store, ann, texts=[*MINUTES, "The computer again: a computer."], name="pc.wav")
    page = await store.finder.find(ann, Wish("computer"))
    hit = page.hits[0]
    assert (page.total, page.complete, page.next) == (1, True, None)
    assert shown(hit) == ["The black [computer] is on the table.", "The [computer] again: a [computer]."]
    assert [(place.start, place.end) for place in hit.places] == [(1.0, 1.5), (3.0, 3.5)]
    assert (hit.job_id, hit.recording_id, hit.lines) == (job.id, job.recording_id, 2)
    assert (hit.owner, hit.language, hit.duration, hit.version) == ("ann", "en", 12.5, 1)


async def test_a_title_and_a_tag_show_what_was_looked_for(store: Store, ann: Identity) -> None:
    job = await finished(store, ann, texts=MINUTES)
    change = Change({"title": "The board in May"}, ["Board 2026", "Käse"])
    await store.library.change(job.recording_id, ann, change)
    hit = (await store.finder.find(ann, Wish("board"))).hits[0]
    assert bracketed(hit.title) == "The [board] in May"
    assert hit.tags == (Part("Board 2026", True), Part("Käse", False))
    assert await found(store, ann, "kase may computer") == [job.id]


async def test_a_title_counts_more_than_the_text(store: Store, ann: Identity) -> None:
    other = await finished(store, ann, 1, ["The board, the board and the board."])
    titled = await finished(store, ann, 2, ["Nothing of it."])
    await store.library.change(titled.recording_id, ann, Change({"title": "Board"}))
    for pitch in (3, 4, 5):
        await finished(store, ann, pitch, ["Something else."])
    assert await found(store, ann, "board") == [titled.id, other.id]


async def test_the_current_version_is_found_and_no_other(store: Store, ann: Identity) -> None:
    job = await finished(store, ann, texts=MINUTES)
    lines = [Line(0.0, 1.0, "Welcome, bored people."), Line(4.0, 5.0, "The yellow chair.", 1)]
    await store.versions.add(job.id, ann, lines)
    assert await found(store, ann, "computer") == []
    hit = (await store.finder.find(ann, Wish("chair"))).hits[0]
    assert (shown(hit), hit.version) == (["The yellow [chair]."], 2)
    assert (hit.places[0].start, hit.places[0].end, hit.places[0].channel) == (4.0, 5.0, 1)
    await store.versions.restore(job.id, 1, ann)
    assert await found(store, ann, "chair") == []
    assert await found(store, ann, "computer") == [job.id]
    await in_step(store)


async def test_lines_with_line_breaks_in_them_keep_their_seconds(store: Store, ann: Identity) -> None:
    await finished(store, ann, texts=["one\ntwo\n", "", "three"])
    hit = (await store.finder.find(ann, Wish("three"))).hits[0]
    assert hit.places[0].start == 2.0


@pytest.mark.parametrize(
    ("heard", "sought", "shown_as"),
    [
        ("今日の会議は十時に始まります。", "会議", "今日の[会議]は十時に始まります。"),
        ("今日の会議は十時に始まります。", '"会議は" 十時', "今日の[会議は][十時]に始まります。"),
        ("我们明天开会讨论。", "开会", "我们明天[开会]讨论。"),
        ("ประชุมวันจันทร์", "วันจันทร์", "ประชุม[วันจันทร์]"),
        ("The 会議 room", "会議 room", "The [会議] [room]"),
        ("アイスクリーム", "クリ*", "アイス[クリ]ーム"),
    ],
)
async def test_words_are_found_where_no_blanks_are_between_them(
    store: Store, ann: Identity, heard: str, sought: str, shown_as: str
) -> None:
    job = await finished(store, ann, texts=["one", heard])
    hit = (await store.finder.find(ann, Wish(sought))).hits[0]
    assert (hit.job_id, hit.places[0].start) == (job.id, 1.0)
    assert shown(hit)[0].replace("][", "") == shown_as.replace("][", "")
    assert await found(store, ann, f"room -{sought.split(maxsplit=1)[0]}") == []
    await store.trash.put_job(job.id, ann)
    await store.trash.restore_job(job.id, ann)
    assert await found(store, ann, sought) == [job.id]
    await store.versions.add(job.id, ann, [Line(2.0, 3.0, f"Corrected: {heard}")])
    assert (await store.finder.find(ann, Wish(sought))).hits[0].places[0].start == 2.0
    await store.versions.add(job.id, ann, [Line(2.0, 3.0, "In Latin letters")])
    assert await found(store, ann, sought) == []
    assert await found(store, ann, "latin") == [job.id]
    await store.library.change(job.recording_id, ann, Change({"title": "会議の記録"}))
    assert await found(store, ann, "会議*") == [job.id]
    await store.trash.put_job(job.id, ann)
    await store.trash.erase_job(job.id, ann)
    assert await store.count("search_bodies") == 0
    await in_step(store)


async def test_only_what_one_may_see_is_found(store: Store, ann: Identity) -> None:
    """OWASP ASVS 4.2.1."""
    bob, admin = await store.user("bob"), await store.user("root", Role.ADMIN)
    viewer = await store.user("vic", Role.VIEWER)
    hers, his = await finished(store, ann, 1, MINUTES), await finished(store, bob, 2, MINUTES)
    assert await found(store, ann, "computer") == [hers.id]
    assert await found(store, bob, "computer") == [his.id]
    assert await found(store, viewer, "computer") == []
    assert set(await found(store, admin, "computer")) == {hers.id, his.id}
    assert await found(store, admin, "computer", owner="bob") == [his.id]
    assert await found(store, ann, "computer", owner="bob") == [hers.id]
    with pytest.raises(NotFound):
        await found(store, admin, "computer", owner="nobody")


async def test_nobody_writes_themselves_into_the_hits_of_others(store: Store, ann: Identity) -> None:
    """OWASP ASVS 5.3.4: what the index knows an owner by, written as a title and as text."""
    bob = await store.user("bob")
    job = await finished(store, bob, texts=[f"board \ue000{ann.user.id}"])
    await store.library.change(job.recording_id, bob, Change({"title": f"board \ue000{ann.user.id}"}))
    await store.versions.add(job.id, bob, [Line(0.0, 1.0, f"board \ue000{ann.user.id} again")])
    assert await found(store, bob, "board") == [job.id]
    assert await found(store, ann, "board") == []
    assert await found(store, ann, f"\ue000{bob.user.id} board") == []


async def test_what_is_found_is_narrowed(store: Store, ann: Identity) -> None:
    admin = await store.user("root", Role.ADMIN)
    first = await finished(store, ann, 1, MINUTES)
    await sent(store, ann, pitch=2)
    lease = await claimed(store)
    german = dataclasses.replace(transcript_of(lease.job, MINUTES), language="de")
    second = await store.jobs.complete(lease, german)
    await store.library.change(second.recording_id, ann, Change(tags=["Käse & Co"]))
    assert await found(store, ann, "board", language="de") == [second.id]
    assert await found(store, ann, "board", language="fr") == []
    for who in (ann, admin):
        assert await found(store, who, "board", tag="käse & co") == [second.id]
        assert await found(store, who, "board", tag="none") == []
    assert await found(store, ann, "board", until=second.created_at) == [first.id]
    assert await found(store, ann, "board", since=second.created_at) == [second.id]
    assert await found(store, ann, "board", since=second.created_at + 1) == []
    assert await found(store, ann, "board", tag="käse & co", language="en") == []


async def test_the_index_and_its_source_go_together(store: Store, ann: Identity) -> None:
    kept = await finished(store, ann, 9, ["The board stays."])

    async def gone(job: Job) -> None:
        assert await found(store, ann, "board") == [kept.id]
        await in_step(store)

    job = await finished(store, ann, 1, MINUTES)
    await store.trash.put_job(job.id, ann)
    await gone(job)
    await store.trash.restore_job(job.id, ann)
    assert set(await found(store, ann, "board")) == {kept.id, job.id}
    await store.versions.add(job.id, ann, [Line(0.0, 1.0, "The board, corrected.")])
    await store.trash.put_recording(job.recording_id, ann)
    await gone(job)
    await store.trash.restore_recording(job.recording_id, ann)
    assert set(await found(store, ann, "corrected")) == {job.id}
    await store.trash.put_recording(job.recording_id, ann)
    await store.trash.erase_recording(job.recording_id, ann)
    await gone(job)
    job = await finished(store, ann, 2, MINUTES)
    await store.versions.add(job.id, ann, [Line(0.0, 1.0, "The board.")])
    await store.library.change(kept.recording_id, ann, Change({"transcript_days": 0}))
    store.clock.now += 3 * 86_400
    await store.retention(transcript_days=2).apply()
    await gone(job)
    bob = await store.user("bob")
    await finished(store, bob, 3, MINUTES)
    async with store.db.write() as tx:
        await tx.execute("DELETE FROM users WHERE id = ?", (bob.user.id,))
    await gone(job)
    for table in ("search_docs", "transcripts"):
        assert await store.count(table) == 1


async def test_the_words_of_what_was_erased_leave_the_disk(
    store: Store, ann: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OWASP ASVS 8.3.1 and 8.3.8: what is deleted is not left in the index."""
    monkeypatch.setattr(upkeep, "PAGES", 4)
    kept = [await finished(store, ann, pitch, [f"board {pitch} " * 400]) for pitch in range(1, 40)]
    job = await finished(store, ann, 50, ["qxylophone and the board"])
    kept += [await finished(store, ann, pitch, [f"board {pitch} " * 400]) for pitch in range(60, 80)]
    assert b"qxylophone" in await on_disk(store)
    await store.trash.put_job(job.id, ann)
    store.clock.now += DAY
    keeper = upkeep.Upkeep(store.db, store.clock)
    assert await keeper.apply() == 0  # the trash may come back
    await store.trash.erase_job(job.id, ann)
    assert b"qxylophone" in await on_disk(store)
    assert await keeper.apply() > 1
    assert b"qxylophone" not in await on_disk(store)
    assert await store.finder.find(ann, Wish("board"), 50) != []
    await in_step(store)
    assert await keeper.apply() == 0
    await store.trash.put_job(kept[0].id, ann)
    await store.trash.erase_job(kept[0].id, ann)
    assert await keeper.apply() == 0  # not twice a day
    store.clock.now += DAY
    assert await keeper.apply() > 0


async def on_disk(store: Store) -> bytes:
    """The database file, with all that was committed."""
    async with store.db._write_lock:
        await store.db._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
    return await asyncio.to_thread(store.layout.database.read_bytes)


async def test_a_transcript_is_found_once_it_is_there_and_not_before(store: Store, ann: Identity) -> None:
    job = await sent(store, ann)
    lease = await claimed(store)
    assert await found(store, ann, "hello") == []
    async with store.db.read() as reader:
        assert await reader.fetch_all("SELECT * FROM search_docs") == []
        await store.jobs.complete(lease, transcript_of(lease.job))
        assert await reader.fetch_all("SELECT * FROM search_docs") == []
    assert await found(store, ann, "hello") == [job.id]


async def test_a_library_that_was_filled_before_there_was_a_search_is_found(
    store: Store, ann: Identity
) -> None:
    from stenobox.db.steps.m0008_texts import FILL

    job = await finished(store, ann, texts=MINUTES)
    trashed = await finished(store, ann, 2, MINUTES)
    await store.trash.put_job(trashed.id, ann)
    async with store.db.write() as tx:
        await tx.execute("DELETE FROM search_docs")
        await tx.execute(FILL)
    assert await found(store, ann, "board") == [job.id]
    await in_step(store)
