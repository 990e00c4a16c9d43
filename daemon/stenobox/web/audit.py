"""The audit trail, for administrators: pages of it, and all of it as a file."""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.audit import Action, Filter, Row, filter_by_action
from stenobox.audit.formats import FORMATS, moment
from stenobox.errors import InvalidRequest
from stenobox.web.audit_shapes import AuditHead, AuditPage, AuditRow
from stenobox.web.bodies import json_response
from stenobox.web.keys import TRAIL
from stenobox.web.query import limit_of, moment_of

MAX_SOUGHT = 100
"""Characters of a name or a target that is looked for."""


async def list_rows(request: web.Request) -> web.Response:
    """Query: `action`, `actor`, `target`, `from`, `to`, `limit`, `cursor`."""
    page = await request.app[TRAIL].page(_filter(request), limit_of(request), request.query.get("cursor"))
    head = AuditHead(page.head.seq, page.head.hash)
    return json_response(AuditPage([_shape(row) for row in page.rows], page.next, head))


async def export(request: web.Request) -> web.StreamResponse:
    """The same filters; `format`: ndjson or csv. Some hundred rows at a time, however many there are."""
    kind = request.query.get("format", "ndjson")
    if kind not in FORMATS:
        raise InvalidRequest(problem=f"The format is one of: {', '.join(FORMATS)}.")
    wanted = _filter(request)
    await request.app[TRAIL].tell(Action.AUDIT_EXPORTED, format=kind, filtered=bool(wanted.given))
    write, media_type, header = FORMATS[kind]
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: f"{media_type}; charset=utf-8",
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="audit.{kind}"',
        }
    )
    await response.prepare(request)
    await response.write(header.encode())
    async for rows in request.app[TRAIL].all(wanted):
        await response.write(write(rows).encode("utf-8", "replace"))
    await response.write_eof()
    return response


def _filter(request: web.Request) -> Filter:
    action, subject = filter_by_action(request.query.get("action"))
    return Filter(
        action=action,
        subject=subject,
        actor=_sought(request, "actor"),
        target=_sought(request, "target"),
        since_ms=_milliseconds(request, "from"),
        until_ms=_milliseconds(request, "to"),
    )


def _sought(request: web.Request, name: str) -> str | None:
    text = request.query.get(name)
    if text is not None and len(text) > MAX_SOUGHT:
        raise InvalidRequest(problem=f"{name} has at most {MAX_SOUGHT} characters.")
    return text


def _milliseconds(request: web.Request, name: str) -> int | None:
    seconds = moment_of(request, name)
    return None if seconds is None else int(seconds * 1_000)


def _shape(row: Row) -> AuditRow:
    return AuditRow(
        seq=row.seq,
        time=moment(row.at_ms),
        actor_id=row.actor_id,
        actor=row.actor,
        via=row.via,
        address=row.address,
        action=row.action,
        target=row.target,
        details=row.values,
        hash=row.hash,
    )
