"""`stenobox keys`: API keys for scripts. Works beside a running daemon, and without one."""

from __future__ import annotations

import argparse
import re
import sys
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stenobox.cli.control import AccountsOf


SCOPES = ("read", "upload", "admin", "metrics")
DAY_S = 86_400


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("keys", help="create, list and revoke API keys")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    create = actions.add_parser(
        "create", help="print a new key, alone, on stdout; it is shown only this once"
    )
    create.add_argument("--user", required=True, metavar="NAME", help="the account that the key opens")
    create.add_argument("--name", default="command line", help="what the key is for")
    create.add_argument(
        "--scope",
        action="append",
        choices=SCOPES,
        help="what the key may be used for; may be given more than once (default: read and upload)",
    )
    create.add_argument(
        "--expires", metavar="WHEN", help="a number of days such as 90d, or a date such as 2027-01-31 (UTC)"
    )
    create.set_defaults(func=run, action=_create)

    listing = actions.add_parser("list", help="list keys by number, user, beginning, scopes, end and name")
    listing.add_argument("--user", metavar="NAME", help="only this account's")
    listing.set_defaults(func=run, action=_list)

    revoke = actions.add_parser("revoke", help="end a key at once")
    revoke.add_argument("id", type=int, help="its number, as 'keys list' shows it")
    revoke.set_defaults(func=run, action=_revoke)


def run(args: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.cli.control import accounts_of  # noqa: PLC0415

    async def work() -> None:
        async with accounts_of(settings_of(args)) as accounts:
            await args.action(accounts, args)

    asyncio.run(work())
    return 0


def expiry_of(text: str, now: float) -> float:
    """Unix seconds of `90d`, counted from `now`, or of the beginning of a day. Raises InvalidRequest."""
    from stenobox.errors import InvalidRequest  # noqa: PLC0415

    if match := re.fullmatch(r"([0-9]{1,5})d", text):
        return now + int(match[1]) * DAY_S
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC).timestamp()
    except ValueError as error:
        problem = "--expires is a number of days such as 90d, or a date such as 2027-01-31."
        raise InvalidRequest(problem=problem) from error


async def _create(accounts: AccountsOf, args: argparse.Namespace) -> None:
    from stenobox.access import DEFAULT_SCOPES  # noqa: PLC0415
    from stenobox.types import Scope  # noqa: PLC0415

    scopes = DEFAULT_SCOPES if args.scope is None else {Scope(word) for word in args.scope}
    expires_at = None if args.expires is None else expiry_of(args.expires, time.time())
    _info, secret = await accounts.create_key(args.user, args.name, scopes, expires_at)
    sys.stdout.write(f"{secret}\n")


async def _list(accounts: AccountsOf, args: argparse.Namespace) -> None:
    for info in await accounts.list_keys(args.user):
        scopes = ",".join(sorted(info.scopes))
        end = "never" if info.expires_at is None else datetime.fromtimestamp(info.expires_at, UTC).isoformat()
        sys.stdout.write(f"{info.id}\t{info.user}\t{info.prefix}...\t{scopes}\t{end}\t{info.name}\n")


async def _revoke(accounts: AccountsOf, args: argparse.Namespace) -> None:
    await accounts.revoke_key(args.id)
    sys.stdout.write(f"Key {args.id} no longer opens anything.\n")
