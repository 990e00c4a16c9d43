"""`stenobox audit`: prove that the audit trail is whole, and write it out. Reads the database file itself, so
that a daemon which was tampered with is not asked about itself; works beside a running one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stenobox.audit import Head

BATCH = 500


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("audit", help="verify and export the audit trail")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    verify = actions.add_parser(
        "verify",
        help="find rows that were changed, removed or moved",
        description="Walk the whole trail and compare it with its kept head and with those that are named. "
        "Exit code 1 and the first wrong row if it is not whole.",
    )
    verify.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="NUMBER:HASH",
        help="a head that was noted elsewhere; may be repeated",
    )
    verify.add_argument(
        "--journal",
        metavar="FILE",
        help="the daemon's log with its heads; - reads 'journalctl -u stenobox -o cat' from a pipe",
    )
    verify.set_defaults(func=run_verify)

    export = actions.add_parser("export", help="write the trail to stdout, the oldest row first")
    export.add_argument("--format", choices=("ndjson", "csv"), default="ndjson")
    export.set_defaults(func=run_export)


def run_verify(args: argparse.Namespace) -> int:
    from stenobox.audit.verifying import opened, read_head, verify  # noqa: PLC0415
    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.paths import Layout  # noqa: PLC0415

    layout = Layout(settings_of(args).data)
    named = _named(args.head, args.journal)
    # Before the database: the daemon may write a newer head while this reads.
    kept = read_head(layout.audit_head)
    with opened(layout.database) as connection:
        verdict = verify(connection, [*([kept] if kept else []), *named])
    if not verdict.whole:
        sys.stdout.write(f"The audit trail is not whole. {verdict.problem}\n")
        if verdict.bad is not None:
            sys.stdout.write(f"First wrong row: {verdict.bad}\n")
        return 1
    sys.stdout.write(f"The audit trail is whole: rows {verdict.first} to {verdict.last.seq}.\n")
    if verdict.first > 1:
        sys.stdout.write(f"Rows 1 to {verdict.first - 1} were removed by their age, as audit.days asks.\n")
    sys.stdout.write(f"Head: {verdict.last}\n")
    return 0


def run_export(args: argparse.Namespace) -> int:
    from itertools import islice  # noqa: PLC0415

    from stenobox.audit.formats import FORMATS  # noqa: PLC0415
    from stenobox.audit.verifying import opened, rows_in  # noqa: PLC0415
    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.paths import Layout  # noqa: PLC0415

    write, _media_type, header = FORMATS[args.format]
    with opened(Layout(settings_of(args).data).database) as connection:
        sys.stdout.write(header)
        rows = rows_in(connection)
        while batch := list(islice(rows, BATCH)):
            sys.stdout.write(write(batch))
    return 0


def _named(heads: list[str], journal: str | None) -> list[Head]:
    """The heads of the options. Raises InvalidRequest."""
    from stenobox.audit.verifying import head_of, heads_in  # noqa: PLC0415
    from stenobox.errors import InvalidRequest  # noqa: PLC0415

    try:
        named = [head_of(text) for text in heads]
    except ValueError as error:
        raise InvalidRequest(problem=f"{error}.".capitalize()) from error
    if journal is None:
        return named
    try:
        with sys.stdin if journal == "-" else Path(journal).open(errors="replace") as lines:
            found = list(heads_in(lines))
    except OSError as error:
        raise InvalidRequest(problem=f"The journal cannot be read ({error.strerror}).") from error
    if not found:
        raise InvalidRequest(problem="The journal holds no head of the audit trail.")
    return named + found
