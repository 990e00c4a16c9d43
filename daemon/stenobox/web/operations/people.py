"""Sessions and second factors."""

from __future__ import annotations

from typing import Final

from stenobox import errors as e
from stenobox.web import people_shapes as p
from stenobox.web.described import Answer, Body, Operation
from stenobox.web.operations import shared

_PASSWORD: Final = (e.RateLimited, e.WrongCredentials)
_CODE: Final = (e.RateLimited, e.WrongCode, e.SecondFactorState)

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/auth/sessions"): Operation(
        "access", "One's own sign-ins", {200: Answer("The sign-ins.", p.SessionList)}
    ),
    ("DELETE", "/api/auth/sessions"): Operation(
        "access", "Sign out everywhere but here", {204: shared.NOTHING}
    ),
    ("DELETE", "/api/auth/sessions/{id}"): Operation(
        "access", "End one of one's own sign-ins", {204: shared.NOTHING}
    ),
    ("GET", "/api/auth/totp"): Operation(
        "access", "Whether one's own second factor is on", {200: Answer("Whether it is.", p.SecondFactor)}
    ),
    ("POST", "/api/auth/totp"): Operation(
        "access",
        "Begin with a second factor; it is on once a code was confirmed",
        {201: Answer("What an authenticator app needs.", p.Enrolment)},
        body=Body(kind=p.Password),
        refusals=(*_PASSWORD, e.SecondFactorState),
    ),
    ("POST", "/api/auth/totp/confirm"): Operation(
        "access",
        "Switch the second factor on with a first code",
        {200: Answer("It is on; the recovery codes, shown this once.", p.RecoveryCodes)},
        body=Body(kind=p.Code),
        refusals=_CODE,
    ),
    ("POST", "/api/auth/totp/recovery"): Operation(
        "access",
        "New recovery codes; the old ones end",
        {200: Answer("The codes, shown this once.", p.RecoveryCodes)},
        body=Body(kind=p.PasswordAndCode),
        refusals=(*_PASSWORD, *_CODE),
    ),
    ("POST", "/api/auth/totp/remove"): Operation(
        "access",
        "Switch the second factor off",
        {204: shared.NOTHING},
        body=Body(kind=p.PasswordAndCode),
        refusals=(*_PASSWORD, *_CODE),
    ),
    ("DELETE", "/api/users/{name}/sessions"): Operation(
        "access", "Sign somebody out everywhere", {204: shared.NOTHING}
    ),
    ("DELETE", "/api/users/{name}/totp"): Operation(
        "access", "Switch somebody's second factor off", {204: shared.NOTHING}
    ),
}
