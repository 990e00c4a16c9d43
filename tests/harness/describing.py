"""Hooks of schemathesis: bodies of tus, and ids of things that exist.

`SCHEMATHESIS_HOOKS` names this module; `STENOBOX_KNOWN` holds, as JSON, ids by path of the document.
"""

from __future__ import annotations

import json
import os
from typing import Any

import schemathesis

KNOWN: dict[str, dict[str, str]] = json.loads(os.environ["STENOBOX_KNOWN"])


@schemathesis.serializer("application/offset+octet-stream")
def serialize_pieces(ctx: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def map_path_parameters(ctx: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Half of the calls ask for what exists, the others for anything; nothing that exists is deleted."""
    known = KNOWN.get(ctx.operation.path)
    if not path_parameters or known is None or ctx.operation.method == "delete":
        return path_parameters
    guess = str(next(iter(path_parameters.values())))
    return path_parameters if sum(guess.encode(errors="replace")) % 2 else {**path_parameters, **known}
