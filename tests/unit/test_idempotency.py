"""Requests that come again: what is noted of them, and what stands in the way of two at the same moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from older import older_database
from stenobox.access import Passwords, Users
from stenobox.db import Database
from stenobox.db.migrations import MIGRATIONS
from stenobox.errors import KeyReused, NameTaken
from stenobox.idempotency import Named, Note, Once, fingerprint
from stenobox.types import Identity, Role
from storing import Store, sent

PASSWORD = "correct horse battery"


@pytest.fixture
def passwords() -> Passwords:
    # The cheapest parameters that argon2 takes: these tests are not about its strength.
    return Passwords(PasswordHasher(time_cost=1, memory_cost=16, parallelism=2))


@pytest.fixture
def users(store: Store, passwords: Passwords) -> Users:
    return Users(store.db, passwords, store.clock)


class Adding:
    """Somebody who has `ben` added under a key. Key and body of `first` are of a request that is quicker, in
    the last moment.
    """

    def __init__(self, store: Store, users: Users, owner: Identity) -> None:
        self.once = Once(store.db, store.clock)
        self.users = users
        self.owner = owner

    async def add(self, key: str, said: str, first: tuple[str, str] | None = None) -> str:
        async def make(note: Note) -> str:
            if first is not None:
                await self.add(*first)
            return f"made {(await self.users.add('ben', Role.USER, PASSWORD, note=note)).id}"

        async def again(user_id: str) -> str:
            return f"found {user_id}"

        return await self.once.do(Named(self.owner.user.id, key, fingerprint(said)), make, again)


@pytest.fixture
def adding(store: Store, users: Users, ann: Identity) -> Adding:
    return Adding(store, users, ann)


async def test_what_the_same_request_made_meanwhile_is_the_answer_and_not_that_it_is_in_the_way(
    adding: Adding, store: Store
) -> None:
    found = await adding.add("key", "ben", first=("key", "ben"))
    assert found.startswith("found ")
    assert await store.count("users") == 2
    assert await store.count("named_requests") == 1


async def test_what_another_request_made_meanwhile_is_in_the_way(adding: Adding, store: Store) -> None:
    with pytest.raises(KeyReused):
        await adding.add("key", "ben", first=("key", "another ben"))
    assert await store.count("named_requests") == 1


async def test_what_somebody_made_without_the_key_is_in_the_way(adding: Adding, store: Store) -> None:
    with pytest.raises(NameTaken):
        await adding.add("key", "ben", first=("other", "ben"))
    assert await store.count("named_requests") == 1


async def test_a_failure_after_the_note_takes_the_note_along(adding: Adding, store: Store) -> None:
    async def make(note: Note) -> None:
        async with store.db.write() as tx:
            await note(tx, "key:1")
            raise ConnectionResetError

    async def again(_made: str) -> None:
        raise AssertionError

    named = Named(adding.owner.user.id, "key", fingerprint("a"))
    with pytest.raises(ConnectionResetError):
        await adding.once.do(named, make, again)
    assert await store.count("named_requests") == 0


async def test_a_stretched_password_depends_on_both_texts_and_on_nothing_else(passwords: Passwords) -> None:
    first = await passwords.stretched(PASSWORD, "1 key")
    assert len(first) == 64
    assert int(first, 16)
    assert await passwords.stretched(PASSWORD, "1 key") == first
    assert await passwords.stretched(PASSWORD, "2 key") != first
    assert await passwords.stretched(PASSWORD + "!", "1 key") != first


async def test_an_erased_job_takes_its_request_along(store: Store, ann: Identity) -> None:
    job = await sent(store, ann)
    once = Once(store.db, store.clock)
    async with store.db.write() as tx:
        await once._note(Named(ann.user.id, "key", fingerprint("a")))(tx, f"job:{job.id}")
        await tx.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
    assert await store.count("named_requests") == 0


async def test_requests_from_before_everything_took_a_key_are_still_known(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with older_database(path, (step for step in MIGRATIONS if step.version <= 11)) as old:
        old.execute(
            "INSERT INTO users (id, name, role, password_hash, created_at) VALUES (1, 'ann', 'user', 'x', 0)"
        )
        old.execute(
            "INSERT INTO idempotent_requests VALUES (1, 'key', 2, ?, 'a-job', 1000.0)", (fingerprint("a"),)
        )
    db = await Database.open(path)
    try:
        once = Once(db, lambda: 2000.0)
        assert await once._made(Named(1, "key", fingerprint("a"), 2)) == "a-job"
    finally:
        await db.close()
