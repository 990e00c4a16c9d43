"""Every route that makes something makes it once, however often a request comes under its Idempotency-Key."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector, web

from harness.application import Box, Person, running_box, settings_for
from harness.daemon import ADMIN, PASSWORD
from stenobox.app import DATABASE
from stenobox.config import WebhooksSettings
from stenobox.idempotency import fingerprint
from stenobox.serving import control_listener
from stenobox.types import Role
from stenobox.web.keys import ONCE
from stenobox.web.operations import OPERATIONS
from stenobox.web.routes import ROUTES
from storing import Clock

KEY = {"Idempotency-Key": '"tuesday-91c"'}


@dataclasses.dataclass(frozen=True)
class Case:
    """A route, two bodies that it makes something of, and where that is counted."""

    path: str
    body: dict[str, Any]
    other: dict[str, Any]
    table: str


BEN = {"name": "ben", "password": PASSWORD}

CASES = [
    Case("/api/uploads/init", {"filename": "a.wav", "size": 5}, {"filename": "a.wav", "size": 6}, "uploads"),
    Case("/api/keys", {"name": "k"}, {"name": "k", "scopes": ["read"]}, "api_keys"),
    Case("/api/users", BEN, BEN | {"password": "quite another horse"}, "users"),
    Case(
        "/api/webhooks",
        {"url": "https://a.invalid/"},
        {"url": "https://a.invalid/", "title": True},
        "webhooks",
    ),
    Case("/api/shares", {"recording": "talk"}, {"recording": "talk", "days": 3}, "shares"),
]

FORMS = {"/api/jobs", "/v1/audio/transcriptions", "/v1/audio/translations"}
"""Those are in test_idempotency.py."""

NEEDS_NONE = {
    "/api/setup": "its link opens once",
    "/api/uploads/{id}/finalize": "the same job however often it is asked",
    "/api/tus": "the protocol has no word for it; an upload that nobody goes on with expires",
    "/api/auth/totp": "nothing counts before a code confirms it",
}
"""Routes that answer 201 and take no key, with the reason."""

SECRETS = {"/api/keys": "secret", "/api/webhooks": "secret", "/api/shares": "path"}
"""What of an answer is shown once."""

RECORDING = """
INSERT INTO recordings (id, owner_id, sha256, size, filename, created_at)
SELECT 'talk', id, printf('%064d', 0), 1, 'talk.wav', 0 FROM users
"""

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.table)


@pytest.fixture
async def box(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    settings = settings_for(tmp_path / "data", demo_bundle, webhooks=WebhooksSettings(enabled=True))
    async with running_box(settings) as box:
        yield box


@pytest.fixture(autouse=True)
async def recording(box: Box, anna: Person) -> None:
    """Something to share."""
    await execute(box, RECORDING)


async def send(
    person: Person, case: Case, *, other: bool = False, key: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    body = case.other if other else case.body
    answer = await person.post(case.path, json=body, headers=KEY if key is None else key)
    return answer.status, dict(await answer.json())


async def count(box: Box, table: str) -> int:
    async with box.app[DATABASE].read() as reader:
        row = await reader.fetch_one(f"SELECT COUNT(*) AS n FROM {table}")
    assert row is not None
    return int(row["n"])


async def execute(box: Box, statement: str) -> None:
    async with box.app[DATABASE].write() as tx:
        await tx.execute(statement)


def without_secret(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in SECRETS.values()}


def test_every_route_that_makes_something_takes_a_key_or_says_why_not() -> None:
    named = {route.path for route in ROUTES if route.idempotent}
    assert named == {case.path for case in CASES} | FORMS
    making = {
        route.path for route in ROUTES
        if route.method == "POST" and 201 in getattr(OPERATIONS.get(("POST", route.path)), "answers", {})
    }  # fmt: skip
    assert making - named == NEEDS_NONE.keys()


async def test_the_document_says_which_routes_take_a_key_and_what_they_refuse(anna: Person) -> None:
    paths = (await (await anna.get("/api/openapi.json")).json())["paths"]
    for route in ROUTES:
        if (route.method, route.path) not in OPERATIONS:
            continue
        operation = paths[route.path][route.method.lower()]
        names = [parameter["name"] for parameter in operation.get("parameters", ())]
        assert ("Idempotency-Key" in names) == route.idempotent
        refused = operation["responses"].get("422", {}).get("description", "")
        assert ("key_reused" in refused) == route.idempotent


@each
async def test_a_repeat_answers_with_what_the_first_request_made(box: Box, anna: Person, case: Case) -> None:
    before = await count(box, case.table)
    status, first = await send(anna, case)
    told = await count(box, "audit")
    again, repeat = await send(anna, case)
    assert status == again == 201, repeat
    assert without_secret(first) == without_secret(repeat)
    assert await count(box, case.table) == before + 1
    assert await count(box, "audit") == told


@each
async def test_a_secret_is_told_once_and_the_repeat_says_that_there_is_none(
    box: Box, anna: Person, case: Case
) -> None:
    first, repeat = (await send(anna, case))[1], (await send(anna, case))[1]
    assert first.keys() == repeat.keys()
    if case.path in SECRETS:
        assert first[SECRETS[case.path]]
        assert repeat[SECRETS[case.path]] is None
    else:
        assert not first.keys() & set(SECRETS.values())


async def test_a_repeat_leaves_the_key_of_the_first_answer_as_it_was(box: Box, anna: Person) -> None:
    case = CASES[1]
    secret = (await send(anna, case))[1]["secret"]
    await send(anna, case)
    assert (await Person(box.client, {"Authorization": f"Bearer {secret}"}).get("/api/auth/me")).status == 200


@each
async def test_the_key_with_another_body_is_refused_and_makes_nothing(
    box: Box, anna: Person, case: Case
) -> None:
    await send(anna, case)
    before = await count(box, case.table)
    status, problem = await send(anna, case, other=True)
    assert (status, problem["code"]) == (422, "key_reused")
    assert await count(box, case.table) == before


@each
async def test_the_key_at_another_route_is_refused(anna: Person, case: Case) -> None:
    await send(anna, case)
    for other in CASES:
        if other is not case:
            status, problem = await send(anna, other)
            assert (status, problem["code"]) == (422, "key_reused")


@each
async def test_how_the_body_is_written_does_not_matter(anna: Person, case: Case) -> None:
    await send(anna, case)
    turned = dataclasses.replace(case, body=dict(reversed(case.body.items())))
    assert (await send(anna, turned))[0] == 201


@each
async def test_the_key_of_somebody_else_is_no_key_of_mine(box: Box, anna: Person, case: Case) -> None:
    ada = await box.add("ada", Role.ADMIN)
    mine = (await send(anna, case))[1]
    if case.table == "users":
        status, problem = await send(ada, case)
        assert (status, problem["code"]) == (422, "name_taken")
        return
    status, theirs = await send(ada, case)
    assert status == 201
    assert mine["id"] != theirs["id"]


@each
async def test_without_a_key_or_under_another_it_is_another_request(
    box: Box, anna: Person, case: Case
) -> None:
    answers = [await send(anna, case, key=key) for key in ({}, {}, KEY, {"Idempotency-Key": "another"})]
    if case.table == "users":
        assert [status for status, _ in answers] == [201, 422, 422, 422]
        assert {body["code"] for status, body in answers if status == 422} == {"name_taken"}
    else:
        assert len({body["id"] for _, body in answers}) == 4


@each
async def test_repeats_at_the_same_moment_make_one_thing(box: Box, anna: Person, case: Case) -> None:
    before = await count(box, case.table)
    answers = await asyncio.gather(*(send(anna, case) for _ in range(8)))
    assert {status for status, _ in answers} == {201}
    assert len({body["id"] for _, body in answers}) == 1
    assert await count(box, case.table) == before + 1
    if case.path in SECRETS:
        assert len([body for _, body in answers if body[SECRETS[case.path]] is not None]) == 1


@each
async def test_what_cannot_be_remembered_is_not_made(box: Box, anna: Person, case: Case) -> None:
    before, rows = await count(box, case.table), await count(box, "audit")
    await execute(
        box,
        "CREATE TRIGGER no_room BEFORE INSERT ON named_requests BEGIN SELECT RAISE(ABORT, 'no room'); END",
    )
    assert (await send(anna, case))[0] == 500
    assert await count(box, case.table) == before
    assert await count(box, "audit") == rows
    await execute(box, "DROP TRIGGER no_room")
    status, made = await send(anna, case)
    assert status == 201
    assert made.get(SECRETS.get(case.path, "id")) is not None
    assert await count(box, case.table) == before + 1


async def test_a_request_that_was_refused_may_come_again_under_its_key(anna: Person) -> None:
    weak = Case("/api/users", BEN | {"password": "password"}, BEN, "users")
    assert (await send(anna, weak))[1]["code"] == "weak_password"
    assert (await send(anna, weak, other=True))[0] == 201


@each
@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ключ"])
async def test_a_key_that_is_none_is_refused_and_makes_nothing(
    box: Box, anna: Person, case: Case, key: str
) -> None:
    before = await count(box, case.table)
    status, problem = await send(anna, case, key={"Idempotency-Key": key})
    assert (status, problem["code"]) == (400, "invalid_request")
    assert await count(box, case.table) == before


@each
async def test_a_key_is_forgotten_after_a_day(
    box: Box, anna: Person, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(box.app[ONCE], "_clock", clock)
    made = (await send(anna, case))[1]["id"]
    clock.now += 24 * 3_600 - 1
    assert (await send(anna, case))[1]["id"] == made
    clock.now += 1
    status, late = await send(anna, case)
    if case.table == "users":
        assert (status, late["code"]) == (422, "name_taken")
    else:
        assert late["id"] != made


async def test_a_key_that_was_revoked_does_not_come_back(box: Box, anna: Person) -> None:
    case = CASES[1]
    made = (await send(anna, case))[1]["id"]
    assert (await anna.delete(f"/api/keys/{made}")).status == 204
    status, problem = await send(anna, case)
    assert (status, problem["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("case", "address"),
    [
        (CASES[0], "/api/uploads/{id}"),
        (CASES[2], "/api/users/ben"),
        (CASES[3], "/api/webhooks/{id}"),
        (CASES[4], "/api/shares/{id}"),
    ],
    ids=["uploads", "users", "webhooks", "shares"],
)
async def test_a_request_is_forgotten_with_what_it_made(
    box: Box, anna: Person, case: Case, address: str
) -> None:
    made = (await send(anna, case))[1]
    assert (await anna.delete(address.format(id=made["id"]))).status in (200, 204)
    assert await count(box, "named_requests") == 0
    # An account of the same number, which is nobody that the request has made.
    await box.add("eve", Role.USER)
    status, newer = await send(anna, case)
    assert status == 201
    assert newer.get("name", "ben") == "ben"


async def test_who_may_not_ask_any_more_is_not_answered_from_before(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.1.3."""
    await box.add("ada", Role.ADMIN)
    ada = await box.by_session("ada")
    for_another, user = Case("/api/keys", {"name": "k", "user": ADMIN}, {}, "api_keys"), CASES[2]
    assert (await send(ada, for_another, key={"Idempotency-Key": "1"}))[0] == 201
    assert (await send(ada, user, key={"Idempotency-Key": "2"}))[0] == 201
    await anna.call("PATCH", "/api/users/ada", json={"role": "user"})
    for number, case in (("1", for_another), ("2", user)):
        status, problem = await send(ada, case, key={"Idempotency-Key": number})
        assert (status, problem["code"]) == (403, "forbidden")


async def test_what_is_kept_of_a_request_gives_no_quick_way_to_guess_its_password(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 2.4.1."""
    await send(anna, CASES[2])
    async with box.app[DATABASE].read() as reader:
        row = await reader.fetch_one("SELECT sha256 FROM named_requests")
    assert row is not None
    for body in (f'{{"name":"ben","password":"{word}","role":"user"}}' for word in (PASSWORD, "")):
        for more in ((), (PASSWORD,)):
            assert row["sha256"] != fingerprint("POST", "/api/users", body, *more)


async def test_the_operator_who_has_no_account_is_told_so(box: Box, anna: Person, tmp_path: Path) -> None:
    runner = box.client.server.runner
    assert runner is not None
    path = tmp_path / "operator.sock"
    listener = await asyncio.to_thread(control_listener, path)
    await web.SockSite(runner, listener).start()
    async with ClientSession(connector=UnixConnector(str(path))) as operator:
        for headers, status in ((KEY, 400), ({}, 201)):
            answer = await operator.post("http://localhost/api/users", json=BEN, headers=headers)
            assert answer.status == status
            await answer.read()
