"""Rows as text for other programs: NDJSON, which holds all that the hash covers, and CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from stenobox.audit.chain import Row

CSV_HEADER = (
    "seq,time,actor_id,actor,via,address,action,target,details,hash",
    "",
)

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")


def moment(at_ms: int) -> str:
    """Milliseconds as `2026-01-31T09:30:00.000Z`."""
    stamp = datetime.fromtimestamp(at_ms // 1_000, UTC).isoformat(timespec="seconds")
    return f"{stamp.removesuffix('+00:00')}.{at_ms % 1_000:03}Z"


def ndjson(rows: Iterable[Row]) -> str:
    """One object per line (ndjson.org); `details` as an object, and `at_ms` and `details_text` exactly as
    hashed.
    """
    return "".join(
        json.dumps(
            {
                "seq": row.seq,
                "time": moment(row.at_ms),
                "at_ms": row.at_ms,
                "actor_id": row.actor_id,
                "actor": row.actor,
                "via": row.via,
                "address": row.address,
                "action": row.action,
                "target": row.target,
                "details": row.values,
                "details_text": row.details,
                "hash": row.hash,
            },
            ensure_ascii=False,
        )
        + "\n"
        for row in rows
    )


def comma_separated(rows: Iterable[Row]) -> str:
    """Lines of CSV (RFC 4180) under CSV_HEADER. A cell that a spreadsheet would run gets an apostrophe in
    front (OWASP, CSV Injection).
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        cells = (row.actor, row.via, row.address, row.action, row.target, row.details)
        writer.writerow(
            [row.seq, moment(row.at_ms), row.actor_id, *(_harmless(cell) for cell in cells), row.hash]
        )
    return out.getvalue()


def _harmless(cell: str | None) -> str:
    if cell is None:
        return ""
    return f"'{cell}" if cell.startswith(_RISKY) else cell


FORMATS: dict[str, tuple[Callable[[Iterable[Row]], str], str, str]] = {
    "ndjson": (ndjson, "application/x-ndjson", ""),
    "csv": (comma_separated, "text/csv", "\r\n".join(CSV_HEADER)),
}
"""Name -> (rows as text, media type, what comes first)."""
