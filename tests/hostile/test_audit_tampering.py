"""Somebody edits the database file of the audit trail (OWASP ASVS 4.0.3, 7.3.3: logs are protected from
unauthorised modification). The file is the real one, edited by SQLite itself.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from harness.daemon import command
from stenobox.audit import GENESIS, Action, Filter, Head, Row, Trail, record
from stenobox.audit.verifying import Verdict, opened, rows_in, verify
from stenobox.db import Database
from stenobox.db.migrations import AUDIT_TRIGGERS
from storing import opened_store

ROWS = 20


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A closed database whose trail has ROWS rows."""
    async with opened_store(tmp_path / "data") as store:
        async with store.db.write() as tx:
            for number in range(ROWS):
                await record(tx, Action.KEY_CREATED, f"key:{number}", user=number)
        head = await Trail(store.db).head()
        store.layout.audit_head.write_text(f"{head}\n")
        return store.layout.database


def tamper(file: Path, *statements: str, guards: bool = False) -> None:
    """Edit the file as its owner can: without the triggers, which are put back afterwards unless `guards`
    says that they stay away.
    """
    names = ("audit_only_grows", "audit_is_not_changed", "audit_is_not_deleted")
    with sqlite3.connect(file) as connection:
        for name in names:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for trigger in () if guards else AUDIT_TRIGGERS:
            connection.execute(trigger)
    connection.close()


def judged(file: Path, *heads: Head) -> Verdict:
    with opened(file) as connection:
        return verify(connection, heads)


def head_of(file: Path, seq: int = ROWS) -> Head:
    with opened(file) as connection:
        return next(Head(row.seq, row.hash) for row in rows_in(connection) if row.seq == seq)


def test_a_trail_that_nobody_touched_is_whole(file: Path) -> None:
    verdict = judged(file, head_of(file))
    assert (verdict.whole, verdict.first, verdict.last.seq) == (True, 1, ROWS)


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE audit SET {column} = {value} WHERE seq = 7"
        for column, value in {
            "at_ms": "at_ms + 1",
            "actor_id": "99",
            "actor": "'somebody'",
            "via": "'local'",
            "address": "'192.0.2.1'",
            "action": "'key.revoked'",
            "target": "NULL",
            "details": "'{}'",
            "hash": f"'{'0' * 64}'",
        }.items()
    ],
)
def test_an_edited_column_is_found_at_its_row(file: Path, change: str) -> None:
    tamper(file, change)
    assert judged(file).bad == 7


@pytest.mark.parametrize("seq", [1, 2, 11, ROWS])
def test_an_edited_row_is_found_wherever_it_stands(file: Path, seq: int) -> None:
    tamper(file, f"UPDATE audit SET target = 'key:99' WHERE seq = {seq}")
    assert judged(file).bad == seq


def test_a_missing_row_is_found_at_its_place(file: Path) -> None:
    tamper(file, "DELETE FROM audit WHERE seq = 7")
    assert judged(file).bad == 7


def test_a_missing_row_is_found_when_the_later_ones_were_counted_anew(file: Path) -> None:
    tamper(file, "DELETE FROM audit WHERE seq = 7", "UPDATE audit SET seq = seq - 1 WHERE seq > 7")
    assert judged(file).bad == 7


def test_two_rows_that_changed_places_are_found(file: Path) -> None:
    tamper(
        file,
        "UPDATE audit SET seq = 999 WHERE seq = 7",
        "UPDATE audit SET seq = 7 WHERE seq = 8",
        "UPDATE audit SET seq = 8 WHERE seq = 999",
    )
    assert judged(file).bad == 7


def test_a_row_that_was_put_in_between_is_found(file: Path) -> None:
    tamper(
        file,
        "UPDATE audit SET seq = -seq WHERE seq > 7",
        "UPDATE audit SET seq = 1 - seq WHERE seq < 0",
        "INSERT INTO audit SELECT 8, at_ms, actor_id, actor, via, address, action, target, details, hash"
        " FROM audit WHERE seq = 7",
    )
    assert judged(file).bad == 8


def test_a_beginning_that_is_missing_is_found(file: Path) -> None:
    tamper(file, "DELETE FROM audit WHERE seq < 4")
    assert judged(file).bad == 4


def test_an_end_that_is_missing_is_found_by_the_counter(file: Path) -> None:
    tamper(file, f"DELETE FROM audit WHERE seq > {ROWS - 2}")
    assert not judged(file).whole


def test_an_end_that_is_missing_is_found_by_a_head_when_the_counter_was_set_back_too(file: Path) -> None:
    head = head_of(file)
    tamper(
        file,
        f"DELETE FROM audit WHERE seq > {ROWS - 2}",
        f"UPDATE sqlite_sequence SET seq = {ROWS - 2} WHERE name = 'audit'",
    )
    # What can be known from the table alone: nothing is wrong with what is left.
    assert judged(file).whole
    assert judged(file, head).bad == ROWS - 1


def test_an_emptied_trail_is_found(file: Path) -> None:
    head = head_of(file)
    tamper(file, "DELETE FROM audit", "DELETE FROM sqlite_sequence WHERE name = 'audit'")
    assert not judged(file, head).whole


def test_a_chain_that_was_made_anew_is_found_by_a_head_that_was_kept_elsewhere(file: Path) -> None:
    early, late = head_of(file, 5), head_of(file)
    with opened(file) as connection:
        rows = list(rows_in(connection))
    statements, previous = [], GENESIS
    for row in rows:
        target = "key:99" if row.seq == 7 else row.target
        forged = Row(*row.fields[:7], target, row.details)  # type: ignore[arg-type]
        previous = forged.digest(previous)
        statements.append(f"UPDATE audit SET target = '{target}', hash = '{previous}' WHERE seq = {row.seq}")
    tamper(file, *statements)
    # Whoever may write the file may do this; only what is kept elsewhere tells.
    assert judged(file).whole
    assert judged(file, early).whole
    assert judged(file, late).bad == ROWS


def test_a_checkpoint_that_was_invented_does_not_hide_a_missing_beginning(file: Path) -> None:
    details = json.dumps({"hash": "ab" * 32})
    tamper(
        file,
        "DELETE FROM audit WHERE seq <= 3",
        "UPDATE audit SET action = 'audit.pruned', target = 'row:3', "
        f"details = '{details}' WHERE seq = {ROWS}",
    )
    assert not judged(file).whole


def test_rules_of_the_database_that_were_removed_are_missed(file: Path) -> None:
    tamper(file, guards=True)
    verdict = judged(file)
    assert not verdict.whole
    assert verdict.problem is not None and "rules of the database" in verdict.problem


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET target = 'key:99' WHERE seq = 7",
        "DELETE FROM audit WHERE seq = 7",
        "DELETE FROM audit",
        f"DELETE FROM audit WHERE seq = {ROWS}",
        "REPLACE INTO audit SELECT seq, 0, actor_id, actor, via, address, action, target, details, hash"
        " FROM audit WHERE seq = 7",
        "INSERT INTO audit SELECT 99, at_ms, actor_id, actor, via, address, action, target, details, hash"
        " FROM audit WHERE seq = 7",
    ],
)
def test_the_database_itself_refuses_to_change_the_trail(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file)
    try:
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    finally:
        connection.close()
    assert judged(file, head_of(file)).whole


def test_rows_that_make_no_sense_can_still_be_exported(file: Path) -> None:
    tamper(file, "UPDATE audit SET details = 'no json' WHERE seq = 3")
    done = command("audit", "export", data=file.parent)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == ROWS


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ((), "is whole: rows 1 to 20"),
        (("UPDATE audit SET actor = 'x' WHERE seq = 7",), "First wrong row: 7"),
        (("DELETE FROM audit WHERE seq = 7",), "First wrong row: 7"),
        (
            (
                "DELETE FROM audit WHERE seq > 18",
                "UPDATE sqlite_sequence SET seq = 18 WHERE name = 'audit'",
            ),
            "First wrong row: 19",
        ),
    ],
)
def test_the_command_says_which_row_is_the_first_wrong_one(
    file: Path, harm: tuple[str, ...], said: str
) -> None:
    if harm:
        tamper(file, *harm)
    done = command("audit", "verify", data=file.parent)
    assert said in done.stdout
    assert done.returncode == (1 if harm else 0)


def test_the_command_takes_heads_that_were_noted_elsewhere(file: Path, tmp_path: Path) -> None:
    head = head_of(file)
    wrong = Head(head.seq, "ab" * 32)
    assert command("audit", "verify", "--head", str(head), data=file.parent).returncode == 0
    assert command("audit", "verify", "--head", str(wrong), data=file.parent).returncode == 1
    assert command("audit", "verify", "--head", "20:nothing", data=file.parent).returncode == 2
    journal = tmp_path / "journal"
    journal.write_text(f"other\n... audit_head head={head}\n... audit_head head={wrong}\n")
    assert command("audit", "verify", "--journal", str(journal), data=file.parent).returncode == 1


async def test_a_start_on_a_trail_that_lost_its_end_says_so_in_the_trail(file: Path) -> None:
    from harness.application import running_box, settings_for

    tamper(
        file,
        f"DELETE FROM audit WHERE seq > {ROWS - 2}",
        f"UPDATE sqlite_sequence SET seq = {ROWS - 2} WHERE name = 'audit'",
    )
    async with running_box(settings_for(file.parent)):
        pass
    database = await Database.open(file)
    try:
        rows = (await Trail(database).page(Filter(), 200)).rows
    finally:
        await database.close()
    broken = [row for row in rows if row.action == Action.AUDIT_BROKEN]
    assert [row.values for row in broken] == [{"problem": "rows_missing"}]
