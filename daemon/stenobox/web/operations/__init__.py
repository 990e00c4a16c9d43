"""What each route takes and answers, for the OpenAPI document. A test holds it to the table of routes."""

from __future__ import annotations

from typing import Final

from stenobox.web.described import Operation
from stenobox.web.operations import (
    access,
    audit,
    exports,
    jobs,
    library,
    machine,
    network,
    notices,
    openai,
    people,
    sending,
    shares,
    texts,
    tus,
)

__all__ = ["OPERATIONS"]

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    key: operation
    for area in (
        machine,
        access,
        people,
        sending,
        tus,
        jobs,
        library,
        shares,
        openai,
        texts,
        exports,
        network,
        audit,
        notices,
    )
    for key, operation in area.OPERATIONS.items()
}
