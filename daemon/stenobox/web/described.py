"""How a route is described for those who call it: the vocabulary of `operations.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stenobox.errors import StenoboxError

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of the query or a header. `kind` is a type as msgspec reads it."""

    name: str
    kind: Any
    meaning: str
    place: Literal["query", "header"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: a type for JSON, or a JSON Schema for any other media type."""

    media_type: str = JSON
    kind: Any = None
    schema: Mapping[str, Any] | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: JSON of a type or of `another` (or one of several), other media types with text or bytes, or
    nothing.
    """

    meaning: str
    kind: Any = None
    another: Any = None
    media_types: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[Any, ...]:
        """Every type that its JSON may have."""
        others = self.another if isinstance(self.another, tuple) else (self.another,)
        return tuple(kind for kind in (self.kind, *others) if kind is not None)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route. `refusals`: what it raises beside what every route of its kind may."""

    area: str
    summary: str
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    refusals: tuple[type[StenoboxError], ...] = ()
    others: Mapping[int, str] = field(default_factory=dict)
    """Statuses of the protocol's own that are no error of ours."""
