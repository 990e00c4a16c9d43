"""The OpenAPI document says what there is, and real answers are what it says."""

from __future__ import annotations

import asyncio
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from harness.application import Box, Person
from stenobox.errors import StenoboxError
from stenobox.web.operations import OPERATIONS
from stenobox.web.routes import ROUTES
from stenobox.web.rules import Who
from storing import wave_bytes

PAGES = {"/", "/setup", "/favicon.ico", "/static/{name:.+}"}


@pytest.fixture
async def document(anna: Person) -> dict[str, Any]:
    answer = await anna.get("/api/openapi.json")
    assert answer.status == 200
    return dict(await answer.json())


def test_every_route_but_the_pages_is_described_and_nothing_else_is() -> None:
    assert set(OPERATIONS) == {(route.method, route.path) for route in ROUTES if route.path not in PAGES}


async def test_the_document_names_every_route_with_its_caller_and_its_refusals(
    document: dict[str, Any],
) -> None:
    assert document["openapi"].startswith("3.1")
    found = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert found.keys() == OPERATIONS.keys()
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    for route in ROUTES:
        if route.path in PAGES:
            continue
        operation = found[route.method, route.path]
        assert bool(operation["security"]) == (route.who is not Who.ANYONE)
        if route.who is not Who.ANYONE:
            assert "not_signed_in" in operation["responses"]["401"]["description"]
        if route.who in (Who.WRITER, Who.ADMIN):
            assert "forbidden" in operation["responses"]["403"]["description"]
        for error in OPERATIONS[route.method, route.path].refusals:
            assert issubclass(error, StenoboxError)
            assert f"`{error.code}`" in operation["responses"][str(error.status)]["description"]


async def test_every_reference_leads_somewhere_and_every_schema_is_one(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema_rs.Draft202012Validator(schema | {"components": {"schemas": schemas}})
    references = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            references.update([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)
    assert references == {f"#/components/schemas/{name}" for name in schemas}


async def test_only_those_who_are_signed_in_read_it(box: Box, anna: Person) -> None:
    assert (await box.nobody.get("/api/openapi.json")).status == 401


async def test_the_answers_about_a_job_are_what_the_document_says(anna: Person) -> None:
    sent = await anna.upload(wave_bytes(0.3), "monday.wav")
    job = said("POST", "/api/jobs", 201, await sent.read())
    while job.state in ("queued", "running"):
        await asyncio.sleep(0.05)
        read = await anna.get(f"/api/jobs/{job.id}")
        job = said("GET", "/api/jobs/{id}", 200, await read.read())
    assert job.state == "done"
    for path in (
        "/api/jobs", "/api/jobs/{id}/segments", "/api/jobs/{id}/transcript", "/api/models", "/api/keys",
        "/api/users", "/api/auth/me", "/api/admin/jobs/stats", "/api/admin/health/system", "/api/setup",
        "/api/admin/models", "/api/admin/settings", "/api/admin/health/performance",
        "/livez", "/readyz",
    ):  # fmt: skip
        read = await anna.get(path.replace("{id}", job.id))
        assert read.status == 200, path
        said("GET", path, 200, await read.read())
    read = await anna.get(f"/api/recordings/{job.recording_id}")
    said("GET", "/api/recordings/{id}", 200, await read.read())


async def test_the_answers_about_an_upload_are_what_the_document_says(anna: Person) -> None:
    content = wave_bytes(0.2)
    begun = await anna.post("/api/uploads/init", json={"filename": "a.wav", "size": len(content)})
    upload = said("POST", "/api/uploads/init", 201, await begun.read())
    put = await anna.call("PUT", f"/api/uploads/{upload.id}/chunk?offset=0", data=content)
    assert said("PUT", "/api/uploads/{id}/chunk", 200, await put.read()).received == len(content)
    for _ in range(2):
        ended = await anna.post(f"/api/uploads/{upload.id}/finalize")
        job = said("POST", "/api/uploads/{id}/finalize", 201, await ended.read())
    read = await anna.get(f"/api/uploads/{upload.id}")
    assert said("GET", "/api/uploads/{id}", 200, await read.read()).job_id == job.id


def said(method: str, path: str, status: int, body: bytes) -> Any:
    """The answer, read as its type; a field that the type does not name is an error."""
    return msgspec.json.decode(body, type=OPERATIONS[method, path].answers[status].kind)
