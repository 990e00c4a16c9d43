"""HTTPS: making, checking and keeping the box's certificate, and following its renewal."""

from __future__ import annotations

from stenobox.tls.context import server_context
from stenobox.tls.making import box_names, self_signed
from stenobox.tls.pair import Pair, read_pair
from stenobox.tls.places import Places, places_of, put
from stenobox.tls.served import ServedCertificate

__all__ = [
    "Pair",
    "Places",
    "ServedCertificate",
    "box_names",
    "places_of",
    "put",
    "read_pair",
    "self_signed",
    "server_context",
]
