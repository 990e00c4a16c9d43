"""What JSON bodies hold. A field that is not known is refused, so that a misspelt one is not ignored."""

from __future__ import annotations

from typing import Literal

import msgspec

from stenobox.types import Role


class Login(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    password: str


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    old: str
    new: str


class PasswordReset(msgspec.Struct, forbid_unknown_fields=True):
    password: str


class Setup(msgspec.Struct, forbid_unknown_fields=True):
    token: str
    name: str
    password: str


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    password: str
    role: Role = Role.USER


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """`user` is for administrators; without it the key is the caller's own."""

    name: str
    user: str | None = None


class PriorityChange(msgspec.Struct, forbid_unknown_fields=True):
    priority: Literal["interactive", "normal", "batch"]
