"""What came of one attempt to deliver a notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """`problem` None: it was taken. `status` of HTTP or SMTP; `asked`: seconds of Retry-After; `final`: no
    further attempt would help; `gone`: the receiver wants nothing any more.
    """

    problem: str | None = None
    status: int | None = None
    asked: float | None = None
    final: bool = False
    gone: bool = False
