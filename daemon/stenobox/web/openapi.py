"""`GET /api/openapi.json`: the API as OpenAPI 3.1, made from the types that validate and render.

A path is described by `operations.py`; who may call it, and what such callers may be refused with, comes from
the table of routes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

import stenobox
from stenobox import errors as e
from stenobox.web import answers
from stenobox.web.bodies import json_response
from stenobox.web.cookies import PLAIN
from stenobox.web.described import JSON, Answer, Body, Operation, Parameter
from stenobox.web.keys import OPENAPI
from stenobox.web.openai.problems import PREFIX
from stenobox.web.openai.shapes import TheirProblem
from stenobox.web.problems import CONTENT_TYPE, HTTP_DETAILS
from stenobox.web.rules import Route, Who

_REFERENCE: Final = "#/components/schemas/{name}"
_UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SHAREABLE: Final = ("/api/jobs/{id}", "/api/recordings/{id}")

_INTRODUCTION: Final = (
    "Recordings in, transcripts out. Scripts send an API key as `Authorization: Bearer KEY`; the page has a "
    "session. Refusals are `application/problem+json` (RFC 9457) with a stable `code`."
)


async def openapi(request: web.Request) -> web.Response:
    return json_response(request.app[OPENAPI])


def document(routes: Iterable[Route], operations: Mapping[tuple[str, str], Operation]) -> dict[str, Any]:
    """The document for those of the routes that are described; blocks for some milliseconds."""
    described = [
        (route, operations[key]) for route in routes if (key := (route.method, route.path)) in operations
    ]
    schemas = _Schemas(operation for _, operation in described)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route, operation in described:
        paths[route.path][route.method.lower()] = _operation(route, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stenobox",
            "version": stenobox.__version__,
            "description": _INTRODUCTION,
        },
        "servers": [{"url": "/"}],
        "paths": dict(paths),
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key"},
                "session": {"type": "apiKey", "in": "cookie", "name": PLAIN, "description": "The page's own"},
            },
        },
    }


class _Schemas:
    """JSON Schemas of all types that the operations name, and one each by reference."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        kinds: list[Any] = [answers.Problem, TheirProblem]
        for operation in operations:
            kinds += [parameter.kind for parameter in operation.parameters]
            kinds += [kind for answer in operation.answers.values() for kind in answer.kinds]
            kinds += [operation.body.kind] if operation.body else []
        self._kinds = [kind for kind in kinds if kind is not None]
        found, self.components = msgspec.json.schema_components(self._kinds, ref_template=_REFERENCE)
        self._found = list(found)

    def of(self, kind: Any) -> dict[str, Any]:
        return self._found[next(i for i, known in enumerate(self._kinds) if known is kind or known == kind)]


def _operation(route: Route, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)", route.path)
    ]
    result: dict[str, Any] = {
        "operationId": route.handler.__module__.rpartition(".")[2] + "_" + route.handler.__name__,
        "tags": [operation.area],
        "summary": operation.summary,
        "description": _callers(route),
        "security": _security(route),
        "responses": {
            **{str(status): _answer(answer, schemas) for status, answer in operation.answers.items()},
            **_refusals(route, operation, schemas),
            **{str(status): {"description": meaning} for status, meaning in operation.others.items()},
        },
    }
    if parameters := in_path + [_parameter(parameter, schemas) for parameter in operation.parameters]:
        result["parameters"] = parameters
    if operation.body is not None:
        result["requestBody"] = _body(operation.body, schemas)
    return result


def _callers(route: Route) -> str:
    """Who may call, in words."""
    scope = "" if route.scope is None else f" An API key needs the scope `{route.scope.value}`."
    return f"For: {route.who.value}.{scope}"


def _security(route: Route) -> list[dict[str, list[str]]]:
    """OpenAPI 3.1 lets any scheme name what it needs (Security Requirement Object)."""
    if route.who is Who.ANYONE:
        return []
    by_key: list[dict[str, list[str]]] = [] if route.scope is None else [{"key": [route.scope.value]}]
    return [*by_key, {"session": []}]


def _parameter(parameter: Parameter, schemas: _Schemas) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.meaning,
        "required": parameter.required,
        "schema": schemas.of(parameter.kind),
    }


def _body(body: Body, schemas: _Schemas) -> dict[str, Any]:
    schema = dict(body.schema) if body.schema is not None else schemas.of(body.kind)
    return {"required": body.required, "content": {body.media_type: {"schema": schema}}}


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    result: dict[str, Any] = {"description": answer.meaning}
    content: dict[str, Any] = {}
    if found := [schemas.of(kind) for kind in answer.kinds]:
        content[JSON] = {"schema": found[0] if len(found) == 1 else {"anyOf": found}}
    content |= {media_type: {"schema": {"type": "string"}} for media_type in answer.media_types}
    if content:
        result["content"] = content
    if answer.headers:
        result["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}}
            for name, meaning in answer.headers.items()
        }
    return result


def _refusals(route: Route, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    """By status, with the codes that say which refusal of that status it is."""
    codes: dict[int, set[str]] = defaultdict(set)
    for error in (*_of_its_kind(route, operation), *operation.refusals):
        codes[error.status].add(error.code)
    if operation.body is not None:
        for status in (413, 417):
            codes[status].add(HTTP_DETAILS[status][0])
    theirs = route.path.startswith(PREFIX)
    media_type = JSON if theirs else CONTENT_TYPE
    schema = {"schema": schemas.of(TheirProblem if theirs else answers.Problem)}
    return {
        str(status): {
            "description": "Refused: " + ", ".join(f"`{code}`" for code in sorted(codes[status])) + ".",
            "content": {media_type: schema},
        }
        for status in sorted(codes)
        if status not in operation.answers
    }


def _of_its_kind(route: Route, operation: Operation) -> list[type[e.StenoboxError]]:
    """What every route of this kind may refuse with."""
    found: list[type[e.StenoboxError]] = [e.InternalError, e.Unavailable, e.TooManyRequests]
    if not route.before_setup:
        found.append(e.SetupRequired)
    if route.who is not Who.ANYONE:
        found.append(e.NotSignedIn)
    if route.who in (Who.WRITER, Who.ADMIN, Who.PERSON):
        found.append(e.Forbidden)
    if route.who is not Who.ANYONE or route.scope is not None:
        found.append(e.NotByKey if route.scope is None else e.ScopeMissing)
    if route.method in _UNSAFE:
        found += [e.CrossSite, e.DiskFull]
    if operation.body is not None or operation.parameters:
        found.append(e.InvalidRequest)
    if "{" in route.path:
        found += [e.NotFound, e.InvalidRequest]
    if route.method in _UNSAFE and route.path.startswith(_SHAREABLE):
        found.append(e.NotYours)
    return found
