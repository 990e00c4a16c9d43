"""Who is calling: the operator by the control socket, a script by its key, a person by the session cookie."""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.access.secrets import fingerprint
from stenobox.audit import Actor, acting
from stenobox.errors import NotSignedIn
from stenobox.types import Identity
from stenobox.web.cookies import session_token
from stenobox.web.keys import API_KEYS, KEY_REFUSALS, SESSIONS
from stenobox.web.peer import is_control, operator_of


async def still_allowed(request: web.Request) -> bool:
    """Whether whoever began a request that goes on for long could begin it now. This is no use of a session,
    which ends by idleness under a stream that nobody looks at.
    """
    if is_control(request):
        return True
    if hdrs.AUTHORIZATION not in request.headers:
        token = session_token(request)
        return token is not None and await request.app[SESSIONS].alive(token)
    try:
        return await identify(request) is not None
    except NotSignedIn:
        return False


async def identify(request: web.Request) -> Identity | None:
    """None for an anonymous caller.

    Raises NotSignedIn for a key that opens nothing: a script whose key was revoked must not go on as
    whoever the cookie beside it names.
    """
    if is_control(request):
        return operator_of(request)
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is not None:
        secret = _key_in(header)
        opened = None if secret is None else await request.app[API_KEYS].verify(secret)
        if opened is None:
            raise NotSignedIn
        return Identity(opened.user, "key", opened.scopes)
    token = session_token(request)
    user = None if token is None else await request.app[SESSIONS].verify(token)
    return None if user is None else Identity(user, "session")


async def tell_refused_key(request: web.Request) -> None:
    """Record that the key of this request opened nothing, if there is one."""
    secret = _key_in(request.headers.get(hdrs.AUTHORIZATION, ""))
    if secret is None:
        return
    with acting(Actor.of(None, request.remote or None)):
        await request.app[KEY_REFUSALS].refused(fingerprint(secret))


def _key_in(header: str) -> str | None:
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None
