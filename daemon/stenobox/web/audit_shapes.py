"""What the answers about the audit trail hold."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stenobox.web.answers import Moment, Said


class AuditRow(Said):
    """One line of the trail."""

    seq: Annotated[int, Meta(ge=1, description="Counts from 1 without gaps")]
    time: Moment
    actor_id: Annotated[int | None, Meta(description="Account; null for nobody and for the box itself")]
    actor: Annotated[str | None, Meta(description="Its name at the time")]
    via: Annotated[str, Meta(description="`session`, `key`, `local`, `box`, or `none`")]
    address: Annotated[str | None, Meta(description="Of the caller")]
    action: Annotated[str, Meta(description="Stable, for scripts")]
    target: Annotated[str | None, Meta(description="`kind:id` of what it was done to")]
    details: dict[str, str | int | float | bool | None]
    hash: Annotated[str, Meta(description="SHA-256 over the hash before it and this row")]


class AuditHead(Said):
    """The last row: kept elsewhere, it shows later whether anything up to it was changed."""

    seq: Annotated[int, Meta(ge=0)]
    hash: str


class AuditPage(Said):
    """Rows, the newest first."""

    rows: list[AuditRow]
    next: Annotated[str | None, Meta(description="The `cursor` of the next page; null on the last")]
    head: AuditHead
