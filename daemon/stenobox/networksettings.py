"""The settings of everything between a client and a request: where the box listens, how it encrypts, whom it
believes, and how much it takes from one side. Part of `config.py`, which reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

HOUR: Final = 3_600
HALF_A_YEAR: Final = 182 * 24 * HOUR


@dataclass(frozen=True, slots=True)
class ListenSettings:
    host: Annotated[str, Meta(min_length=1, description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="TCP port; 0 takes a free one")] = 8080
    redirect_port: Annotated[
        int,
        Meta(ge=0, le=65_535, description="Port that leads to HTTPS those who come without it; 0 is none"),
    ] = 0
    names: Annotated[
        tuple[str, ...],
        Meta(description="Host names under which it answers while it listens on loopback, beside localhost"),
    ] = ()
    insecure_http: Annotated[
        bool, Meta(description="Serve without encryption on an address that other machines can reach")
    ] = False
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses and networks of reverse proxies whose word on the client is taken"),
    ] = ()
    proxy_header: Annotated[
        Literal["x-forwarded-for", "forwarded"],
        Meta(description="Where those proxies say it: X-Forwarded-For, -Proto and -Host, or Forwarded"),
    ] = "x-forwarded-for"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    certificate: Annotated[
        Path | None,
        Meta(description="PEM file with certificate and chain, when it is not in the data folder"),
    ] = None
    key: Annotated[Path | None, Meta(description="PEM file with the private key of tls.certificate")] = None
    hsts_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=63_072_000,
            description="For how long browsers insist on HTTPS for this host, all its ports; 0 is not at all",
        ),
    ] = HALF_A_YEAR


@dataclass(frozen=True, slots=True)
class LimitsSettings:
    requests_per_second: Annotated[
        float,
        Meta(ge=0, le=1e6, description="Requests that an account or an address may make; 0 is no limit"),
    ] = 100.0
    requests_at_once: Annotated[
        int, Meta(ge=1, le=10**6, description="How many may come at once before that counts")
    ] = 1_000
    uploads_per_second: Annotated[
        float,
        Meta(ge=0, le=1e6, description="Uploads that an account or an address may begin; 0 is no limit"),
    ] = 10.0
    uploads_at_once: Annotated[
        int, Meta(ge=1, le=10**6, description="How many may begin at once before that counts")
    ] = 1_000
    connections: Annotated[
        int, Meta(ge=0, le=10**6, description="Open connections of one address; 0 is no limit")
    ] = 256
    header_seconds: Annotated[
        float, Meta(gt=0, le=HOUR, description="Seconds for the handshake, and for the head of a request")
    ] = 20.0
    idle_seconds: Annotated[
        float, Meta(gt=0, le=HOUR, description="Seconds until a connection without a request is closed")
    ] = 75.0
    stall_seconds: Annotated[
        float,
        Meta(gt=0, le=HOUR, description="Seconds until one is cut that hardly sends, or takes nothing"),
    ] = 60.0
