"""The settings as an administrator may see them: all of them, walked by their types, without secrets.

What a setting's name calls a secret is never shown, not even the path of the file that holds it: only whether
it is set. An address keeps its host and loses what stands before an @ in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from stenobox.config import Settings, reference
from stenobox.inboxes import InboxSettings, inbox_reference

SECRET_WORDS: Final = ("password", "secret", "token")

Origin = Literal["default", "file", "environment", "command"]
Value = str | int | float | bool | list[str] | None

_WHO: Final = re.compile(r"(?<=://)[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting in force. `origin`: default, file, environment, or command (the option `--data`). Of a
    secret `value` and `default` are None.
    """

    name: str
    value: Value
    default: Value
    origin: Origin
    secret: bool
    is_set: bool
    meaning: str


def is_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret or says where one is."""
    return any(word in name for word in SECRET_WORDS)


def sections_of(settings: Settings) -> Iterator[tuple[str, list[Shown]]]:
    """Every section with its settings in the order of the documentation; "" are those above all sections."""
    found: dict[str, list[Shown]] = {}
    for key in reference():
        owner = getattr(settings, key.section) if key.section else settings
        origin = cast(Origin, settings.origins.get(key.path, "default"))
        one = _shown(key.name, getattr(owner, key.name), key.default, origin, key.meaning)
        found.setdefault(key.section, []).append(one)
    yield from found.items()


def inbox_shown(inbox: InboxSettings) -> list[Shown]:
    """The settings of one hot folder, which come from the file."""
    found = []
    for key in inbox_reference():
        value = getattr(inbox, key.name)
        origin: Origin = "default" if value == key.default else "file"
        found.append(_shown(key.name, value, key.default, origin, key.meaning))
    return found


def _shown(name: str, value: object, default: object, origin: Origin, meaning: str) -> Shown:
    secret = is_secret(name)
    return Shown(
        name=name,
        value=None if secret else _plain(value),
        default=None if secret else _plain(default),
        origin=origin,
        secret=secret,
        is_set=value not in (None, "", ()),
        meaning=meaning,
    )


def _plain(value: object) -> Value:
    """As JSON has it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple):
        return [str(_plain(each)) for each in value]
    return str(value) if isinstance(value, Path) else _WHO.sub("", str(value))
