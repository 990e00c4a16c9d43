"""The settings of what people share. Part of `config.py`, which reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True)
class SharingSettings:
    links: Annotated[
        bool, Meta(description="Let accounts make links by which anybody who has one reads and listens")
    ] = True
    link_days: Annotated[
        int, Meta(ge=1, le=365, description="Days after which a link ends whose maker did not say")
    ] = 30
    max_link_days: Annotated[int, Meta(ge=1, le=365, description="Longest that a link may last, in days")] = (
        365
    )
