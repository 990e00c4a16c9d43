"""What bodies and answers about sessions and second factors hold."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stenobox.web.answers import Moment, Said


class Session(Said):
    """A sign-in of the page."""

    id: int
    browser: Annotated[str, Meta(description="In a few words, such as `Firefox on Linux`")]
    address: Annotated[str, Meta(description="Where it was signed in from")]
    current: Annotated[bool, Meta(description="Whether it is the one that asks")]
    created_at: Moment
    last_seen_at: Annotated[Moment, Meta(description="To the minute")]
    ends_at: Annotated[Moment, Meta(description="If it is not used until then, or in any case")]


class SessionList(Said):
    """One's own sign-ins, the one used last first."""

    sessions: list[Session]


class SecondFactor(Said):
    """Whether signing in takes a code too."""

    enabled: bool
    since: Moment | None
    recovery_codes: Annotated[int, Meta(ge=0, description="How many are left")]


class QrCode(Said):
    """A QR code as an SVG path."""

    size: Annotated[int, Meta(description="Width and height of the view box, with the light frame")]
    path: Annotated[str, Meta(description="The `d` of a path that is filled dark on light")]


class Enrolment(Said):
    """What an authenticator app needs."""

    secret: Annotated[str, Meta(description="Base32, to be typed in")]
    uri: Annotated[str, Meta(description="`otpauth:`, by which an app on the same device takes it over")]
    qr: QrCode


class RecoveryCodes(Said):
    """Each opens once in place of an app's code. No other answer holds them."""

    recovery_codes: list[str]


class OidcState(Said):
    """Whether people sign in at a provider of the office's own."""

    label: Annotated[str | None, Meta(description="What to call it; null: they do not")]


class OidcBegun(Said):
    """A sign-in at the provider has begun."""

    url: Annotated[str, Meta(description="Where the browser goes now")]


class Password(msgspec.Struct, forbid_unknown_fields=True):
    password: str


class Code(msgspec.Struct, forbid_unknown_fields=True):
    """Six digits of the app."""

    code: str


class PasswordAndCode(msgspec.Struct, forbid_unknown_fields=True):
    """`code`: six digits of the app, or a recovery code."""

    password: str
    code: str
