"""Accounts, keys, sessions, the set-up link and the limit on guessing, each on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from stenobox.access import (
    Accounts,
    AttemptLimiter,
    Keys,
    Passwords,
    Removal,
    SecondFactors,
    Sessions,
    SetupLink,
    Users,
)
from stenobox.db import Database
from stenobox.errors import (
    InvalidRequest,
    LastAdmin,
    NameTaken,
    NotFound,
    RateLimited,
    SetupLinkInvalid,
    WrongCredentials,
)
from stenobox.types import Role, User
from storing import Clock

PASSWORD = "correct horse battery"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "stenobox.db")
    yield database
    await database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(db: Database, clock: Clock) -> Users:
    # The cheapest parameters that argon2 takes: these tests are not about its strength.
    return Users(db, Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)), clock)


@pytest.fixture
def keys(db: Database, clock: Clock) -> Keys:
    return Keys(db, clock)


@pytest.fixture
def sessions(db: Database, clock: Clock) -> Sessions:
    return Sessions(db, idle_seconds=1000, max_seconds=5000, clock=clock)


async def opened(keys: Keys, secret: str) -> User | None:
    """Whose account the key opens."""
    found = await keys.verify(secret)
    return None if found is None else found.user


async def stored_text(db: Database) -> str:
    """Everything in the tables of this part, as one text."""
    async with db.read() as reader:
        rows = [
            tuple(row)
            for table in ("users", "api_keys", "sessions")
            for row in await reader.fetch_all(f"SELECT * FROM {table}")
        ]
    return repr(rows)


async def test_a_password_is_verified_and_stored_only_as_argon2id(db: Database, users: Users) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    assert await users.verify("anna", PASSWORD) == anna
    stored = await stored_text(db)
    assert "$argon2id$" in stored
    assert PASSWORD not in stored


async def test_default_parameters_are_at_least_those_that_owasp_asks_for() -> None:
    encoded = await Passwords().hash(PASSWORD)
    parameters = dict(part.split("=") for part in encoded.split("$")[3].split(","))
    assert int(parameters["m"]) >= 19 * 1024
    assert int(parameters["t"]) >= 2


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong password"), ("nobody", PASSWORD), ("", "")])
async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(
    users: Users, name: str, password: str
) -> None:
    await users.add("anna", Role.ADMIN, PASSWORD)
    with pytest.raises(WrongCredentials) as caught:
        await users.verify(name, password)
    assert caught.value.detail == WrongCredentials().detail


async def test_an_unknown_name_costs_a_hash_too(db: Database) -> None:
    hashes: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            hashes.append(str(hash))
            return super().verify(hash, password)

    users = Users(db, Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1)))
    with pytest.raises(WrongCredentials):
        await users.verify("nobody", PASSWORD)
    assert len(hashes) == 1


async def test_a_password_hashed_with_old_parameters_is_hashed_anew_at_the_next_sign_in(db: Database) -> None:
    old = Users(db, Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)))
    new = Users(db, Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)))
    await old.add("anna", Role.ADMIN, PASSWORD)
    await new.verify("anna", PASSWORD)
    assert "m=16,t=2" in await stored_text(db)
    await new.verify("anna", PASSWORD)


@pytest.mark.parametrize("password", ["", "seven77", "x" * 129])
async def test_a_password_of_a_bad_length_is_refused(users: Users, password: str) -> None:
    with pytest.raises(InvalidRequest):
        await users.add("anna", Role.ADMIN, password)
    assert await users.count() == 0


@pytest.mark.parametrize("name", ["", " anna", "an na", "-anna", "anna\n", "ännä", "../anna", "a" * 65])
async def test_a_name_that_needs_quoting_somewhere_is_refused(users: Users, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await users.add(name, Role.USER, PASSWORD)


async def test_names_are_told_apart_without_regard_to_case(users: Users) -> None:
    await users.add("Anna", Role.ADMIN, PASSWORD)
    with pytest.raises(NameTaken):
        await users.add("anna", Role.USER, PASSWORD)
    assert (await users.verify("ANNA", PASSWORD)).name == "Anna"


async def test_the_last_administrator_cannot_be_removed(users: Users) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    await users.add("bob", Role.USER, PASSWORD)
    with pytest.raises(LastAdmin):
        await users.remove(anna.id)
    await users.add("carla", Role.ADMIN, PASSWORD)
    assert await users.remove(anna.id)


async def test_a_user_with_recordings_is_disabled_and_loses_nothing(
    db: Database, users: Users, keys: Keys, sessions: Sessions
) -> None:
    await users.add("anna", Role.ADMIN, PASSWORD)
    bob = await users.add("bob", Role.USER, PASSWORD)
    _info, secret = await keys.create(bob.id, "script")
    token = await sessions.create(bob.id)
    async with db.write() as tx:
        await tx.execute(
            "INSERT INTO recordings (id, owner_id, sha256, size, filename, duration, created_at)"
            " VALUES ('r', ?, ?, 1, 'talk.wav', 1, 0)",
            (bob.id, "0" * 64),
        )
    ended: list[int] = []
    accounts = Accounts(users, keys, sessions, SecondFactors(db), on_ended=ended.append)
    assert await accounts.remove_user("bob") is Removal.DISABLED
    assert ended == [bob.id]
    assert await keys.verify(secret) is None
    assert await sessions.verify(token) is None
    with pytest.raises(WrongCredentials):
        await users.verify("bob", PASSWORD)
    async with db.read() as reader:
        assert await reader.fetch_one("SELECT 1 FROM recordings WHERE id = 'r'")


async def test_removing_a_user_ends_keys_and_sessions(
    db: Database, users: Users, keys: Keys, sessions: Sessions
) -> None:
    await users.add("anna", Role.ADMIN, PASSWORD)
    bob = await users.add("bob", Role.USER, PASSWORD)
    _info, secret = await keys.create(bob.id, "script")
    token = await sessions.create(bob.id)
    assert await Accounts(users, keys, sessions, SecondFactors(db)).remove_user("bob") is Removal.REMOVED
    assert await keys.verify(secret) is None
    assert await sessions.verify(token) is None


async def test_a_new_password_ends_all_sessions(
    db: Database, users: Users, keys: Keys, sessions: Sessions
) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    token = await sessions.create(anna.id)
    await Accounts(users, keys, sessions, SecondFactors(db)).set_password("anna", "another password")
    assert await sessions.verify(token) is None
    assert await users.verify("anna", "another password") == anna
    with pytest.raises(WrongCredentials):
        await users.verify("anna", PASSWORD)


async def test_a_key_opens_its_account_and_is_stored_only_as_a_hash(
    db: Database, users: Users, keys: Keys
) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    info, secret = await keys.create(anna.id, "script")
    assert await opened(keys, secret) == anna
    assert secret.startswith("stbx_")
    assert len(secret) == len("stbx_") + 43
    assert secret not in await stored_text(db)
    assert secret.startswith(info.prefix)
    assert len(info.prefix) < 15


@pytest.mark.parametrize(
    "spoil", [str.upper, lambda s: s[:-1], lambda s: s + "x", lambda s: s[5:], lambda _: ""]
)
async def test_only_the_exact_key_opens(users: Users, keys: Keys, spoil: object) -> None:
    assert callable(spoil)
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    _info, secret = await keys.create(anna.id, "script")
    assert await keys.verify(spoil(secret)) is None


async def test_a_revoked_key_opens_nothing_and_is_not_listed(users: Users, keys: Keys) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    info, secret = await keys.create(anna.id, "script")
    await keys.revoke(info.id)
    assert await keys.verify(secret) is None
    assert await keys.list() == []
    with pytest.raises(NotFound):
        await keys.revoke(info.id)


async def test_nobody_revokes_the_key_of_another(users: Users, keys: Keys) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    bob = await users.add("bob", Role.USER, PASSWORD)
    info, secret = await keys.create(anna.id, "script")
    with pytest.raises(NotFound):
        await keys.revoke(info.id, bob.id)
    assert await opened(keys, secret) == anna


async def test_the_use_of_a_key_is_noted_once_a_minute(users: Users, keys: Keys, clock: Clock) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    _info, secret = await keys.create(anna.id, "script")
    seen = []
    for seconds in (0, 30, 60):
        clock.now = 1_000_000.0 + seconds
        await keys.verify(secret)
        seen.append((await keys.list(anna.id))[0].last_used_at)
    assert seen == [1_000_000.0, 1_000_000.0, 1_000_060.0]


async def test_a_session_ends_when_it_is_idle(users: Users, sessions: Sessions, clock: Clock) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    token = await sessions.create(anna.id)
    clock.now += 999
    assert await sessions.verify(token) == anna
    clock.now += 999
    assert await sessions.verify(token) == anna
    clock.now += 1001
    assert await sessions.verify(token) is None


async def test_a_session_ends_in_the_end_however_much_it_is_used(
    users: Users, sessions: Sessions, clock: Clock
) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    token = await sessions.create(anna.id)
    alive = []
    for _ in range(7):
        clock.now += 900
        alive.append(await sessions.verify(token) is not None)
    assert alive == [True] * 5 + [False] * 2


async def test_a_session_is_stored_only_as_a_hash_and_revoking_it_spares_the_others(
    db: Database, users: Users, sessions: Sessions
) -> None:
    anna = await users.add("anna", Role.ADMIN, PASSWORD)
    first, second, third = [await sessions.create(anna.id) for _ in range(3)]
    assert first not in await stored_text(db)
    await sessions.revoke(first)
    assert [await sessions.verify(t) is not None for t in (first, second, third)] == [False, True, True]
    await sessions.revoke_all(anna.id, keep=third)
    assert [await sessions.verify(t) is not None for t in (first, second, third)] == [False, False, True]


async def test_the_set_up_link_works_once(users: Users) -> None:
    link = SetupLink(users)
    token = link.issue()
    assert await link.needed()
    anna = await link.redeem(token, "anna", PASSWORD)
    assert anna.role is Role.ADMIN
    assert not await link.needed()
    with pytest.raises(SetupLinkInvalid):
        await link.redeem(token, "mallory", PASSWORD)
    assert [user.name for user in await users.list()] == ["anna"]


async def test_a_mistake_at_the_set_up_leaves_the_link_valid(users: Users) -> None:
    link = SetupLink(users)
    token = link.issue()
    with pytest.raises(InvalidRequest):
        await link.redeem(token, "anna", "short")
    assert (await link.redeem(token, "anna", PASSWORD)).name == "anna"


async def test_two_people_with_the_link_make_one_administrator(users: Users) -> None:
    link = SetupLink(users)
    token = link.issue()
    outcomes = await asyncio.gather(
        link.redeem(token, "anna", PASSWORD), link.redeem(token, "bob", PASSWORD), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["SetupLinkInvalid", "User"]
    assert await users.count() == 1


async def test_no_set_up_link_works_once_there_is_a_user(users: Users) -> None:
    link = SetupLink(users)
    token = link.issue()
    await users.add("anna", Role.VIEWER, PASSWORD)
    with pytest.raises(SetupLinkInvalid):
        await link.redeem(token, "mallory", PASSWORD)


async def test_a_new_set_up_link_replaces_the_old_one(users: Users) -> None:
    link = SetupLink(users)
    old, new = link.issue(), link.issue()
    with pytest.raises(SetupLinkInvalid):
        await link.redeem(old, "mallory", PASSWORD)
    assert (await link.redeem(new, "anna", PASSWORD)).name == "anna"


def test_guessing_is_limited_and_the_wait_is_told() -> None:
    clock = Clock()
    limiter = AttemptLimiter(burst=3, seconds_per_token=10, clock=clock)
    for _ in range(3):
        limiter.take("name anna")
    with pytest.raises(RateLimited) as caught:
        limiter.take("name anna")
    assert caught.value.fields["retry_after"] == 10
    limiter.take("name bob")
    clock.now += 10
    limiter.take("name anna")


def test_an_attempt_that_one_limit_refuses_does_not_use_up_another() -> None:
    limiter = AttemptLimiter(burst=1, seconds_per_token=10, clock=Clock())
    limiter.take("name anna")
    with pytest.raises(RateLimited):
        limiter.take("address 10.0.0.1", "name anna")
    limiter.take("address 10.0.0.1")


def test_a_rightful_attempt_does_not_count() -> None:
    limiter = AttemptLimiter(burst=1, seconds_per_token=10, clock=Clock())
    for _ in range(5):
        limiter.take("name anna")
        limiter.give_back("name anna")


def test_the_memory_of_the_limiter_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stenobox.access.ratelimit.MAX_BUCKETS", 5)
    limiter = AttemptLimiter(clock=Clock())
    for number in range(50):
        limiter.take(f"address {number}")
    assert len(limiter._buckets) == 5
