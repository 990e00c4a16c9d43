"""What lists and switches read from a query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from stenobox.errors import InvalidRequest

DEFAULT_LIMIT = 50

_SWITCH = {"1": True, "true": True, "0": False, "false": False}


def flag(request: web.Request, name: str) -> bool:
    """A switch that is off unless it is given. Raises InvalidRequest for what is neither on nor off."""
    text = request.query.get(name, "0")
    if text not in _SWITCH:
        raise InvalidRequest(problem=f"{name} is 1 or 0.")
    return _SWITCH[text]


def number_of(request: web.Request, name: str, default: int) -> int:
    """A whole number. Raises InvalidRequest."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidRequest(problem=f"{name} is a whole number.")
    return int(text)


def number_in_path(request: web.Request, name: str, what: str) -> int:
    """The number by which the address names a thing. Raises InvalidRequest."""
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidRequest(problem=f"A {what} is named by its number.")
    return int(text)


def moment_of(request: web.Request, name: str, *, days_after: int = 0) -> float | None:
    """Unix seconds of a moment in ISO 8601, or of the beginning of the day `days_after` the one that is
    named; UTC unless it says otherwise. None where nothing is asked for. Raises InvalidRequest.
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == len("2026-01-31"):
            moment += timedelta(days=days_after)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        problem = f"{name} is a day such as 2026-01-31, or a moment such as 2026-01-31T09:30:00Z."
        raise InvalidRequest(problem=problem) from None


def limit_of(request: web.Request) -> int:
    """How much of a list is asked for. Raises InvalidRequest."""
    return number_of(request, "limit", DEFAULT_LIMIT)
