"""Who is calling, accounts and keys."""

from __future__ import annotations

from typing import Final

from stenobox import errors as e
from stenobox.web import answers as a
from stenobox.web import schemas as s
from stenobox.web.described import Answer, Body, Operation, Parameter
from stenobox.web.operations import shared

_PASSWORDS: Final = (e.RateLimited, e.WrongCredentials)

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/setup"): Operation(
        "access",
        "Whether the box waits for its first account",
        {200: Answer("Whether it does.", a.SetupState)},
    ),
    ("POST", "/api/setup"): Operation(
        "access",
        "Make the first administrator, with the one-time link's token",
        {201: Answer("Made and signed in.", a.Account)},
        body=Body(kind=s.Setup),
        refusals=(e.SetupLinkInvalid, e.RateLimited, e.NameTaken, e.WeakPassword),
    ),
    ("POST", "/api/auth/login"): Operation(
        "access",
        "Sign in; the session travels as a cookie",
        {200: Answer("Signed in.", a.Account)},
        body=Body(kind=s.Login),
        refusals=(*_PASSWORDS, e.TotpRequired, e.WrongCode),
    ),
    ("POST", "/api/auth/logout"): Operation("access", "Sign out", {204: shared.NOTHING}),
    ("GET", "/api/auth/me"): Operation(
        "access", "Who is calling, and how much they keep", {200: Answer("The account.", a.OwnAccount)}
    ),
    ("POST", "/api/auth/password"): Operation(
        "access",
        "Change one's password; other sessions end",
        {204: shared.NOTHING},
        body=Body(kind=s.PasswordChange),
        refusals=(*_PASSWORDS, e.WeakPassword),
    ),
    ("GET", "/api/keys"): Operation(
        "access",
        "One's own API keys; for administrators anybody's",
        {200: Answer("The keys, without what they open.", a.KeyList)},
        parameters=(Parameter("user", str, "Whose keys; administrators alone may ask"),),
        refusals=(e.Forbidden, e.NotFound),
    ),
    ("POST", "/api/keys"): Operation(
        "access",
        "Make an API key",
        {201: Answer("The key, shown this once.", a.KeyMade)},
        body=Body(kind=s.NewKey),
        refusals=(e.Forbidden, e.NotFound),
    ),
    ("DELETE", "/api/keys/{id}"): Operation("access", "Revoke an API key", {204: shared.NOTHING}),
    ("GET", "/api/users"): Operation("access", "Every account", {200: Answer("The accounts.", a.UserList)}),
    ("POST", "/api/users"): Operation(
        "access",
        "Make an account",
        {201: Answer("The account.", a.User)},
        body=Body(kind=s.NewUser),
        refusals=(e.NameTaken, e.WeakPassword),
    ),
    ("POST", "/api/users/{name}/password"): Operation(
        "access",
        "Give an account a new password",
        {204: shared.NOTHING},
        body=Body(kind=s.PasswordReset),
        refusals=(e.WeakPassword,),
    ),
    ("PATCH", "/api/users/{name}"): Operation(
        "access",
        "Change what an account may do, whether it may do anything, and how much it may keep",
        {200: Answer("The account.", a.User)},
        body=Body(kind=s.UserChange),
        refusals=(e.LastAdmin,),
    ),
    ("DELETE", "/api/users/{name}"): Operation(
        "access",
        "Remove an account; one with recordings is disabled instead",
        {200: Answer("Which of the two.", a.Removal)},
        refusals=(e.LastAdmin,),
    ),
}
