"""The box's certificate, for administrators and for `stenobox tls`."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from stenobox.moments import moment
from stenobox.tls import Pair
from stenobox.web.bodies import json_response
from stenobox.web.keys import TLS
from stenobox.web.network_shapes import Certificate, Tls


async def tls_state(request: web.Request) -> web.Response:
    return json_response(_state(request.app[TLS].pair))


async def tls_reload(request: web.Request) -> web.Response:
    """Take what the files hold now; a pair that cannot be used is refused and changes nothing."""
    await request.app[TLS].reload()
    return json_response(_state(request.app[TLS].pair))


def _state(pair: Pair | None) -> Tls:
    if pair is None:
        return Tls(None)
    return Tls(
        Certificate(
            names=list(pair.names),
            issuer=pair.issuer,
            self_signed=pair.is_self_signed,
            not_before=_moment(pair.leaf.not_valid_before_utc),
            not_after=_moment(pair.not_after),
            fingerprint=pair.fingerprint,
        )
    )


def _moment(at: datetime) -> str:
    return moment(at.timestamp())
