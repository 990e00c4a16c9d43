"""What is told of the box's certificate."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stenobox.web.answers import Moment, Said


class Certificate(Said):
    """What the box serves over HTTPS, without its key."""

    names: Annotated[list[str], Meta(description="Host names and addresses that it is for")]
    issuer: Annotated[str, Meta(description="Who signed it (RFC 4514)")]
    self_signed: bool
    not_before: Moment
    not_after: Annotated[Moment, Meta(description="From then on nobody trusts it")]
    fingerprint: Annotated[str, Meta(description="SHA-256, as browsers show it")]


class Tls(Said):
    """How the box encrypts."""

    certificate: Annotated[Certificate | None, Meta(description="null: it speaks plain HTTP")]
