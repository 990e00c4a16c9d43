"""Sessions and second factors."""

from __future__ import annotations

from typing import Final

from stenobox import errors as e
from stenobox.web import people_shapes as p
from stenobox.web.described import Answer, Body, Operation, Parameter
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
    ("GET", "/api/auth/oidc"): Operation(
        "access", "Whether there is a sign-in provider", {200: Answer("Its name.", p.OidcState)}
    ),
    ("POST", "/api/auth/oidc"): Operation(
        "access",
        "Begin to sign in at the provider",
        {200: Answer("Where the browser goes.", p.OidcBegun)},
        refusals=(e.NotFound, e.ProviderUnreachable, e.RateLimited),
    ),
    ("GET", "/api/auth/oidc/callback"): Operation(
        "access",
        "Come back from the provider; leads to the page, signed in or with `sign_in` saying why not",
        {303: Answer("To the page.", headers={"Location": "The page"})},
        parameters=(
            Parameter("state", str, "As it was begun"),
            Parameter("code", str, "What the provider gives a token for"),
            Parameter("iss", str, "The provider"),
        ),
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
