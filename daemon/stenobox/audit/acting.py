"""Who acts at the moment: set where a request or a command begins, read where a row is written.

It travels with the task and not as an argument, like the ids in the log: every function that changes
something would otherwise hand it down, and one that forgot would write rows of nobody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from stenobox.types import Identity


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` and `name` are None for an anonymous caller. `via`: session, key, local (the operator's socket or
    command), box (the box by itself), link (whoever has one), none (nobody signed in). `address` is the
    caller's IP address.
    """

    id: int | None
    name: str | None
    via: str
    address: str | None = None

    @classmethod
    def of(cls, identity: Identity | None, address: str | None = None) -> Actor:
        if identity is None:
            return cls(None, None, "none", address)
        return cls(identity.user.id, identity.user.name, identity.via, address)


BOX = Actor(None, "box", "box")
"""What happens by itself: retention, the start."""

OPERATOR = Actor(0, "operator", "local")
"""A command on the box while no daemon runs."""

_actor: ContextVar[Actor] = ContextVar("actor", default=BOX)


@contextlib.contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Everything recorded inside the block, and in tasks that it starts, was done by `actor`."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> Actor:
    return _actor.get()
