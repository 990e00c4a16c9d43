"""Corrections, search and glossaries in the hands of people who mean harm."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from harness.application import Box, Person
from harness.daemon import PASSWORD, Daemon
from stenobox.types import Role
from storing import wave_bytes

CANARY = "qcanary"


@pytest.fixture
async def job(box: Box, anna: Person) -> dict[str, Any]:
    """A job of bob's that is done, with a correction that holds the canary."""
    bob = await box.add("bob", Role.USER)
    sent = await (await bob.upload(wave_bytes(2.0))).json()
    while True:
        if (await (await bob.get(f"/api/jobs/{sent['id']}")).json())["state"] == "done":
            break
        await asyncio.sleep(0.05)
    lines = [{"start": 0, "end": 1, "text": f"<script>{CANARY}</script>"}]
    path = f"/api/jobs/{sent['id']}/transcript"
    assert (await bob.call("PUT", path, json={"segments": lines})).status == 200
    return dict(sent)


async def test_no_search_of_anybody_else_tells_that_a_text_is_there(
    box: Box, anna: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 4.1.3 and 4.2.1: neither hits, nor their number, nor a difference in the answer."""
    carla = await box.add("carla", Role.USER)
    # Bob's is the second account, which is what the index knows him by.
    for query in (CANARY, f"{CANARY[:4]}*", f"\ue0002 {CANARY}", f"scope:\ue0002 OR {CANARY}", f'"{CANARY}"'):
        answers = []
        for wanted in (query, query.replace(CANARY[:4], "nowhere")):
            answer = await carla.get("/api/search", params={"q": wanted})
            answers.append((answer.status, await answer.json()))
        assert answers[0] == answers[1] == (200, {"hits": [], "total": 0, "complete": True, "next": None})
    found = await (await anna.get("/api/search", params={"q": CANARY})).json()
    assert found["total"] == 1


async def test_a_cursor_of_somebody_else_opens_nothing(box: Box, anna: Person, job: dict[str, Any]) -> None:
    """OWASP ASVS 4.2.1."""
    carla = await box.add("carla", Role.USER)
    for cursor in ("WzEsMF0", "Wzk5OTk5LDBd"):  # [1,0] and [99999,0]
        answer = await carla.get("/api/search", params={"q": CANARY, "cursor": cursor})
        assert (await answer.json())["hits"] == []


async def test_what_somebody_wrote_is_never_a_document_of_the_box(
    box: Box, anna: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 5.3.3 and 14.4.1: texts go out as data, with types that no browser runs."""
    for path in (
        f"/api/search?q={CANARY}",
        f"/api/jobs/{job['id']}/transcript",
        f"/api/jobs/{job['id']}/transcript/versions/2",
        f"/api/jobs/{job['id']}/transcript/versions/2/diff",
    ):
        answer = await anna.get(path)
        assert answer.status == 200
        assert answer.content_type == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_another_sites_page_corrects_nothing(box: Box, anna: Person, job: dict[str, Any]) -> None:
    """OWASP ASVS 4.2.2."""
    browser = await box.by_session("bob")
    path = f"/api/jobs/{job['id']}/transcript"
    for method, address, body in (
        ("PUT", path, {"segments": []}),
        ("POST", f"{path}/versions/1/restore", None),
        ("PUT", "/api/glossary", {"words": ["x"]}),
    ):
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        answer = await browser.call(method, address, json=body, headers=headers)
        assert (answer.status, (await answer.json())["code"]) == (403, "cross_site")
    assert (await (await anna.get(path)).json())["version"] == 2


def test_no_text_no_query_and_no_word_gets_into_the_log(tmp_path: Path, demo_bundle: Path) -> None:
    """OWASP ASVS 7.1.1, at the level that says most."""
    with Daemon(tmp_path / "data", model=demo_bundle, settings={"log.level": "debug"}) as box:
        box.set_up()
        box.wait_ready()
        job_id = box.upload(wave_bytes(2.0)).json["id"]
        box.wait_for(job_id, "done")
        path = f"/api/jobs/{job_id}/transcript"
        good, bad = {"start": 0, "end": 1, "text": f"{CANARY} one"}, {"start": 0, "end": 99, "text": CANARY}
        assert box.request("PUT", path, json_body={"segments": [good]}).status == 200
        assert box.request("PUT", path, json_body={"segments": [bad]}).status == 400
        assert box.request("PUT", path, json_body={"segments": [{CANARY: 1}]}).status == 400
        assert box.request("PUT", "/api/glossary", json_body={"words": [CANARY, "<|" + CANARY]}).status == 400
        assert box.request("PUT", "/api/glossary", json_body={"words": [CANARY]}).status == 200
        assert box.get(f"/api/search?q={CANARY}").json["total"] == 1
        assert box.get(f"/api/search?q=%22{CANARY}").status == 400
        assert box.get(f"{path}/versions/2/diff").status == 200
        box.wait_for(box.upload(wave_bytes(2.0, 3)).json["id"], "done")
        box.stop()
        assert box.log
        assert CANARY not in "".join(box.log) + "".join(box.stdout)
        assert PASSWORD not in json.dumps(box.log)
