"""What the box tells of who did what (OWASP ASVS 4.0.3, chapter 7: error handling and logging)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.application import Box, Person, running_box, settings_for
from harness.daemon import ADMIN, PASSWORD
from stenobox.audit import Action, Filter
from stenobox.config import MailSettings, WebhooksSettings
from stenobox.types import Identity, Role, User
from stenobox.web.keys import EVENTS, LOGIN_FAILURES, TRAIL
from stenobox.web.routes import ROUTES
from storing import wave_bytes

TALK = wave_bytes(0.2)

BOSS = Identity(User(0, "boss", Role.ADMIN, disabled=False, created_at=0.0), "session")


@pytest.fixture
async def box(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    """With everything switched on; no notice arrives anywhere."""
    settings = settings_for(
        tmp_path / "data",
        demo_bundle,
        webhooks=WebhooksSettings(enabled=True),
        mail=MailSettings(host="mail.invalid"),
    )
    async with running_box(settings) as box:
        yield box


RECORDED: dict[tuple[str, str], str] = {
    ("POST", "/api/setup"): "user.created",
    ("POST", "/api/auth/login"): "auth.login",
    ("POST", "/api/auth/logout"): "auth.logout",
    ("POST", "/api/auth/password"): "user.password_changed",
    ("POST", "/api/keys"): "key.created",
    ("DELETE", "/api/keys/{id}"): "key.revoked",
    ("POST", "/api/users"): "user.created",
    ("POST", "/api/users/{name}/password"): "user.password_changed",
    ("PATCH", "/api/users/{name}"): "user.changed",
    ("DELETE", "/api/users/{name}/sessions"): "user.sessions_ended",
    ("DELETE", "/api/users/{name}/totp"): "user.second_factor_off",
    ("DELETE", "/api/auth/sessions"): "user.sessions_ended",
    ("DELETE", "/api/auth/sessions/{id}"): "user.sessions_ended",
    ("POST", "/api/auth/totp/confirm"): "user.second_factor_on",
    ("POST", "/api/auth/totp/recovery"): "user.recovery_codes",
    ("POST", "/api/auth/totp/remove"): "user.second_factor_off",
    ("PUT", "/api/jobs/{id}/transcript"): "transcript.corrected",
    ("POST", "/api/jobs/{id}/transcript/versions/{n}/restore"): "transcript.corrected",
    ("POST", "/api/transcripts/export"): "transcript.exported",
    ("POST", "/api/jobs/delete"): "job.deleted",
    ("DELETE", "/api/users/{name}"): "user.removed",
    ("DELETE", "/api/jobs/{id}"): "job.deleted",
    ("POST", "/api/jobs/{id}/restore"): "job.restored",
    ("PATCH", "/api/recordings/{id}"): "recording.retention_changed",
    ("DELETE", "/api/recordings/{id}"): "recording.deleted",
    ("POST", "/api/recordings/{id}/restore"): "recording.restored",
    ("POST", "/api/webhooks"): "webhook.created",
    ("PATCH", "/api/webhooks/{id}"): "webhook.changed",
    ("DELETE", "/api/webhooks/{id}"): "webhook.removed",
    ("POST", "/api/shares"): "share.created",
    ("DELETE", "/api/shares/{id}"): "share.revoked",
    ("PUT", "/api/notices/mail"): "mail.changed",
    ("DELETE", "/api/notices/mail"): "mail.changed",
}
"""Routes that change something, and what they leave in the trail."""

NOT_RECORDED: dict[tuple[str, str], str] = {
    ("POST", "/api/auth/oidc"): "nothing has happened before the provider sends somebody back",
    ("POST", "/api/auth/totp"): "nothing counts before a code confirms it",
    ("PUT", "/api/glossary"): "one's own words; each transcript tells which it had",
    (
        "POST",
        "/api/admin/tls/reload",
    ): "the certificate comes from the disk, and the log tells of it",
    ("POST", "/v1/audio/transcriptions"): "a job of one's own; its row tells who and when",
    ("POST", "/v1/audio/translations"): "a job of one's own; its row tells who and when",
    ("POST", "/api/jobs"): "a job of one's own; its row tells who and when",
    ("POST", "/api/jobs/{id}/cancel"): "the job's row tells",
    ("POST", "/api/jobs/{id}/retry"): "the job's row tells",
    ("POST", "/api/jobs/{id}/priority"): "changes only the order of work",
    ("POST", "/api/uploads/init"): "becomes a job, or expires",
    ("PUT", "/api/uploads/{id}/chunk"): "becomes a job, or expires",
    ("POST", "/api/uploads/{id}/finalize"): "becomes a job",
    ("DELETE", "/api/uploads/{id}"): "nothing was accepted yet",
    ("POST", "/api/tus"): "becomes a job, or expires",
    ("POST", "/api/tus/{id}"): "becomes a job, or expires",
    ("PATCH", "/api/tus/{id}"): "becomes a job, or expires",
    ("DELETE", "/api/tus/{id}"): "nothing was accepted yet",
    ("POST", "/api/webhooks/{id}/test"): "the list of deliveries tells",
    ("POST", "/api/webhooks/{id}/deliveries/{delivery}/redeliver"): "the list of deliveries tells",
}
"""Routes that change something and leave nothing there, with the reason."""


def test_every_route_that_changes_something_is_recorded_or_says_why_not() -> None:
    changing = {(route.method, route.path) for route in ROUTES} - {
        (route.method, route.path) for route in ROUTES if route.method in ("GET", "HEAD", "OPTIONS")
    }
    assert RECORDED.keys() | NOT_RECORDED.keys() == changing
    assert not RECORDED.keys() & NOT_RECORDED.keys()
    assert set(RECORDED.values()) <= {action.value for action in Action}


async def rows(anna: Person, query: str = "") -> list[dict[str, Any]]:
    """All rows that a filter selects, the oldest first."""
    answer = await anna.get(f"/api/admin/audit/export?{query}")
    assert answer.status == 200, await answer.text()
    return [json.loads(line) for line in (await answer.text()).splitlines()]


async def actions(anna: Person, query: str = "") -> list[str]:
    return [row["action"] for row in await rows(anna, query)]


async def test_every_recorded_route_leaves_its_row_with_who_how_and_from_where(
    box: Box, anna: Person
) -> None:
    page = await box.by_session(ADMIN)
    with box.app[EVENTS].subscribe(BOSS) as events:
        job = await (await page.upload(TALK)).json()
        async for event in events:
            if event.kind == "job" and event.data["job"].state.final:
                break
    recording = f"/api/recordings/{job['recording_id']}"
    key = await (await page.post("/api/keys", json={"name": "k"})).json()
    ben = {"name": "ben", "password": PASSWORD}
    hook = await (await page.post("/api/webhooks", json={"url": "https://a.invalid/"})).json()
    webhook = f"/api/webhooks/{hook['id']}"
    linked = {"recording": job["recording_id"]}
    share = await (await page.post("/api/shares", json=linked)).json()
    others = [await box.by_session(ADMIN) for _ in range(2)]
    listed = (await (await others[0].get("/api/auth/sessions")).json())["sessions"]
    elsewhere = next(session["id"] for session in listed if session["current"])
    transcript = f"/api/jobs/{job['id']}/transcript"
    said = {"segments": [{"start": 0, "end": 0.1, "text": "Yes."}]}
    calls: list[tuple[str, str, str, Any]] = [
        ("PUT", "/api/jobs/{id}/transcript", transcript, said),
        (
            "POST",
            "/api/jobs/{id}/transcript/versions/{n}/restore",
            f"{transcript}/versions/1/restore",
            None,
        ),
        (
            "POST",
            "/api/transcripts/export",
            "/api/transcripts/export",
            {"jobs": [job["id"]], "formats": ["txt"]},
        ),
        ("POST", "/api/shares", "/api/shares", linked),
        ("DELETE", "/api/shares/{id}", f"/api/shares/{share['id']}", None),
        ("DELETE", "/api/auth/sessions/{id}", f"/api/auth/sessions/{elsewhere}", None),
        ("DELETE", "/api/auth/sessions", "/api/auth/sessions", None),
        ("POST", "/api/jobs/delete", "/api/jobs/delete", {"jobs": [job["id"]]}),
        ("POST", "/api/jobs/{id}/restore", f"/api/jobs/{job['id']}/restore", None),
        ("DELETE", "/api/keys/{id}", f"/api/keys/{key['id']}", None),
        ("POST", "/api/users", "/api/users", ben),
        ("PATCH", "/api/users/{name}", "/api/users/ben", {"role": "viewer"}),
        ("POST", "/api/users/{name}/password", "/api/users/ben/password", {"password": "another horse"}),
        ("DELETE", "/api/users/{name}", "/api/users/ben", None),
        ("PATCH", "/api/webhooks/{id}", webhook, {"enabled": False}),
        ("DELETE", "/api/webhooks/{id}", webhook, None),
        ("PUT", "/api/notices/mail", "/api/notices/mail", {"address": "a@example.org"}),
        ("DELETE", "/api/notices/mail", "/api/notices/mail", None),
        ("DELETE", "/api/jobs/{id}", f"/api/jobs/{job['id']}", None),
        ("POST", "/api/jobs/{id}/restore", f"/api/jobs/{job['id']}/restore", None),
        ("PATCH", "/api/recordings/{id}", recording, {"transcript_days": 7}),
        ("DELETE", "/api/recordings/{id}", recording, None),
        ("POST", "/api/recordings/{id}/restore", f"{recording}/restore", None),
        ("POST", "/api/auth/password", "/api/auth/password", {"old": PASSWORD, "new": "a new horse"}),
        ("POST", "/api/auth/logout", "/api/auth/logout", None),
    ]
    assert {(method, route) for method, route, _path, _body in calls} >= RECORDED.keys() - {
        ("POST", "/api/setup"), ("POST", "/api/auth/login"), ("POST", "/api/keys"),
        ("POST", "/api/webhooks"),
        # Those need codes of the moment, or somebody else who is signed in: test_audit_people.py.
        ("POST", "/api/auth/totp/confirm"), ("POST", "/api/auth/totp/recovery"),
        ("POST", "/api/auth/totp/remove"), ("DELETE", "/api/users/{name}/totp"),
        ("DELETE", "/api/users/{name}/sessions"),
    }  # fmt: skip
    for method, route, path, body in calls:
        before = await box.app[TRAIL].head()
        answer = await page.call(method, path, **({} if body is None else {"json": body}))
        assert answer.status < 300, (path, await answer.text())
        after = (await box.app[TRAIL].page(Filter(), 50)).rows
        new = {row.action: row for row in after if row.seq > before.seq}
        row = new[RECORDED[method, route]]
        assert (row.actor, row.via, row.address) == (ADMIN, "session", "127.0.0.1")
    first = await rows(anna, "action=user.created")
    assert (first[0]["actor"], first[0]["via"]) == (None, "none")


async def test_log_ins_that_work_and_that_fail_are_recorded(box: Box, anna: Person) -> None:
    await box.by_session(ADMIN)
    await box.nobody.post("/api/auth/login", json={"name": ADMIN, "password": "wrong horse"})
    good, bad = (await rows(anna, "action=auth"))[-2:]
    assert (good["action"], good["actor"], good["via"]) == ("auth.login", ADMIN, "session")
    assert (bad["action"], bad["actor"], bad["target"]) == ("auth.failed", None, good["target"])
    assert bad["details"] == {"reason": "wrong_credentials"}


async def test_guessing_passwords_cannot_fill_the_disk(box: Box, anna: Person) -> None:
    failures = box.app[LOGIN_FAILURES]
    failures._tokens, failures._clock = 4.0, lambda: failures._at
    for number in range(40):
        answer = await box.nobody.post(
            "/api/auth/login", json={"name": f"nobody{number}", "password": "a guess, one of many"}
        )
        assert answer.status in (401, 429)
    assert len(await rows(anna, "action=auth.failed")) == 4
    await failures.flush()
    counted = [row["details"].get("count", 1) for row in await rows(anna, "action=auth.failed")]
    assert sum(counted) == 40
    assert len(counted) <= 6


async def test_an_administrator_who_reads_what_is_anothers_is_recorded(box: Box, anna: Person) -> None:
    ben = await box.add("ben", Role.USER)
    job = await (await ben.upload(TALK)).json()
    audio = f"/api/recordings/{job['recording_id']}/audio"
    assert (await ben.get(audio)).status == 200
    assert await actions(anna, "action=audio") == []
    for start in range(3):
        assert (await anna.get(audio, headers={"Range": f"bytes={start}-"})).status == 206
    (row,) = await rows(anna, "action=audio")
    assert (row["action"], row["actor"], row["target"]) == (
        "audio.read", ADMIN, f"recording:{job['recording_id']}",
    )  # fmt: skip
    assert (await ben.get(f"{audio}?download=1")).status == 200
    assert await actions(anna, "action=audio") == ["audio.read", "audio.exported"]


async def test_what_was_refused_to_somebody_is_not_told_as_read(box: Box, anna: Person) -> None:
    ben, eve = await box.add("ben", Role.USER), await box.add("eve", Role.USER)
    job = await (await ben.upload(TALK)).json()
    assert (await eve.get(f"/api/recordings/{job['recording_id']}/audio?download=1")).status == 404
    assert (await eve.get(f"/api/jobs/{job['id']}/transcript?download=1")).status == 404
    assert await actions(anna, "actor=eve") == []


async def test_the_trail_is_for_administrators_alone(box: Box, anna: Person) -> None:
    for path in ("/api/admin/audit", "/api/admin/audit/export"):
        assert (await box.nobody.get(path)).status == 401
        for role in (Role.USER, Role.VIEWER):
            person = await box.add(f"{role.value}-{len(path)}", role)
            assert (await person.get(path)).status == 403
        assert (await anna.get(path)).status == 200


async def test_an_export_is_recorded_before_its_first_row_goes_out(box: Box, anna: Person) -> None:
    assert (await actions(anna))[-1] == "audit.exported"


async def test_no_row_holds_a_secret_a_file_name_or_a_title(box: Box, anna: Person) -> None:
    page = await box.by_session(ADMIN)
    job = await (await page.upload(TALK, "canary-file.wav")).json()
    made = await (await page.post("/api/keys", json={"name": "canary-key"})).json()
    change = {"title": "canary-title", "tags": ["canary-tag"], "audio_days": 1}
    await page.call("PATCH", f"/api/recordings/{job['recording_id']}", json=change)
    await box.nobody.post("/api/auth/login", json={"name": "canary-name", "password": "canary-password"})
    await page.get(f"/api/recordings/{job['recording_id']}/audio?download=1")
    text = await (await anna.get("/api/admin/audit/export")).text()
    assert "recording.retention_changed" in text and "audio.exported" in text
    cookie = page.headers["Cookie"].partition("=")[2]
    for canary in ("canary", PASSWORD, made["secret"], made["prefix"], cookie):
        assert canary not in text


async def test_pages_and_filters_of_the_api_agree_with_the_export(box: Box, anna: Person) -> None:
    for number in range(5):
        await box.add(f"user{number}", Role.USER)
    everything = await rows(anna)
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await (await anna.get(f"/api/admin/audit?limit=3{cursor}")).json()
        seen += page["rows"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    exported = {row["seq"]: row["hash"] for row in everything}
    assert {row["seq"]: row["hash"] for row in seen} == exported
    assert page["head"] == {"seq": seen[0]["seq"], "hash": seen[0]["hash"]}
    moment = everything[4]["time"]
    assert [row["seq"] for row in await rows(anna, f"to={moment}")] == [
        row["seq"] for row in everything if row["time"] < moment
    ]
    target = everything[4]["target"]
    assert {row["target"] for row in await rows(anna, f"target={target}")} == {target}


async def test_the_csv_opens_as_a_table(box: Box, anna: Person) -> None:
    answer = await anna.get("/api/admin/audit/export?format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    table = list(csv.DictReader(io.StringIO(await answer.text(), newline="")))
    assert [row["seq"] for row in table] == [str(number) for number in range(1, len(table) + 1)]
    assert table[0]["action"] == "box.started"


@pytest.mark.parametrize(
    "query",
    [
        "action=nothing", "from=yesterday", "to=1e999", "from=9999-12-31T23:59:59%2B99:00", "limit=0",
        "limit=201", "cursor=x", "cursor=-1", f"actor={'a' * 101}", "format=xml",
    ],
)  # fmt: skip
async def test_a_filter_that_cannot_be_used_is_refused_with_a_sentence(anna: Person, query: str) -> None:
    path = "/api/admin/audit/export" if query.startswith("format") else "/api/admin/audit"
    answer = await anna.get(f"{path}?{query}")
    assert answer.status == 400
    assert (await answer.json())["code"] == "invalid_request"
