"""`stenobox keys`: API keys for scripts. Works beside a running daemon, and without one."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stenobox.cli.control import AccountsOf


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("keys", help="create, list and revoke API keys")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    create = actions.add_parser(
        "create", help="print a new key, alone, on stdout; it is shown only this once"
    )
    create.add_argument("--user", required=True, metavar="NAME", help="the account that the key opens")
    create.add_argument("--name", default="command line", help="what the key is for")
    create.set_defaults(func=run, action=_create)

    listing = actions.add_parser("list", help="list keys by number, user, beginning and name")
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


async def _create(accounts: AccountsOf, args: argparse.Namespace) -> None:
    _info, secret = await accounts.create_key(args.user, args.name)
    sys.stdout.write(f"{secret}\n")


async def _list(accounts: AccountsOf, args: argparse.Namespace) -> None:
    for info in await accounts.list_keys(args.user):
        sys.stdout.write(f"{info.id}\t{info.user}\t{info.prefix}...\t{info.name}\n")


async def _revoke(accounts: AccountsOf, args: argparse.Namespace) -> None:
    await accounts.revoke_key(args.id)
    sys.stdout.write(f"Key {args.id} no longer opens anything.\n")
