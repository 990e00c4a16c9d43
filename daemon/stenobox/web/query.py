"""What lists and switches read from a query."""

from __future__ import annotations

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


def limit_of(request: web.Request) -> int:
    """How much of a list is asked for. Raises InvalidRequest."""
    return number_of(request, "limit", DEFAULT_LIMIT)
