"""The certificate."""

from __future__ import annotations

from typing import Final

from stenobox import errors as e
from stenobox.web.described import Answer, Operation
from stenobox.web.network_shapes import Tls

_STATE: Final = Answer("What new connections get.", Tls)

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/admin/tls"): Operation("network", "The certificate that is served", {200: _STATE}),
    ("POST", "/api/admin/tls/reload"): Operation(
        "network",
        "Serve a renewed certificate; open connections go on",
        {200: _STATE},
        refusals=(e.CertificateInvalid,),
    ),
}
