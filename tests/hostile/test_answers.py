"""What answers carry and what they keep to themselves. Every test's name states a security property."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from harness.application import Box, Person, running_box, settings_for
from harness.daemon import ADMIN, multipart
from harness.refusals import code_of
from stenobox.config import MetricsSettings
from stenobox.types import Role
from stenobox.web.keys import ACCOUNTS
from storing import wave_bytes

TALK = wave_bytes(0.2)

TRAVERSALS = (
    "/static/../stenobox.db",
    "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2fetc%2fpasswd",
    "/static//etc/passwd",
    "/static/js/../../README.md",
    "/static/js/..\\..\\README.md",
    "/static/%00index.html",
    "/static/.git/config",
    "/static/index.html/",
    "/static/js",
)


async def test_static_files_are_only_those_of_the_page(box: Box, anna: Person) -> None:
    for path in TRAVERSALS:
        # A raw request: a client library would tidy the path up first.
        async with box.connected() as (reader, writer):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = await asyncio.wait_for(reader.read(), 30)
        assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), path


@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
async def test_a_file_name_cannot_break_out_of_its_header(box: Box, anna: Person) -> None:
    name = 'a\\"; filename=\\"evil.html\\"\u202eé.wav'
    kind, body = multipart({}, [(name, TALK)])
    job = await (await anna.post("/api/jobs", data=body, headers={"Content-Type": kind})).json()
    assert "evil.html" in job["filename"]
    assert "\u202e" not in job["filename"]
    answer = await anna.get(f"/api/recordings/{job['recording_id']}/audio?download=1")
    header = answer.headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename=\"[A-Za-z0-9 ._()-]+\"; filename\*=UTF-8''[!-~]+", header)


async def test_a_recording_never_comes_back_as_something_a_browser_would_run(box: Box, anna: Person) -> None:
    # A WAV file that also is a page, for a browser that guesses.
    job = await (await anna.upload(TALK + b"<script>alert(1)</script>", filename="x.html")).json()
    answer = await anna.get(f"/api/recordings/{job['recording_id']}/audio")
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_every_answer_carries_the_security_headers(box: Box, anna: Person) -> None:
    paths = ["/", "/static/js/main.js", "/livez", "/api/auth/me", "/api/nothing", "/api/jobs/x", "/metrics"]
    for path in paths:
        headers = (await anna.get(path)).headers
        csp = headers["Content-Security-Policy"]
        assert "default-src 'none'" in csp and "unsafe" not in csp, path
        assert "frame-ancestors 'none'" in csp
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "microphone=()" in headers["Permissions-Policy"]
        assert "aiohttp" not in headers["Server"].lower()
        if path.startswith("/api"):
            assert headers["Cache-Control"] == "no-store"


async def test_metrics_need_a_key_or_an_administrator_unless_made_public(
    box: Box, anna: Person, tmp_path: Path, demo_bundle: Path
) -> None:
    bob = await box.add("bob", Role.USER)
    assert (await box.nobody.get("/metrics")).status == 401
    assert (await bob.get("/metrics")).status == 200
    assert (await (await box.by_session("bob")).get("/metrics")).status == 401
    assert (await (await box.by_session(ADMIN)).get("/metrics")).status == 200
    settings = settings_for(tmp_path / "other", demo_bundle, metrics=MetricsSettings(public=True))
    async with running_box(settings) as other:
        assert (await other.nobody.get("/metrics")).status == 200


async def test_probes_tell_the_anonymous_no_details(box: Box) -> None:
    for path in ("/livez", "/readyz"):
        body = await (await box.nobody.get(path)).json()
        assert set(body) <= {"status", "failing"}
        assert all(re.fullmatch(r"[a-z]+", name) for name in body.get("failing", []))


async def test_an_unexpected_fault_tells_the_caller_nothing_but_its_request_id(
    box: Box, anna: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise RuntimeError("the secret is hunter2")

    monkeypatch.setattr(box.app[ACCOUNTS], "list_users", broken)
    answer = await anna.get("/api/users")
    body = await answer.json()
    assert answer.status == 500
    assert body["code"] == "internal"
    assert body["request_id"] in body["detail"]
    assert "hunter2" not in await answer.text()


async def test_a_body_that_is_too_large_for_json_is_refused(box: Box, anna: Person) -> None:
    answer = await anna.post("/api/keys", json={"name": "x" * 70_000})
    assert answer.status == 413
    assert code_of(await answer.json()) == "body_too_large"
