"""Labels of browsers, ends of keys, and what an update makes of keys that are there."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from older import older_database
from stenobox.access import Keys, SecondFactors
from stenobox.access.secrets import fingerprint
from stenobox.cli.keys import expiry_of
from stenobox.db import Database
from stenobox.db.migrations import MIGRATIONS
from stenobox.errors import InvalidRequest
from stenobox.types import Role, Scope
from stenobox.web.browsers import UNKNOWN, browser_of

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)"


@pytest.mark.parametrize(
    ("header", "label"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/138 Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/138 Safari/537.36 Edg/138", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 15) {WEBKIT} Chrome/138 Mobile Safari/537.36", "Chrome on Android"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/138 Safari/537.36 OPR/120", "Opera on Linux"),
        (f"{IPHONE} AppleWebKit/605 (KHTML) Version/18.5 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        (f"{IPHONE} AppleWebKit/605 (KHTML) CriOS/138 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_5) Version/18.5 Safari/605.1.15", "Safari on macOS"),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0", UNKNOWN),
        ("<script>alert(1)</script>", UNKNOWN),
        ("", UNKNOWN),
        (None, UNKNOWN),
        ("Firefox/" * 100_000, "Firefox"),
    ],
)
def test_a_browser_has_a_short_label_and_nonsense_has_none(header: str | None, label: str) -> None:
    assert browser_of(header) == label


def test_the_end_of_a_key_is_told_in_days_or_as_a_date() -> None:
    assert expiry_of("90d", 1_000.0) == 1_000.0 + 90 * 86_400
    assert expiry_of("2027-01-31", 0.0) == datetime(2027, 1, 31, tzinfo=UTC).timestamp()
    for nonsense in ("", "d", "-1d", "90", "2027-13-01", "tomorrow"):
        with pytest.raises(InvalidRequest):
            expiry_of(nonsense, 0.0)


async def test_keys_from_before_scopes_keep_what_they_could_do(tmp_path: Path) -> None:
    path = tmp_path / "stenobox.db"
    steps = itertools.takewhile(lambda step: "scopes" not in step.description, MIGRATIONS)
    with older_database(path, steps) as old:
        for number, role in enumerate(Role, 1):
            old.execute(
                "INSERT INTO users (id, name, role, password_hash, created_at) VALUES (?, ?, ?, 'none', 0)",
                (number, role, role),
            )
            old.execute(
                "INSERT INTO api_keys (user_id, name, prefix, secret_sha256, created_at)"
                " VALUES (?, 'old', 'stbx_', ?, 0)",
                (number, fingerprint(f"stbx_{role}")),
            )
    database = await Database.open(path)
    try:
        found = {
            role: opened.scopes for role in Role if (opened := await Keys(database).verify(f"stbx_{role}"))
        }
        rest = {Scope.READ, Scope.UPLOAD, Scope.METRICS}
        assert found == {Role.ADMIN: {*rest, Scope.ADMIN}, Role.USER: rest, Role.VIEWER: rest}
        assert [key.expires_at for key in await Keys(database).list()] == [None] * 3
        assert await SecondFactors(database).users() == frozenset()
    finally:
        await database.close()
