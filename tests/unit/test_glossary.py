"""Glossaries: an account's words reach its jobs, and no other's."""

from __future__ import annotations

import dataclasses

import pytest

from stenobox.errors import ChangedMeanwhile, InvalidRequest
from stenobox.glossary import MAX_CHARACTERS, MAX_WORD_CHARACTERS, MAX_WORDS
from stenobox.types import Identity, Job
from storing import OPTIONS, Store


async def job(store: Store, owner: Identity, hotwords: str | None = None) -> Job:
    recording = await store.recording(owner)
    async with store.db.write() as tx:
        options = dataclasses.replace(OPTIONS, hotwords=hotwords)
        return await store.jobs.create(
            tx, owner.user.id, recording_id=recording.id, options=options, priority=5
        )


async def test_words_are_kept_as_they_are_shown_each_once(store: Store, ann: Identity) -> None:
    made = await store.glossaries.put(ann.user.id, ["  Zoe\u0308 \n Quentin ", "Stenobox", "", "Stenobox"])
    assert made.words == ("Zoë Quentin", "Stenobox")
    assert await store.glossaries.get(ann.user.id) == made


async def test_the_words_of_the_owner_go_into_a_job_after_its_own(store: Store, ann: Identity) -> None:
    bob = await store.user("bob")
    await store.glossaries.put(ann.user.id, ["Ann", "Stenobox"])
    assert (await job(store, ann)).options.hotwords == "Ann, Stenobox"
    assert (await job(store, ann, "Annual, stenobox")).options.hotwords == "Annual, stenobox, Ann"
    assert (await job(store, bob)).options.hotwords is None


async def test_a_job_keeps_the_words_that_it_was_sent_with(store: Store, ann: Identity) -> None:
    await store.glossaries.put(ann.user.id, ["before"])
    sent = await job(store, ann)
    await store.glossaries.put(ann.user.id, ["after"])
    assert (await store.jobs.get(sent.id, ann)).options.hotwords == "before"


async def test_who_was_not_quickest_is_told(store: Store, ann: Identity) -> None:
    await store.glossaries.put(ann.user.id, ["one"], revision=0)
    with pytest.raises(ChangedMeanwhile):
        await store.glossaries.put(ann.user.id, ["two"], revision=0)
    assert (await store.glossaries.get(ann.user.id)).words == ("one",)


@pytest.mark.parametrize(
    "words",
    [
        ["a" * (MAX_WORD_CHARACTERS + 1)],
        [str(number) for number in range(MAX_WORDS + 1)],
        [f"{number:050}" for number in range(MAX_CHARACTERS // 50 + 1)],
        ["<|endoftext|>"],
        ["a\x00b"],
    ],
)
async def test_what_no_model_could_use_is_refused(store: Store, ann: Identity, words: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        await store.glossaries.put(ann.user.id, words)
    assert (await store.glossaries.get(ann.user.id)).revision == 0


async def test_a_glossary_goes_with_its_account(store: Store, ann: Identity) -> None:
    await store.glossaries.put(ann.user.id, ["one"])
    async with store.db.write() as tx:
        await tx.execute("DELETE FROM users WHERE id = ?", (ann.user.id,))
    assert await store.count("glossaries") == 0
