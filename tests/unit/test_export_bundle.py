"""Many transcripts in one zip: named for people, safe on every computer, made in little memory."""

from __future__ import annotations

import json
import random
import tracemalloc
import unicodedata
import zipfile
from collections.abc import Sequence
from contextlib import aclosing
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stenobox.errors import NotFound, StateConflict
from stenobox.exports import ExportOptions
from stenobox.exports.bundle import PROBLEMS, Bundle, gather
from stenobox.exports.names import Stems, safe_stem
from stenobox.library import Change
from stenobox.types import Identity, Job
from storing import Store, claimed, finished, sent, transcript_of

FORBIDDEN = set('<>:"/\\|?*')


@given(
    st.one_of(
        st.text(max_size=300), st.sampled_from(["CON", "nul.txt", "..", "a/b", "COM¹", " .x. ", "\u202ea"])
    )
)
@example("")
def test_any_title_becomes_a_name_that_windows_takes(title: str) -> None:
    name = safe_stem(title)
    assert not FORBIDDEN & set(name)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in name)
    assert name == name.strip(". ") != ""
    assert len(name) <= 101
    assert len(f"{name} (999).docx".encode()) <= 255
    assert name.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9", "com¹"}


@given(
    st.lists(st.sampled_from(["a", "A", "a (2)", "é", "e\u0301", "É", "CON", "problems", "a."]), max_size=20)
)
def test_no_two_names_are_alike_on_any_computer(titles: list[str]) -> None:
    stems = Stems("problems")
    names = [stems.take(title) for title in titles]
    keys = [unicodedata.normalize("NFC", name.casefold()) for name in ["problems", *names]]
    assert len(set(keys)) == len(keys)


async def zipped(
    store: Store, owner: Identity, bundle: Bundle, formats: Sequence[str] = ("txt",)
) -> zipfile.ZipFile:
    pieces = bundle.pieces(store.transcripts, owner, formats, ExportOptions())
    return zipfile.ZipFile(BytesIO(b"".join([piece async for piece in pieces])))


async def test_files_are_named_after_their_recordings(store: Store) -> None:
    owner = await store.user("anna")
    jobs = [await finished(store, owner, pitch) for pitch in range(3)]
    await store.library.change(jobs[2].recording_id, owner, Change({"title": "Board: 3.5 / B"}))
    file = await zipped(store, owner, await gather(store.jobs, [j.id for j in jobs], owner), ("txt", "srt"))
    assert file.testzip() is None
    assert file.namelist() == [
        "a.txt", "a.srt", "a (2).txt", "a (2).srt", "Board_ 3.5 _ B.txt", "Board_ 3.5 _ B.srt",
    ]  # fmt: skip
    assert file.read("a.txt") == b"Hello there.\n"


async def test_what_is_missing_is_told_in_the_zip(store: Store) -> None:
    anna, bert = await store.user("anna"), await store.user("bert")
    done = await finished(store, anna)
    theirs = await finished(store, bert, 2)
    waits = await sent(store, anna, pitch=3)
    bundle = await gather(store.jobs, [done.id, theirs.id, waits.id, "none", done.id], anna)
    file = await zipped(store, anna, bundle)
    assert file.namelist() == ["a.txt", PROBLEMS]
    told = {one["job"]: one["code"] for one in json.loads(file.read(PROBLEMS))["problems"]}
    assert told == {theirs.id: "not_found", waits.id: "state_conflict", "none": "not_found"}


async def test_what_is_deleted_while_the_zip_is_made_is_told_too(store: Store) -> None:
    owner = await store.user("anna")
    jobs = [await finished(store, owner, pitch) for pitch in range(2)]
    bundle = await gather(store.jobs, [job.id for job in jobs], owner)
    await store.trash.put_job(jobs[1].id, owner)
    file = await zipped(store, owner, bundle)
    assert [one["job"] for one in json.loads(file.read(PROBLEMS))["problems"]] == [jobs[1].id]


async def test_nothing_to_export_is_refused_before_anything_is_sent(store: Store) -> None:
    owner = await store.user("anna")
    waits = await sent(store, owner)
    with pytest.raises(NotFound):
        await gather(store.jobs, ["none"], owner)
    with pytest.raises(StateConflict, match="exported"):
        await gather(store.jobs, [waits.id, "none"], owner)


async def long_one(store: Store, owner: Identity, number: int) -> Job:
    """A transcript of some 300 kB that cannot be made much smaller."""
    await sent(store, owner, f"{number}.wav", number)
    lease = await claimed(store)
    noise = random.Random(number)
    texts = [noise.randbytes(50).hex() for _ in range(3_000)]
    return await store.jobs.complete(lease, transcript_of(lease.job, texts))


async def test_memory_does_not_grow_with_the_number_of_transcripts(store: Store) -> None:
    owner = await store.user("anna")
    ids = [(await long_one(store, owner, number)).id for number in range(16)]
    bundle = await gather(store.jobs, ids, owner)
    peaks = []
    sizes = []
    tracemalloc.start()
    try:
        async with aclosing(bundle.pieces(store.transcripts, owner, ["txt"], ExportOptions())) as pieces:
            async for piece in pieces:
                sizes.append(len(piece))
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
    assert len(sizes) == 17
    assert min(sizes[:-1]) > 100_000
    assert max(peaks[8:]) < 1.2 * max(peaks[:8])


async def test_jobs_go_into_the_trash_together_and_those_that_cannot_are_named(store: Store) -> None:
    anna, bert = await store.user("anna"), await store.user("bert")
    done = await finished(store, anna)
    theirs = await finished(store, bert, 2)
    running = await sent(store, anna, pitch=3)
    await claimed(store)
    waits = await sent(store, anna, pitch=4)
    deleted, problems = await store.trash.put_jobs([done.id, theirs.id, running.id, waits.id, done.id], anna)
    assert deleted == [done.id, waits.id]
    assert {job: error.code for job, error in problems.items()} == {
        theirs.id: "not_found",
        running.id: "state_conflict",
    }
    assert {job.id for job in (await store.jobs.list(anna, trashed=True)).jobs} == {done.id, waits.id}
    assert (await store.jobs.get(theirs.id, bert)).id == theirs.id


async def test_more_jobs_than_fit_into_one_transaction_go_into_the_trash(store: Store) -> None:
    owner = await store.user("anna")
    ids = [(await store.job(owner, content=str(number))).id for number in range(120)]
    assert await store.trash.put_jobs(ids, owner) == (ids, {})
    assert (await store.jobs.list(owner)).jobs == ()
