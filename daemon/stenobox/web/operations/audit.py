"""The audit trail."""

from __future__ import annotations

from typing import Final, Literal

from stenobox.audit import SUBJECTS, Action
from stenobox.audit.formats import FORMATS
from stenobox.web import audit_shapes as a
from stenobox.web.described import Answer, Operation, Parameter
from stenobox.web.operations import shared

_FILTERS: Final = (
    Parameter(
        "action",
        Literal[(*SUBJECTS, *(action.value for action in Action))],
        "One action, or all of a subject such as `auth`",
    ),
    Parameter("actor", str, "Name of who did it, at the time"),
    Parameter("target", str, "What it was done to, as `kind:id`"),
    Parameter("from", str, "Not before this moment (ISO 8601)"),
    Parameter("to", str, "Before this moment"),
)

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/admin/audit"): Operation(
        "audit",
        "Who did what, the newest first",
        {200: Answer("A page of rows.", a.AuditPage)},
        parameters=(*_FILTERS, shared.LIMIT, shared.CURSOR),
    ),
    ("GET", "/api/admin/audit/export"): Operation(
        "audit",
        "The rows as a file, the oldest first",
        {
            200: Answer(
                "In the format that was asked for.",
                media_types=tuple(media_type for _write, media_type, _header in FORMATS.values()),
            )
        },
        parameters=(*_FILTERS, Parameter("format", Literal[tuple(FORMATS)], "`ndjson` otherwise")),
    ),
}
