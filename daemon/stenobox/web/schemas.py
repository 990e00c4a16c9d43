"""What JSON bodies hold. A field that is not known is refused, so that a misspelt one is not ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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


class QuotaChange(msgspec.Struct, forbid_unknown_fields=True):
    """Bytes of recordings that an account may keep: null follows the settings, 0 is no limit."""

    quota_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None


class RecordingChange(msgspec.Struct, forbid_unknown_fields=True):
    """A field that is not there stays as it is. Days: null follows the settings, 0 is never."""

    title: str | msgspec.UnsetType | None = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET
    audio_days: int | msgspec.UnsetType | None = msgspec.UNSET
    transcript_days: int | msgspec.UnsetType | None = msgspec.UNSET


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """`user` is for administrators; without it the key is the caller's own."""

    name: str
    user: str | None = None


class PriorityChange(msgspec.Struct, forbid_unknown_fields=True):
    priority: Literal["interactive", "normal", "batch"]


class NewUpload(msgspec.Struct, forbid_unknown_fields=True):
    """`size` in bytes; `sha256` of the whole file, in hexadecimal, is checked when it is there."""

    filename: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: str | None = None


class Wishes(msgspec.Struct, forbid_unknown_fields=True):
    """What a job is to do: the fields of the form of `POST /api/jobs`."""

    model: str | None = None
    language: str | None = None
    task: str | None = None
    channels: str | None = None
    priority: str | None = None
    options: dict[str, Any] | None = None
