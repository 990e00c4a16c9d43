"""What sharing lets others do, and what not. Every test's name states a security property."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from harness.application import Box, Person, ended
from harness.daemon import ADMIN
from harness.refusals import address, code_of
from stenobox.app import DATABASE
from stenobox.types import Role, Scope
from stenobox.web.routes import ROUTES
from stenobox.web.rules import Who
from storing import wave_bytes

TALK = wave_bytes(0.5)

SHAREABLE = ("/api/jobs/{id}", "/api/recordings/{id}")

CORRECTING = {
    ("PUT", "/api/jobs/{id}/transcript"),
    ("POST", "/api/jobs/{id}/transcript/versions/{n}/restore"),
}

LINKED = [route for route in ROUTES if route.path.startswith("/api/links/")]

BODIES: dict[str, Any] = {
    "/api/jobs/{id}/priority": {"priority": "batch"},
    "/api/recordings/{id}": {"title": "mine now"},
    "/api/jobs/{id}/transcript": {"segments": [{"start": 0, "end": 0.1, "text": "Mine."}]},
}


@pytest.fixture
async def bob(box: Box, anna: Person) -> Person:
    return await box.add("bob", Role.USER)


@pytest.fixture
async def carla(box: Box, anna: Person) -> Person:
    return await box.add("carla", Role.USER)


@pytest.fixture
async def job(bob: Person) -> dict[str, Any]:
    """Bob's, with a transcript."""
    sent = await (await bob.upload(TALK)).json()
    return await ended(bob, sent["id"])


async def share(owner: Person, **body: Any) -> dict[str, Any]:
    answer = await owner.post("/api/shares", json=body)
    assert answer.status == 201, await answer.text()
    return dict(await answer.json())


async def linked(owner: Person, **body: Any) -> str:
    """The token of a new link."""
    path = (await share(owner, **body))["path"]
    assert path.startswith("/#/link/")
    return str(path.rpartition("/")[2])


def routes_of_shareable() -> list[tuple[str, str]]:
    return [
        (route.method, route.path)
        for route in ROUTES
        if route.path.startswith(SHAREABLE) and route.who is not Who.ANYONE
    ]


async def outcomes(person: Person, job: dict[str, Any]) -> dict[tuple[str, str], tuple[int, str | None]]:
    """What every route on a job and its recording answers: the status, and the code of a refusal."""
    found: dict[tuple[str, str], tuple[int, str | None]] = {}
    for method, path in routes_of_shareable():
        names = {"id": job["recording_id"] if "recordings" in path else job["id"]}
        body = {} if method in ("GET", "DELETE") else {"json": BODIES.get(path, {})}
        route = next(route for route in ROUTES if (route.method, route.path) == (method, path))
        answer = await person.call(method, address(route, **names), **body)
        refused = answer.status >= 400
        found[method, path] = (answer.status, code_of(await answer.json()) if refused else None)
    return found


@pytest.mark.parametrize("rights", ["read", "edit"])
async def test_whoever_may_read_or_correct_is_refused_every_other_change(
    bob: Person, carla: Person, job: dict[str, Any], rights: str
) -> None:
    """OWASP ASVS 4.1.2, 4.2.1: a walk through every route on jobs and recordings."""
    await share(bob, recording=job["recording_id"], user="carla", rights=rights)
    walk = await outcomes(carla, job)
    assert len(walk) > 15
    for (method, path), (status, code) in walk.items():
        if method == "GET" or (rights == "edit" and (method, path) in CORRECTING):
            assert status == 200, (method, path, code)
        elif path.endswith("/restore") and "versions" not in path:
            # Only what is in the trash comes out of it, and the trash is its owner's.
            assert (status, code) == (404, "not_found"), (method, path)
        else:
            assert (status, code) == (403, "not_yours"), (method, path)
    after = await (await bob.get(f"/api/jobs/{job['id']}")).json()
    assert {name: after[name] for name in ("state", "title", "priority")} == {
        name: job[name] for name in ("state", "title", "priority")
    }


async def test_what_is_not_shared_or_no_longer_does_not_exist(
    bob: Person, carla: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 4.2.1."""
    assert {status for status, _code in (await outcomes(carla, job)).values()} == {404}
    made = await share(bob, recording=job["recording_id"], user="carla")
    assert (await carla.get(f"/api/jobs/{job['id']}")).status == 200
    assert (await bob.delete(f"/api/shares/{made['id']}")).status == 204
    assert {status for status, _code in (await outcomes(carla, job)).values()} == {404}
    for kind in ("jobs", "recordings"):
        assert (await (await carla.get(f"/api/{kind}?shared=1")).json())[kind] == []


async def test_what_is_shared_tells_its_owner_and_what_one_may_do(
    bob: Person, carla: Person, anna: Person, job: dict[str, Any]
) -> None:
    await share(bob, recording=job["recording_id"], user="carla")
    for person, access in ((bob, "own"), (carla, "read"), (anna, "own")):
        seen = await (await person.get(f"/api/jobs/{job['id']}")).json()
        assert (seen["owner"], seen["access"]) == ("bob", access)
        entry = await (await person.get(f"/api/recordings/{job['recording_id']}")).json()
        assert (entry["owner"], entry["access"]) == ("bob", access)
    listed = (await (await carla.get("/api/jobs?shared=1")).json())["jobs"]
    assert [(each["id"], each["owner"], each["access"]) for each in listed] == [(job["id"], "bob", "read")]


async def test_nobody_shares_lists_or_takes_back_what_is_anothers(
    box: Box, bob: Person, carla: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 4.2.1."""
    await box.add("dora", Role.USER)
    made = await share(bob, recording=job["recording_id"], user="dora", rights="edit")
    for body in ({"user": "carla"}, {}):
        answer = await carla.post("/api/shares", json={"recording": job["recording_id"], **body})
        assert answer.status == 404
    assert (await carla.get(f"/api/shares?recording={job['recording_id']}")).status == 404
    assert (await carla.delete(f"/api/shares/{made['id']}")).status == 404
    assert (await (await carla.get("/api/shares")).json())["shares"] == []
    dora = await box.by_key("dora")
    answer = await dora.post("/api/shares", json={"recording": job["recording_id"], "user": "carla"})
    assert (answer.status, code_of(await answer.json())) == (403, "not_yours")


async def test_a_viewer_shares_nothing_but_may_leave_what_is_shared(
    box: Box, bob: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 4.1.3."""
    vera = await box.add("vera", Role.VIEWER)
    made = await share(bob, recording=job["recording_id"], user="vera", rights="edit")
    assert (await vera.get(f"/api/jobs/{job['id']}/transcript")).status == 200
    body = BODIES["/api/jobs/{id}/transcript"]
    answer = await vera.call("PUT", f"/api/jobs/{job['id']}/transcript", json=body)
    assert (answer.status, code_of(await answer.json())) == (403, "forbidden")
    assert (await vera.get("/api/people")).status == 403
    received = (await (await vera.get("/api/shares?received=1")).json())["shares"]
    assert [(each["id"], each["owner"]) for each in received] == [(made["id"], "bob")]
    assert (await (await vera.get("/api/shares")).json())["shares"] == []
    assert (await vera.delete(f"/api/shares/{made['id']}")).status == 204
    assert (await vera.get(f"/api/jobs/{job['id']}/transcript")).status == 404


async def test_an_administrators_key_without_the_scope_admin_sees_only_its_owners_shares(
    box: Box, anna: Person, bob: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 4.1.3: least privilege."""
    made = await share(bob, recording=job["recording_id"])
    script = await box.by_key(ADMIN, Scope.READ, Scope.UPLOAD)
    assert len((await (await anna.get("/api/shares")).json())["shares"]) == 1
    assert (await (await script.get("/api/shares")).json())["shares"] == []
    assert (await script.delete(f"/api/shares/{made['id']}")).status == 404


async def test_a_stream_that_is_open_tells_nothing_more_once_it_is_taken_back(
    box: Box, bob: Person, carla: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 4.2.1."""
    made = await share(bob, recording=job["recording_id"], user="carla")
    stream = await box.client.get("/api/events", headers=carla.headers)
    recording = f"/api/recordings/{job['recording_id']}"
    await bob.call("PATCH", recording, json={"title": "while shared"})
    text = b""
    while b"while shared" not in text:
        text += await asyncio.wait_for(stream.content.readany(), 60)
    assert b'"access":"read"' in text
    await bob.delete(f"/api/shares/{made['id']}")
    await bob.call("PATCH", recording, json={"title": "not any more"})
    await (await carla.upload(wave_bytes(0.2, pitch=3))).json()
    text = b""
    while b'"owner":"carla"' not in text:
        text += await asyncio.wait_for(stream.content.readany(), 60)
    assert b"event: reload" in text
    assert b"not any more" not in text
    stream.close()


def paths_of_link(token: str, job: dict[str, Any]) -> list[str]:
    """Every route of links, of this job and its recording."""
    names = {"token": token}
    return [
        address(route, id=job["recording_id"] if "recordings" in route.path else job["id"], **names)
        for route in LINKED
    ]


async def test_a_link_opens_its_recording_without_an_account_and_only_to_read(
    box: Box, bob: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 4.1.3."""
    token = await linked(bob, recording=job["recording_id"])
    paths = paths_of_link(token, job)
    assert len(paths) == 4
    for path in paths:
        answer = await box.nobody.get(path)
        assert answer.status == 200, (path, await answer.text())
        for method in ("PUT", "POST", "PATCH", "DELETE"):
            assert (await box.nobody.call(method, path, json={})).status == 405
    contents = await (await box.nobody.get(paths[0])).json()
    assert (contents["owner"], contents["folder"], contents["more"]) == ("bob", False, False)
    (recording,) = contents["recordings"]
    assert (recording["id"], [each["id"] for each in recording["jobs"]]) == (job["recording_id"], [job["id"]])
    audio = await box.nobody.get(paths[2], headers={"Range": "bytes=0-3"})
    assert (audio.status, await audio.read()) == (206, b"RIFF")


async def test_a_link_opens_nothing_else(box: Box, bob: Person, carla: Person, job: dict[str, Any]) -> None:
    """OWASP ASVS 4.2.1."""
    token = await linked(bob, recording=job["recording_id"])
    own = await (await bob.upload(wave_bytes(0.5, pitch=9))).json()
    theirs = await (await carla.upload(wave_bytes(0.5, pitch=8))).json()
    for other in (own, theirs):
        for path in paths_of_link(token, other)[1:]:
            assert (await box.nobody.get(path)).status == 404, path
    for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"__Host-stenobox_session={token}"}):
        stranger = Person(box.client, headers)
        for path in ("/api/jobs", f"/api/jobs/{job['id']}", "/api/auth/me", "/api/shares"):
            assert (await stranger.get(path)).status == 401


async def test_a_link_that_ended_is_the_same_as_none(box: Box, bob: Person, job: dict[str, Any]) -> None:
    """OWASP ASVS 3.3.1, 4.2.1."""
    token, other = [await linked(bob, recording=job["recording_id"]) for _ in range(2)]
    shares = (await (await bob.get("/api/shares")).json())["shares"]
    await bob.delete(f"/api/shares/{shares[0]['id']}")
    async with box.app[DATABASE].write() as tx:
        await tx.execute("UPDATE shares SET expires_at = 1")
    nothing = await (await box.nobody.get(paths_of_link("0" * 48, job)[0])).json()
    for dead in (token, other):
        for path in paths_of_link(dead, job):
            answer = await box.nobody.get(path)
            assert (answer.status, (await answer.json())["detail"]) == (404, nothing["detail"])


async def test_disabling_an_account_shuts_its_links_at_once(
    box: Box, anna: Person, bob: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 3.3.2."""
    token = await linked(bob, recording=job["recording_id"])
    assert (await anna.call("PATCH", "/api/users/bob", json={"disabled": True})).status == 200
    for path in paths_of_link(token, job):
        assert (await box.nobody.get(path)).status == 404


async def test_a_token_is_shown_once_and_no_list_holds_it(
    bob: Person, anna: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 2.9.1, 8.3.4."""
    token = await linked(bob, recording=job["recording_id"])
    for person in (bob, anna):
        for path in ("/api/shares", f"/api/shares?recording={job['recording_id']}"):
            text = await (await person.get(path)).text()
            assert "sh_" in text
            assert token not in text and "path" not in text


async def test_what_a_link_leads_to_stays_out_of_search_engines_caches_and_referrers(
    box: Box, bob: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 8.2.1, 14.4.6."""
    token = await linked(bob, recording=job["recording_id"])
    for path in paths_of_link(token, job):
        headers = (await box.nobody.get(path)).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"].startswith("noindex")
        assert "no-store" in headers["Cache-Control"] or "private" in headers["Cache-Control"]


async def rows(anna: Person, action: str) -> list[dict[str, Any]]:
    answer = await anna.get(f"/api/admin/audit/export?action={action}")
    return [json.loads(line) for line in (await answer.text()).splitlines()]


async def test_what_whoever_has_a_link_does_is_recorded_and_the_token_is_not(
    box: Box, anna: Person, bob: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 7.1.1, 7.2.2."""
    made = await share(bob, recording=job["recording_id"])
    token = made["path"].rpartition("/")[2]
    for path in paths_of_link(token, job):
        for _ in range(2):
            await box.nobody.get(path)
            # Whoever is signed in beside it is not taken for the one who has the link.
            await bob.get(path)
    await box.nobody.get(f"/api/links/{token}/jobs/{job['id']}/transcript?format=txt&download=1")
    (created,) = await rows(anna, "share.created")
    assert (created["actor"], created["target"]) == ("bob", f"share:{made['id']}")
    (opened,) = await rows(anna, "share.opened")
    assert (opened["actor"], opened["via"], opened["address"]) == (None, "link", "127.0.0.1")
    for action in ("transcript.read", "audio.read", "transcript.exported"):
        (row,) = await rows(anna, action)
        assert (row["actor"], row["via"], row["details"]["share"]) == (None, "link", made["id"])
    everything = await (await anna.get("/api/admin/audit/export")).text()
    assert token not in everything


async def test_whoever_reads_what_is_shared_with_them_is_recorded(
    anna: Person, bob: Person, carla: Person, job: dict[str, Any]
) -> None:
    """OWASP ASVS 7.1.3."""
    await share(bob, recording=job["recording_id"], user="carla")
    await carla.get(f"/api/jobs/{job['id']}/transcript")
    (row,) = await rows(anna, "transcript.read")
    assert (row["actor"], row["target"]) == ("carla", f"job:{job['id']}")


async def test_names_of_accounts_are_told_to_those_who_may_share_and_disabled_ones_to_nobody(
    box: Box, anna: Person, bob: Person, carla: Person
) -> None:
    """OWASP ASVS 8.3.4."""
    assert (await (await bob.get("/api/people")).json())["people"] == [ADMIN, "carla"]
    await anna.call("PATCH", "/api/users/carla", json={"disabled": True})
    assert (await (await bob.get("/api/people")).json())["people"] == [ADMIN]
    assert (await box.nobody.get("/api/people")).status == 401


@pytest.mark.parametrize(
    "body",
    [
        {}, {"recording": "x", "tag": "y"}, {"recording": "none", "rights": "own"}, {"tag": ""},
        {"recording": 3}, {"recording": "x", "days": 0}, {"recording": "x", "days": 366}, {"user": "carla"},
        {"recording": "x", "surprise": True}, {"recording": "x", "rights": "edit"},
    ],
)  # fmt: skip
async def test_a_share_that_makes_no_sense_is_refused_with_a_sentence(
    bob: Person, body: dict[str, Any]
) -> None:
    answer = await bob.post("/api/shares", json=body)
    assert answer.status == 400, await answer.text()
    assert (await answer.json())["detail"]
