"""What JSON bodies hold. A field that is not known is refused, so that a misspelt one is not ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from stenobox.access import DEFAULT_SCOPES
from stenobox.types import Role, Scope


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """`code` where a second factor is on: six digits of the app, or a recovery code."""

    name: str
    password: str
    code: str | None = None


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


class UserChange(msgspec.Struct, forbid_unknown_fields=True):
    """A field that is not there stays as it is. Bytes that may be kept: null follows the settings, 0 is no
    limit.
    """

    quota_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**62)] | msgspec.UnsetType | None = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if all(getattr(self, name) is msgspec.UNSET for name in self.__struct_fields__):
            raise ValueError(f"Say what to change: {', '.join(self.__struct_fields__)}")


class RecordingChange(msgspec.Struct, forbid_unknown_fields=True):
    """A field that is not there stays as it is. Days: null follows the settings, 0 is never."""

    title: str | msgspec.UnsetType | None = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET
    audio_days: int | msgspec.UnsetType | None = msgspec.UNSET
    transcript_days: int | msgspec.UnsetType | None = msgspec.UNSET


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """`user` is for administrators; without it the key is the caller's own. Without `expires_at` it ends
    only when it is revoked.
    """

    name: str
    user: str | None = None
    scopes: list[Scope] = msgspec.field(default_factory=lambda: sorted(DEFAULT_SCOPES))
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


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
