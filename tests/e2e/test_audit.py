"""The audit trail of the real process: beside it, after its death, and after somebody edited its file."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from harness.daemon import PASSWORD, Daemon, command
from stenobox.db.migrations import AUDIT_TRIGGERS


@pytest.fixture
def box(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path / "data")


def verified(box: Daemon, *options: str) -> tuple[int, str]:
    done = command("audit", "verify", *options, data=box.data)
    assert done.stderr == ""
    return done.returncode, done.stdout


def exported(box: Daemon) -> list[dict[str, object]]:
    done = command("audit", "export", data=box.data)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_trail_can_be_verified_beside_the_running_daemon_and_after_it_was_killed(box: Daemon) -> None:
    with box:
        box.set_up()
        for number in range(5):
            body = {"name": f"user{number}", "password": PASSWORD}
            assert box.post("/api/users", json_body=body).status == 201
        code, said = verified(box)
        assert (code, "is whole" in said) == (0, True)
        created = [row for row in exported(box) if row["action"] == "user.created"]
        assert len(created) == 6
        box.kill()
        assert verified(box)[0] == 0
        assert [row for row in exported(box) if row["action"] == "user.created"] == created
        box.start()
        assert verified(box)[0] == 0
        assert [row["action"] for row in exported(box)].count("box.started") == 2
        assert box.stop() == 0
    assert verified(box)[0] == 0


def test_the_journal_alone_shows_that_rows_are_gone(box: Daemon, tmp_path: Path) -> None:
    with box:
        box.set_up()
        assert box.stop() == 0
    journal = tmp_path / "journal"
    journal.write_text("".join(box.log))
    assert verified(box, "--journal", str(journal))[0] == 0
    with sqlite3.connect(box.data / "stenobox.db") as connection:
        connection.execute("DROP TRIGGER audit_is_not_deleted")
        connection.execute("DELETE FROM audit WHERE seq > 1")
        connection.execute("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'audit'")
        connection.execute(AUDIT_TRIGGERS[2])
    connection.close()
    (box.data / "audit.head").unlink()
    assert verified(box)[0] == 0
    code, said = verified(box, "--journal", str(journal))
    assert (code, "First wrong row: 2" in said) == (1, True)


def test_commands_on_the_box_are_recorded_with_and_without_the_daemon(box: Daemon) -> None:
    done = command("users", "add", "ben", "--password-stdin", data=box.data, stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    with box:
        done = command("users", "add", "eve", "--password-stdin", data=box.data, stdin=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stderr
        created = [row for row in exported(box) if row["action"] == "user.created"]
    assert [(row["actor"], row["via"], row["details"]["name"]) for row in created] == [  # type: ignore[index]
        ("operator", "local", "ben"),
        ("operator", "local", "eve"),
    ]


def test_a_start_with_other_settings_says_that_they_changed_and_not_what_they_are(box: Daemon) -> None:
    with box:
        box.kill()
        box._settings["library.trash_days"] = 11
        box.start()
        starts = [row["details"] for row in exported(box) if row["action"] == "box.started"]
    assert [start["changed"] for start in starts] == [False, True]  # type: ignore[index]
    assert starts[0]["settings"] != starts[1]["settings"]  # type: ignore[index]
    assert all(start.keys() == {"changed", "settings", "version"} for start in starts)  # type: ignore[attr-defined]


def test_the_doctor_says_whether_the_trail_is_whole(box: Daemon) -> None:
    with box:
        box.set_up()
        assert box.stop() == 0
    assert "OK    audit" in command("doctor", data=box.data).stdout
    with sqlite3.connect(box.data / "stenobox.db") as connection:
        connection.execute("DROP TRIGGER audit_is_not_changed")
        connection.execute("UPDATE audit SET actor = 'somebody' WHERE seq = 2")
    connection.close()
    done = command("doctor", data=box.data)
    assert "FAIL  audit        Row 2 is not what was written." in done.stdout
    assert done.returncode == 1
