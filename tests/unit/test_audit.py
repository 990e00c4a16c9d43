"""The audit trail on a real database: what is recorded, when, and how much of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from stenobox.access import Accounts, Keys, Passwords, SecondFactors, Sessions, Users
from stenobox.audit import (
    Action,
    Actor,
    AuditRetention,
    Filter,
    Head,
    LoginFailures,
    Reads,
    Row,
    Trail,
    acting,
    record,
)
from stenobox.audit.formats import ndjson
from stenobox.audit.verifying import heads_in, opened, rows_in, verify
from stenobox.config import DAY
from stenobox.errors import LastAdmin, NotFound
from stenobox.library import Change
from stenobox.types import Identity, Role
from storing import Clock, Store, claimed, finished, sent, transcript_of

BEN = Actor(7, "ben", "key", "192.0.2.7")


async def everything(trail: Trail, wanted: Filter | None = None) -> list[Row]:
    return [row async for rows in trail.all(wanted or Filter()) for row in rows]


async def filled(store: Store, count: int) -> None:
    async with store.db.write() as tx:
        for number in range(count):
            action = Action.LOGIN if number % 2 else Action.KEY_CREATED
            await record(tx, action, f"user:{number % 5}", actor=Actor(number % 3, f"u{number % 3}", "key"))


async def told(trail: Trail) -> list[tuple[str, str | None]]:
    return [(row.action, row.target) for row in await everything(trail)]


async def test_a_row_is_there_if_and_only_if_its_transaction_is_committed(store: Store, trail: Trail) -> None:
    with pytest.raises(ValueError, match="no"):
        async with store.db.write() as tx:
            await record(tx, Action.KEY_CREATED, "key:1")
            raise ValueError("no")
    assert await told(trail) == []
    async with store.db.write() as tx:
        await record(tx, Action.KEY_CREATED, "key:1")
    assert await told(trail) == [("key.created", "key:1")]


async def test_rows_count_without_gaps_whatever_was_rolled_back(store: Store, trail: Trail) -> None:
    for number in range(6):
        with pytest.raises(ValueError, match="odd") if number % 2 else nullcontext():
            async with store.db.write() as tx:
                await record(tx, Action.KEY_CREATED, f"key:{number}")
                if number % 2:
                    raise ValueError("odd")
    assert [row.seq for row in await everything(trail)] == [1, 2, 3]


async def test_a_row_names_who_acted_and_the_box_when_nobody_did(store: Store, trail: Trail) -> None:
    async with store.db.write() as tx:
        with acting(BEN):
            await record(tx, Action.KEY_REVOKED)
        await record(tx, Action.AUDIO_EXPIRED)
    first, second = await everything(trail)
    assert (first.actor_id, first.actor, first.via, first.address) == (7, "ben", "key", "192.0.2.7")
    assert (second.actor_id, second.actor, second.via, second.address) == (None, "box", "box", None)


async def test_the_hash_is_what_the_reference_says(store: Store, trail: Trail) -> None:
    async with store.db.write() as tx:
        await record(tx, Action.LOGIN, "user:1", actor=BEN)
        await record(tx, Action.QUOTA_CHANGED, "user:1", actor=BEN, quota_bytes=None, b="ü\n")
    previous = "0" * 64
    for line in ndjson(await everything(trail)).splitlines():
        row = json.loads(line)
        columns = ("seq", "at_ms", "actor_id", "actor", "via", "address", "action", "target", "details_text")
        form = json.dumps(
            ["stenobox.audit.1", *(row[name] for name in columns)],
            ensure_ascii=False,
            separators=(",", ":"),
        )
        assert row["hash"] == hashlib.sha256(bytes.fromhex(previous) + form.encode()).hexdigest()
        previous = row["hash"]


# What is recorded.


@pytest.fixture
async def accounts(store: Store) -> AsyncIterator[Accounts]:
    users = Users(store.db, Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)))
    yield Accounts(
        users,
        Keys(store.db),
        Sessions(store.db, idle_seconds=1000, max_seconds=5000),
        SecondFactors(store.db),
    )


async def test_accounts_and_keys_are_recorded_from_their_making_to_their_end(
    accounts: Accounts, trail: Trail
) -> None:
    await accounts.add_user("anna", Role.ADMIN, "a fine grey donkey")
    await accounts.add_user("ben", Role.USER, "a fine grey donkey")
    await accounts.set_password("ben", "eleven blue boats")
    info, secret = await accounts.create_key("ben", "for the script")
    await accounts.revoke_key(info.id)
    await accounts.remove_user("ben")
    assert await told(trail) == [
        ("user.created", "user:1"),
        ("user.created", "user:2"),
        ("user.password_changed", "user:2"),
        ("key.created", f"key:{info.id}"),
        ("key.revoked", f"key:{info.id}"),
        ("user.removed", "user:2"),
    ]
    text = ndjson(await everything(trail))
    for canary in (secret, info.prefix, "horse", "for the script"):
        assert canary not in text


async def test_what_is_refused_leaves_no_row(accounts: Accounts, trail: Trail) -> None:
    await accounts.add_user("anna", Role.ADMIN, "a fine grey donkey")
    with pytest.raises(LastAdmin):
        await accounts.remove_user("anna")
    with pytest.raises(NotFound):
        await accounts.revoke_key(5)
    assert await told(trail) == [("user.created", "user:1")]


async def test_sessions_are_recorded_once_at_their_beginning_and_at_their_end(
    store: Store, trail: Trail, ann: Identity
) -> None:
    sessions = Sessions(store.db, idle_seconds=1000, max_seconds=5000)
    token = await sessions.create(ann.user.id)
    await sessions.revoke(token)
    await sessions.revoke(token)
    await sessions.create(ann.user.id)
    await sessions.revoke_all(ann.user.id)
    await sessions.revoke_all(ann.user.id)
    target = f"user:{ann.user.id}"
    assert await told(trail) == [
        ("auth.login", target),
        ("auth.logout", target),
        ("auth.login", target),
        ("user.sessions_ended", target),
    ]


async def test_a_password_that_is_only_hashed_anew_was_not_changed(store: Store, trail: Trail) -> None:
    cheap = Users(store.db, Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)))
    await cheap.add("anna", Role.ADMIN, "a fine grey donkey")
    dearer = Users(store.db, Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)))
    await dearer.verify("anna", "a fine grey donkey")
    assert await told(trail) == [("user.created", "user:1")]


async def test_deletions_are_recorded_on_every_road(store: Store, trail: Trail, ann: Identity) -> None:
    job = await finished(store, ann)
    await store.trash.put_job(job.id, ann)
    await store.trash.restore_job(job.id, ann)
    await store.trash.put_recording(job.recording_id, ann)
    await store.trash.restore_recording(job.recording_id, ann)
    await store.trash.put_job(job.id, ann)
    await store.trash.erase_job(job.id, ann)
    second = await finished(store, ann, pitch=2)
    await store.trash.put_recording(second.recording_id, ann)
    await store.trash.erase_recording(second.recording_id, ann)
    assert await told(trail) == [
        ("job.deleted", f"job:{job.id}"),
        ("job.restored", f"job:{job.id}"),
        ("recording.deleted", f"recording:{job.recording_id}"),
        ("recording.restored", f"recording:{job.recording_id}"),
        ("job.deleted", f"job:{job.id}"),
        ("job.erased", f"job:{job.id}"),
        ("recording.deleted", f"recording:{second.recording_id}"),
        ("recording.erased", f"recording:{second.recording_id}"),
    ]


async def test_what_goes_by_itself_is_recorded_as_done_by_the_box(
    store: Store, trail: Trail, ann: Identity
) -> None:
    old = await finished(store, ann)
    second = await sent(store, ann, pitch=2)
    lease = await claimed(store)
    await store.jobs.complete(lease, transcript_of(lease.job))
    await store.trash.put_job(second.id, ann)
    store.clock.now += 8 * DAY
    await store.retention(audio_days=5, trash_days=7).apply()
    await store.retention(transcript_days=6).apply()
    rows = (await everything(trail))[1:]
    assert {row.actor for row in rows} == {"box"}
    assert [(row.action, row.target) for row in rows] == [
        ("audio.expired", f"recording:{old.recording_id}"),
        ("audio.expired", f"recording:{second.recording_id}"),
        ("recording.erased", f"recording:{second.recording_id}"),
        ("recording.expired", f"recording:{old.recording_id}"),
    ]


async def test_a_change_of_how_long_a_recording_is_kept_is_recorded_and_one_of_its_title_is_not(
    store: Store, trail: Trail, ann: Identity
) -> None:
    job = await finished(store, ann)
    await store.library.change(job.recording_id, ann, Change({"title": "Board meeting"}))
    await store.library.change(job.recording_id, ann, Change({"audio_days": 3}))
    (row,) = await everything(trail)
    assert (row.action, row.values) == ("recording.retention_changed", {"audio_days": 3})


async def test_reading_ones_own_is_no_event_and_a_download_is(
    store: Store, trail: Trail, ann: Identity
) -> None:
    clock = Clock()
    reads = Reads(store.db, clock)
    boss = await store.user("boss", Role.ADMIN)
    await reads.note(ann, "transcript", "job:1", ann.user.id, download=False)
    assert await told(trail) == []
    await reads.note(ann, "transcript", "job:1", ann.user.id, download=True)
    for _ in range(3):
        await reads.note(boss, "audio", "recording:1", ann.user.id, download=False)
    clock.now += 601
    await reads.note(boss, "audio", "recording:1", ann.user.id, download=False)
    assert await told(trail) == [
        ("transcript.exported", "job:1"),
        ("audio.read", "recording:1"),
        ("audio.read", "recording:1"),
    ]


async def test_failures_beyond_the_burst_are_counted_and_not_lost(store: Store, trail: Trail) -> None:
    clock = Clock()
    failures = LoginFailures(store.db, burst=3, seconds_per_row=10, clock=clock)
    for _ in range(10):
        await failures.failed("wrong_credentials")
    await failures.failed("rate_limited")
    await failures.flush()
    await failures.flush()
    rows = await everything(trail)
    assert {row.action for row in rows} == {"auth.failed"}
    assert [row.values.get("count", 1) for row in rows] == [1, 1, 1, 1, 7]
    clock.now += 10
    await failures.failed("wrong_credentials")
    assert len(await everything(trail)) == 6


async def test_a_failed_log_in_names_an_account_only_if_there_is_one(
    store: Store, trail: Trail, ann: Identity
) -> None:
    failures = LoginFailures(store.db)
    await failures.failed("wrong_credentials", "ANN")
    await failures.failed("wrong_credentials", "correct horse battery")
    known, unknown = await everything(trail)
    assert (known.target, unknown.target) == (f"user:{ann.user.id}", None)
    assert "horse" not in ndjson([known, unknown])


# How it is read.


# How it goes.


def whole(store: Store, *heads: Head) -> bool:
    with opened(store.layout.database) as connection:
        return verify(connection, heads).whole


async def aged(store: Store, trail: Trail) -> float:
    """The moment, in Unix seconds, when the last row there is was written."""
    return (await everything(trail))[-1].at_ms / 1_000


async def test_nothing_is_pruned_unless_the_settings_say_so(store: Store, trail: Trail) -> None:
    await filled(store, 5)
    later = await aged(store, trail) + 10_000 * DAY
    assert await AuditRetention(store.db, 0, lambda: later).apply() == 0
    assert len(await everything(trail)) == 5


async def test_old_rows_go_and_the_chain_is_still_whole(store: Store, trail: Trail, tmp_path: Path) -> None:
    await filled(store, 12)
    old = await trail.head()
    later = await aged(store, trail) + 32 * DAY
    assert await AuditRetention(store.db, 30, lambda: later).apply() == 12
    (row,) = await everything(trail)
    assert (row.seq, row.action, row.target, row.values) == (
        13,
        "audit.pruned",
        "row:12",
        {"hash": old.hash},
    )
    await filled(store, 3)
    assert whole(store, old)
    assert await AuditRetention(store.db, 30, lambda: later + 40 * DAY).apply() == 4
    assert whole(store, await trail.head())


async def test_rows_of_the_last_days_stay_when_older_ones_go(store: Store, trail: Trail) -> None:
    await filled(store, 4)
    now = await aged(store, trail)
    assert await AuditRetention(store.db, 30, lambda: now + 30.5 * DAY).apply() == 0
    assert len(await everything(trail)) == 4


async def test_reading_beside_the_open_database_sees_every_committed_row(store: Store) -> None:
    await filled(store, 3)
    with opened(store.layout.database) as connection:
        assert [row.seq for row in rows_in(connection)] == [1, 2, 3]


def test_heads_are_found_in_logs_of_both_formats() -> None:
    digest = "ab" * 32
    lines = [
        "2026-01-31T09:30:00.000Z INFO stenobox.serving stopped",
        f'{{"time":"x","level":"info","logger":"stenobox.auditing","event":"audit_head","head":"7:{digest}"}}',
        f"2026-01-31T09:30:00.000Z INFO    stenobox.auditing audit_head head=8:{digest}",
    ]
    assert list(heads_in(lines)) == [Head(7, digest), Head(8, digest)]
