"""Corrections of transcripts and the search, over HTTP on the running application."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse

from harness.application import Box, Person, ended
from stenobox.editing.lines import MAX_LINES
from stenobox.exports import FORMATS
from stenobox.types import Role
from stenobox.web.operations import OPERATIONS
from stenobox.web.texts import MAX_BODY
from storing import wave_bytes

TALK = wave_bytes(3.0)
LINES = [
    {"start": 0.0, "end": 1.0, "text": "Welcome to the board meeting."},
    {"start": 1.0, "end": 2.5, "text": "The black computer is on the table."},
]


async def job_of(person: Person, name: str = "monday.wav", pitch: int = 0) -> dict[str, Any]:
    sent = await (await person.upload(wave_bytes(3.0, pitch), name, language="en")).json()
    job = await ended(person, sent["id"])
    assert job["state"] == "done"
    return job


@pytest.fixture
async def job(anna: Person) -> dict[str, Any]:
    """A job of anna that is done."""
    return await asyncio.wait_for(job_of(anna), 120)


@pytest.fixture
def path(job: dict[str, Any]) -> str:
    return f"/api/jobs/{job['id']}/transcript"


async def put(person: Person, path: str, lines: list[dict[str, Any]], **headers: str) -> ClientResponse:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await put_bytes(person, path, msgspec.json.encode({"segments": lines}), **sent)


async def put_bytes(person: Person, path: str, body: bytes, **headers: str) -> ClientResponse:
    sent = {"Content-Type": "application/json", **headers}
    return await person.call("PUT", path, data=io.BytesIO(body), headers=sent)


async def refused(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


async def said(method: str, path: str, answer: ClientResponse) -> Any:
    """The answer, read as the type that the OpenAPI document is made from."""
    assert answer.status == 200, await answer.text()
    kind = OPERATIONS[method, path].answers[200].kind
    return msgspec.json.decode(await answer.read(), type=kind)


async def test_a_correction_is_read_in_every_format_with_its_version(anna: Person, path: str) -> None:
    before = await anna.get(path)
    assert ((await before.json())["version"], before.headers["ETag"]) == (1, '"1"')
    answer = await put(anna, path, LINES)
    made = await said("PUT", "/api/jobs/{id}/transcript", answer)
    assert (made.version, answer.headers["ETag"]) == (2, '"2"')
    assert await (await anna.get(path)).json() == await answer.json()
    for form in FORMATS:
        answer = await anna.get(f"{path}?format={form}")
        assert answer.headers["ETag"] == '"2"'
        content = await answer.read()
        if form == "docx":
            with zipfile.ZipFile(io.BytesIO(content)) as document:
                content = document.read("word/document.xml")
        assert b"The black computer" in content, form


async def test_versions_are_listed_read_compared_and_gone_back_to(anna: Person, path: str) -> None:
    await put(anna, path, LINES)
    await put(anna, path, [LINES[0], {**LINES[1], "text": "The black piano is on the table."}])
    route = "/api/jobs/{id}/transcript/versions"
    listed = await said("GET", route, await anna.get(f"{path}/versions"))
    assert [(each.number, each.author) for each in listed.versions] == [(1, None), (2, "anna"), (3, "anna")]
    second = await said("GET", f"{route}/{{n}}", await anna.get(f"{path}/versions/2"))
    assert [line.text for line in second.segments] == [line["text"] for line in LINES]
    for query in ("", "?against=2"):
        found = await said("GET", f"{route}/{{n}}/diff", await anna.get(f"{path}/versions/3/diff{query}"))
        assert (found.number, found.against, found.same) == (3, 2, 1)
        assert [(part.kind, part.text) for part in found.changes[0].parts] == [
            ("same", "The black "),
            ("removed", "computer "),
            ("added", "piano "),
            ("same", "is on the table."),
        ]
    back = await anna.post(f"{path}/versions/2/restore", headers={"If-Match": '"3"'})
    assert (await said("POST", f"{route}/{{n}}/restore", back)).version == 4
    listed = await said("GET", route, await anna.get(f"{path}/versions"))
    assert listed.versions[-1].restored_from == 2
    for missing in ("5", "0", "x", "99999999999"):
        for call in (
            anna.get(f"{path}/versions/{missing}"),
            anna.get(f"{path}/versions/{missing}/diff"),
            anna.get(f"{path}/versions/2/diff?against={missing}"),
            anna.post(f"{path}/versions/{missing}/restore"),
        ):
            assert await refused(await call) == (404, "not_found")


async def test_who_was_not_quickest_is_told_so(anna: Person, path: str) -> None:
    assert (await put(anna, path, LINES, If_Match='"1"')).status == 200
    for tag in ('"1"', 'W/"2"', '"x"', "2"):
        answer = await put(anna, path, LINES[:1], If_Match=tag)
        assert await refused(answer) == (412, "changed_meanwhile")
        answer = await anna.post(f"{path}/versions/1/restore", headers={"If-Match": tag})
        assert await refused(answer) == (412, "changed_meanwhile")
    assert (await put(anna, path, LINES[:1], If_Match="*")).status == 200


async def test_a_transcript_that_cannot_be_is_refused_with_what_is_wrong(anna: Person, path: str) -> None:
    for lines, says in (
        ([{**LINES[0], "end": 99.0}], "Line 1 ends after the recording"),
        ([LINES[1], LINES[0]], "Line 2 starts before"),
        ([{**LINES[0], "text": "a\nb"}], "line break"),
        ([{**LINES[0], "speaker": "x"}], "speaker"),
        ([{"start": 0, "end": 1}], "text"),
        ([{**LINES[0], "start": "0"}], "$.segments[0].start"),
        ([LINES[0]] * (MAX_LINES + 1), "at most"),
    ):
        answer = await put(anna, path, lines)
        assert await refused(answer) == (400, "invalid_request")
        assert says in (await answer.json())["detail"]
    assert (await (await anna.get(path)).json())["version"] == 1


async def test_a_transcript_of_megabytes_is_taken_and_a_larger_body_is_not(anna: Person, path: str) -> None:
    many = [{"start": n / 1e4, "end": n / 1e4, "text": "word " * 20} for n in range(20_000)]
    answer = await put(anna, path, many)
    assert answer.status == 200
    assert len((await answer.json())["segments"]) == len(many)
    answer = await put_bytes(anna, path, b'{"segments": []}' + b" " * MAX_BODY)
    assert await refused(answer) == (413, "body_too_large")


async def test_only_owners_and_administrators_correct_and_others_find_nothing(
    box: Box, anna: Person, path: str
) -> None:
    """OWASP ASVS 4.2.1."""
    bob, vic = await box.add("bob", Role.USER), await box.add("vic", Role.VIEWER)
    for call in (
        put(bob, path, LINES),
        bob.get(f"{path}/versions"),
        bob.get(f"{path}/versions/1"),
        bob.get(f"{path}/versions/1/diff"),
        bob.post(f"{path}/versions/1/restore"),
        vic.get(f"{path}/versions"),
    ):
        assert await refused(await call) == (404, "not_found")
    for call in (put(vic, path, LINES), vic.post(f"{path}/versions/1/restore")):
        assert await refused(await call) == (403, "forbidden")
    his = await asyncio.wait_for(job_of(bob, pitch=3), 120)
    assert (await put(anna, f"/api/jobs/{his['id']}/transcript", LINES)).status == 200
    listed = await (await bob.get(f"/api/jobs/{his['id']}/transcript/versions")).json()
    assert [each["author"] for each in listed["versions"]] == [None, "anna"]


async def test_a_search_finds_a_correction_at_its_second(
    anna: Person, job: dict[str, Any], path: str
) -> None:
    await put(anna, path, LINES)
    answer = await anna.get("/api/search", params={"q": '"black computer" tab*'})
    page = await said("GET", "/api/search", answer)
    (hit,) = page.hits
    assert (hit.job_id, hit.recording_id, hit.version) == (job["id"], job["recording_id"], 2)
    assert (page.total, page.complete, page.next, hit.owner) == (1, True, None, "anna")
    (passage,) = hit.passages
    assert (passage.line, passage.start) == (1, 1.0)
    assert [(part.text, part.hit) for part in passage.parts] == [
        ("The ", False), ("black computer", True), (" is on the ", False), ("table", True), (".", False),
    ]  # fmt: skip
    for query, hits in (
        ({"q": "piano"}, 0),
        ({"q": "computer", "from": "2020-01-01", "to": "2200-01-01"}, 1),
        ({"q": "computer", "to": "2020-01-01"}, 0),
        ({"q": "computer", "from": "2200-01-01T00:00:00Z"}, 0),
        ({"q": "computer", "language": "en", "owner": "anna"}, 1),
        ({"q": "computer", "language": "de"}, 0),
        ({"q": "computer", "tag": "x"}, 0),
    ):
        found = await (await anna.get("/api/search", params=query)).json()
        assert len(found["hits"]) == hits, query


async def test_a_search_that_cannot_be_is_refused(box: Box, anna: Person) -> None:
    bob = await box.add("bob", Role.USER)
    for query, problem in (
        ({}, (400, "bad_query")),
        ({"q": '"open'}, (400, "bad_query")),
        ({"q": "a", "from": "yesterday"}, (400, "invalid_request")),
        ({"q": "a", "to": "9999-12-31"}, (400, "invalid_request")),
        ({"q": "a", "language": "klingon"}, (400, "invalid_request")),
        ({"q": "a", "limit": "51"}, (400, "invalid_request")),
        ({"q": "a", "cursor": "x"}, (400, "invalid_request")),
        ({"q": "a", "owner": "nobody"}, (404, "not_found")),
    ):
        assert await refused(await anna.get("/api/search", params=query)) == problem, query
    answer = await bob.get("/api/search", params={"q": "a", "owner": "bob"})
    assert await refused(answer) == (403, "forbidden")


async def test_pages_are_told_of_a_correction(box: Box, anna: Person, job: dict[str, Any], path: str) -> None:
    events = await anna.client.get("/api/events", headers=anna.headers)
    await put(anna, path, LINES)
    async for raw in events.content:
        if raw.startswith(b"event: transcript"):
            break
    told = await anext(aiter(events.content))
    events.close()
    assert msgspec.json.decode(told.removeprefix(b"data: ")) == {
        "job_id": job["id"],
        "version": 2,
        "author": "anna",
    }


async def test_a_glossary_is_told_to_the_model_and_stands_in_the_provenance(anna: Person) -> None:
    first = await anna.get("/api/glossary")
    assert (await first.json(), first.headers["ETag"]) == ({"words": []}, '"0"')
    words = ["Zoë Quentin", "Stenobox"]
    made = await anna.call("PUT", "/api/glossary", json={"words": words}, headers={"If-Match": '"0"'})
    assert ((await said("PUT", "/api/glossary", made)).words, made.headers["ETag"]) == (words, '"1"')
    assert await (await anna.get("/api/glossary")).json() == {"words": words}
    late = await anna.call("PUT", "/api/glossary", json={"words": []}, headers={"If-Match": '"0"'})
    assert await refused(late) == (412, "changed_meanwhile")
    job = await asyncio.wait_for(job_of(anna, pitch=5), 120)
    transcript = await (await anna.get(f"/api/jobs/{job['id']}/transcript")).json()
    assert transcript["provenance"]["options"]["hotwords"] == "Zoë Quentin, Stenobox"


async def test_everybody_has_a_glossary_of_their_own_and_viewers_write_none(box: Box, anna: Person) -> None:
    bob, vic = await box.add("bob", Role.USER), await box.add("vic", Role.VIEWER)
    assert (await anna.call("PUT", "/api/glossary", json={"words": ["anna's"]})).status == 200
    for other in (bob, vic):
        assert await (await other.get("/api/glossary")).json() == {"words": []}
    answer = await vic.call("PUT", "/api/glossary", json={"words": ["x"]})
    assert await refused(answer) == (403, "forbidden")
    answer = await bob.call("PUT", "/api/glossary", json={"words": ["<|endoftext|>"]})
    assert await refused(answer) == (400, "invalid_request")
