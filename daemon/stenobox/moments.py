"""Times of day as JSON has them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: float) -> str:
    """Unix seconds as `2026-01-31T09:30:00.000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def maybe(seconds: float | None) -> str | None:
    """`moment`, where there is one."""
    return None if seconds is None else moment(seconds)
