"""Whether the box is alive."""

from __future__ import annotations

from typing import Any, Final

from stenobox import errors as e
from stenobox.web import answers as a
from stenobox.web.described import Answer, Operation

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/livez"): Operation(
        "machine", "Alive as long as the event loop turns", {200: Answer("Alive.", a.Status)}
    ),
    ("GET", "/readyz"): Operation(
        "machine",
        "Whether work can be taken and done",
        {200: Answer("Ready.", a.Status), 503: Answer("Not ready: which checks fail.", a.Status)},
    ),
    ("GET", "/metrics"): Operation(
        "machine",
        "Prometheus metrics: for API keys and administrators, or anyone with `metrics.public`",
        {200: Answer("Prometheus text.", media_types=("text/plain",))},
        refusals=(e.NotSignedIn,),
    ),
    ("GET", "/api/openapi.json"): Operation(
        "machine", "This document", {200: Answer("OpenAPI 3.1.", dict[str, Any])}
    ),
    ("GET", "/api/admin/health/system"): Operation(
        "machine", "Every check with its details", {200: Answer("The checks.", a.Health)}
    ),
}
