"""Corrections of transcripts: nothing that was saved is lost, nobody overwrites what they have not seen."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stenobox.editing import lines as editing_lines
from stenobox.editing import versions as editing_versions
from stenobox.editing.difference import MAX_WORK, Difference, compare
from stenobox.editing.lines import MAX_LINE_CHARACTERS, Line
from stenobox.errors import ChangedMeanwhile, InvalidRequest, NotFound, StateConflict, TooManyVersions
from stenobox.hotfolder.complete import look_at
from stenobox.hotfolder.drops import Drops
from stenobox.hotfolder.finishing import Finisher
from stenobox.inboxes import InboxSettings
from stenobox.types import Identity, Role, Segment
from storing import Store, finished, sent, transcript_of

HEARD = ("Good morning.", "The bored met on Monday.", "Goodbye.")


def line(number: int, text: str) -> Line:
    return Line(float(number), number + 0.5, text)


CORRECTED = [line(0, "Good morning."), line(1, "The board met on Monday."), line(2, "Goodbye.")]


async def test_a_correction_becomes_the_current_version_and_what_the_model_heard_stays(
    store: Store, ann: Identity
) -> None:
    job = await finished(store, ann, texts=HEARD)
    made = await store.versions.add(job.id, ann, CORRECTED)
    assert made == await store.transcripts.get(job.id, ann)
    assert (made.version, made.text) == (2, "Good morning. The board met on Monday. Goodbye.")
    assert [segment.text for segment in made.segments] == [each.text for each in CORRECTED]
    assert await store.transcripts.get(job.id, ann, version=1) == transcript_of(job, HEARD)
    listed = await store.versions.list(job.id, ann)
    assert [(each.number, each.author, each.created_at) for each in listed] == [
        (1, None, 5.0),
        (2, "ann", store.clock.now),
    ]


async def test_a_line_that_was_not_touched_keeps_what_the_model_said_of_it(
    store: Store, ann: Identity
) -> None:
    job = await finished(store, ann, texts=HEARD)
    heard = (await store.transcripts.get(job.id, ann)).segments
    made = (await store.versions.add(job.id, ann, CORRECTED)).segments
    assert (made[0], made[2]) == (heard[0], heard[2])
    assert (made[1].avg_logprob, made[1].no_speech_prob, made[1].compression_ratio) == (0.0, 0.0, 0.0)


async def test_going_back_makes_a_version_of_its_own_and_loses_none(store: Store, ann: Identity) -> None:
    job = await finished(store, ann, texts=HEARD)
    await store.versions.add(job.id, ann, CORRECTED)
    await store.versions.add(job.id, ann, CORRECTED[:1])
    back = await store.versions.restore(job.id, 2, ann)
    assert (back.version, back.text) == (4, "Good morning. The board met on Monday. Goodbye.")
    first = await store.versions.restore(job.id, 1, ann)
    assert first.segments == (await store.transcripts.get(job.id, ann, version=1)).segments
    listed = await store.versions.list(job.id, ann)
    assert [(each.number, each.restored_from) for each in listed] == [
        (1, None), (2, None), (3, None), (4, 2), (5, 1),
    ]  # fmt: skip


async def test_lines_that_say_what_is_there_already_make_no_version(store: Store, ann: Identity) -> None:
    job = await finished(store, ann, texts=HEARD)
    assert (
        await store.versions.add(job.id, ann, [line(n, text) for n, text in enumerate(HEARD)])
    ).version == 1
    assert (await store.versions.restore(job.id, 1, ann)).version == 1
    assert len(await store.versions.list(job.id, ann)) == 1


async def test_a_version_may_have_no_lines(store: Store, ann: Identity) -> None:
    job = await finished(store, ann, texts=HEARD)
    emptied = await store.versions.add(job.id, ann, [])
    assert (emptied.segments, emptied.text, emptied.version) == ((), "", 2)
    assert (await store.versions.restore(job.id, 1, ann)).version == 3


async def test_who_was_not_quickest_is_told_and_overwrites_nothing(store: Store, ann: Identity) -> None:
    job, admin = await finished(store, ann, texts=HEARD), await store.user("root", Role.ADMIN)
    await store.versions.add(job.id, admin, CORRECTED, expected=1)
    for attempt in (
        store.versions.add(job.id, ann, CORRECTED[:1], expected=1),
        store.versions.restore(job.id, 1, ann, expected=1),
    ):
        with pytest.raises(ChangedMeanwhile):
            await attempt
    assert (await store.transcripts.get(job.id, ann)).text.startswith("Good morning. The board")
    assert (await store.versions.list(job.id, ann))[-1].author == "root"


@pytest.mark.parametrize("act", ["add", "restore"])
async def test_who_was_quicker_between_the_check_and_the_reading_is_not_overwritten(
    store: Store, ann: Identity, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    job = await finished(store, ann, texts=HEARD)
    check, quicker = store.versions.current, [line(0, "Quicker.")]

    async def checked(job_id: str, identity: Identity, *, expected: int | None = None) -> int:
        number = await check(job_id, identity, expected=expected)
        if quicker:
            await store.versions.add(job_id, identity, [quicker.pop()])
        return number

    monkeypatch.setattr(store.versions, "current", checked)
    with pytest.raises(ChangedMeanwhile):
        if act == "add":
            await store.versions.add(job.id, ann, [line(0, "Slower.")], expected=1)
        else:
            await store.versions.restore(job.id, 1, ann, expected=1)
    assert len(await store.versions.list(job.id, ann)) == 2


async def test_of_two_at_the_same_moment_one_is_told(store: Store, ann: Identity) -> None:
    job = await finished(store, ann, texts=HEARD)
    outcomes = await asyncio.gather(
        *(store.versions.add(job.id, ann, [line(0, f"number {n}")]) for n in range(8)), return_exceptions=True
    )
    made = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert made
    assert all(isinstance(each, ChangedMeanwhile) for each in outcomes if each not in made)
    assert len(await store.versions.list(job.id, ann)) == 1 + len(made)


async def test_others_find_no_transcript_to_correct_and_admins_find_all(store: Store, ann: Identity) -> None:
    job, bob = await finished(store, ann, texts=HEARD), await store.user("bob")
    admin = await store.user("root", Role.ADMIN)
    for attempt in (
        store.versions.add(job.id, bob, CORRECTED),
        store.versions.restore(job.id, 1, bob),
        store.versions.list(job.id, bob),
        store.versions.get(job.id, 1, bob),
        store.versions.compare(job.id, 1, 1, bob),
        store.versions.get(job.id, 2, ann),
        store.versions.get(job.id, 0, ann),
        store.versions.restore(job.id, 7, ann),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await store.versions.add(job.id, admin, CORRECTED)).version == 2


async def test_a_job_that_is_not_done_has_nothing_to_correct(store: Store, ann: Identity) -> None:
    job = await sent(store, ann)
    with pytest.raises(StateConflict):
        await store.versions.add(job.id, ann, CORRECTED)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([line(1, "a"), line(0, "b")], "Line 2 starts before"),
        ([Line(1.0, 0.5, "a")], "ends before it starts"),
        ([Line(-1.0, 0.5, "a")], "a time that is none"),
        ([Line(0.0, float("inf"), "a")], "a time that is none"),
        ([Line(float("nan"), 1.0, "a")], "a time that is none"),
        ([Line(0.0, 13.1, "a")], "ends after the recording"),
        ([Line(0.0, 1.0, " \t ")], "has no text"),
        ([Line(0.0, 1.0, "a\nb")], "control character"),
        ([Line(0.0, 1.0, "a\x00b")], "control character"),
        ([Line(0.0, 1.0, "a\u2028b")], "control character"),
        ([Line(0.0, 1.0, "a" * (MAX_LINE_CHARACTERS + 1))], "is too long"),
        ([Line(0.0, 1.0, "a", -1)], "a channel that is none"),
    ],
)
async def test_lines_that_cannot_be_are_refused_with_their_number(
    store: Store, ann: Identity, lines: list[Line], says: str
) -> None:
    job = await finished(store, ann, texts=HEARD)
    with pytest.raises(InvalidRequest, match=says):
        await store.versions.add(job.id, ann, lines)
    assert len(await store.versions.list(job.id, ann)) == 1


def test_too_many_lines_and_too_much_text_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing_lines, "MAX_LINES", 2)
    with pytest.raises(InvalidRequest, match="at most 2 lines"):
        editing_lines.checked(CORRECTED, 10)
    monkeypatch.setattr(editing_lines, "MAX_CHARACTERS", 20)
    with pytest.raises(InvalidRequest, match="at most 20 characters"):
        editing_lines.checked(CORRECTED[:2], 10)


async def test_a_transcript_has_a_last_version(
    store: Store, ann: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing_versions, "MAX_VERSIONS", 2)
    job = await finished(store, ann, texts=HEARD)
    await store.versions.add(job.id, ann, CORRECTED)
    with pytest.raises(TooManyVersions):
        await store.versions.add(job.id, ann, CORRECTED[:1])


async def test_pages_hear_of_a_correction_once_it_is_there(store: Store, ann: Identity) -> None:
    job, bob = await finished(store, ann, texts=HEARD), await store.user("bob")
    with store.events.subscribe(ann) as heard, store.events.subscribe(bob) as others:
        await store.versions.add(job.id, ann, CORRECTED)
        event = await anext(heard)
        assert (event.kind, event.data) == (
            "transcript",
            {"job_id": job.id, "version": 2, "author": "ann"},
        )
        others.close()
        assert [event async for event in others] == []


async def test_versions_go_with_their_transcript(store: Store, ann: Identity) -> None:
    job = await finished(store, ann, texts=HEARD)
    await store.versions.add(job.id, ann, CORRECTED)
    await store.trash.put_job(job.id, ann)
    with pytest.raises(NotFound):
        await store.versions.list(job.id, ann)
    await store.trash.restore_job(job.id, ann)
    assert (await store.transcripts.get(job.id, ann)).version == 2
    await store.trash.put_job(job.id, ann)
    await store.trash.erase_job(job.id, ann)
    for table in ("transcripts", "segments", "transcript_versions"):
        assert await store.count(table) == 0


# What changed.


def segments(*texts: str, at: float = 0.0) -> list[Segment]:
    return [Segment(n, at + n, at + n + 0.5, text, 0, 0, 0, 0) for n, text in enumerate(texts)]


def told(difference: Difference) -> list[list[tuple[str, str]]]:
    return [[(part.kind, part.text) for part in change.parts] for change in difference.changes]


def test_a_difference_is_told_word_by_word_in_the_lines_where_it_is() -> None:
    found = compare(segments(*HEARD), segments("Good morning.", "The board met on Monday.", "Goodbye."))
    assert told(found) == [
        [("same", "The "), ("removed", "bored "), ("added", "board "), ("same", "met on Monday.")]
    ]
    assert (found.same, found.changes[0].old[0].id, found.changes[0].new[0].start) == (2, 1, 1.0)


def test_lines_that_came_and_went_are_told_whole() -> None:
    assert told(compare(segments("a", "b"), segments("a"))) == [[("removed", "b")]]
    assert told(compare(segments("a"), segments("a", "b c"))) == [[("added", "b c")]]
    assert told(compare([], [])) == []


def test_a_line_that_only_moved_keeps_its_words() -> None:
    found = compare(segments("a b", at=0.0), segments("a b", at=3.0))
    assert told(found) == [[("same", "a b")]]
    assert (found.same, found.changes[0].new[0].start) == (0, 3.0)


TEXTS = st.lists(st.sampled_from(["a", "b c", "d e f", "b", "yes"]), max_size=8)


@given(TEXTS, TEXTS)
def test_the_parts_hold_both_versions(old: list[str], new: list[str]) -> None:
    before, after = segments(*old), segments(*new)
    found = compare(before, after)
    for change in found.changes:
        for skipped, lines in (("added", change.old), ("removed", change.new)):
            words = " ".join(part.text for part in change.parts if part.kind != skipped).split()
            assert words == " ".join(each.text for each in lines).split()
    assert found.same + sum(len(change.old) for change in found.changes) == len(old)
    assert found.same + sum(len(change.new) for change in found.changes) == len(new)


def test_versions_that_have_nothing_in_common_do_not_cost_without_bound() -> None:
    many = int(MAX_WORK**0.5)
    found = compare(segments("a " * many + "x"), segments("b " * many + "y"))
    assert [part[0] for part in told(found)[0]] == ["removed", "added"]


def test_as_little_as_possible_is_told_as_changed() -> None:
    """Myers's own example."""
    (parts,) = told(compare(segments("a b c a b b a"), segments("c b a b a c")))
    assert sum(len(text.split()) for kind, text in parts if kind != "same") == 5


async def test_a_hot_folder_gets_what_the_model_heard(store: Store, ann: Identity, tmp_path: Path) -> None:
    folder = tmp_path / "office"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"x")
    settings = InboxSettings(name="office", path=folder, owner="ann", original="keep")
    drops, look = Drops(store.db, "office", store.clock), look_at(folder, ("a.wav",))
    assert look is not None
    job = await finished(store, ann, texts=HEARD)
    await store.versions.add(job.id, ann, CORRECTED)
    async with store.db.write() as tx:
        await drops.took(tx, ("a.wav",), look, sha256="a" * 64, wishes="{}", job_id=job.id)
    everybody = await store.user("root", Role.ADMIN)
    (drop,) = await drops.open()
    assert await Finisher(settings, drops, store.jobs, store.transcripts, everybody).finish(drop)
    assert (folder / "a.txt").read_text().splitlines() == list(HEARD)
