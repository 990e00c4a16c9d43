"""The operator on the box itself: whoever may reach the control socket, checked by the kernel's word
(unix(7)).
"""

from __future__ import annotations

import os
import socket
import struct

from aiohttp import web

from stenobox.types import Identity, Role, User

_CREDENTIALS = struct.Struct("3i")

OPERATOR = Identity(
    user=User(id=0, name="operator", role=Role.ADMIN, disabled=False, created_at=0.0), via="local"
)


def is_encrypted(request: web.BaseRequest) -> bool:
    """Whether the connection itself is, whatever a proxy says."""
    return request.transport is not None and request.transport.get_extra_info("ssl_object") is not None


def is_control(request: web.BaseRequest) -> bool:
    """True when the request came over the control socket."""
    transport = request.transport
    sock = None if transport is None else transport.get_extra_info("socket")
    return sock is not None and sock.family == socket.AF_UNIX


def operator_of(request: web.BaseRequest) -> Identity | None:
    """The operator, if the peer of the control socket is this process's user or root; else None."""
    transport = request.transport
    if transport is None or not is_control(request):
        return None
    sock = transport.get_extra_info("socket")
    _pid, uid, _gid = _CREDENTIALS.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return OPERATOR if uid in {0, os.geteuid()} else None
