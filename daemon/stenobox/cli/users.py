"""`stenobox users`: the accounts. Works beside a running daemon, and without one."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stenobox.cli.control import AccountsOf

ROLES = ("admin", "user", "viewer")


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("users", help="add, list, change and remove accounts")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    add = actions.add_parser("add", help="add an account; asks for the password")
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, default="user", help="what the account may do (default: user)")
    _add_password_option(add)
    add.set_defaults(func=run, action=_add)

    listing = actions.add_parser("list", help="list the accounts")
    listing.set_defaults(func=run, action=_list)

    passwd = actions.add_parser("passwd", help="set a new password and end all sessions of the account")
    passwd.add_argument("name")
    _add_password_option(passwd)
    passwd.set_defaults(func=run, action=_passwd)

    role = actions.add_parser("role", help="change what an account may do")
    role.add_argument("name")
    role.add_argument("role", choices=ROLES)
    role.set_defaults(func=run, action=_role)

    for word, help_text, action in (
        ("disable", "end the access of an account until it is enabled again; nothing is deleted", _disable),
        ("enable", "let a disabled account sign in again; its API keys stay ended", _enable),
        ("sign-out", "end all sessions of an account", _sign_out),
        ("totp-remove", "switch the second factor of an account off", _totp_remove),
    ):
        parser_of = actions.add_parser(word, help=help_text)
        parser_of.add_argument("name")
        parser_of.set_defaults(func=run, action=action)

    remove = actions.add_parser("remove", help="end the access of an account at once")
    remove.add_argument("name")
    remove.set_defaults(func=run, action=_remove)


def run(args: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.cli.control import accounts_of  # noqa: PLC0415

    # Asked for before anything is opened: a person may take their time.
    password = read_password(args.password_stdin) if hasattr(args, "password_stdin") else ""

    async def work() -> None:
        async with accounts_of(settings_of(args)) as accounts:
            await args.action(accounts, args, password)

    asyncio.run(work())
    return 0


def read_password(from_stdin: bool) -> str:
    """The first line of stdin, or what a person types twice. Raises InvalidRequest."""
    import getpass  # noqa: PLC0415

    from stenobox.access.passphrases import check_length  # noqa: PLC0415
    from stenobox.errors import InvalidRequest  # noqa: PLC0415

    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise InvalidRequest(problem="There is no terminal to ask for the password: use --password-stdin.")
    else:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise InvalidRequest(problem="The two passwords differ.")
    check_length(password)
    return password


async def _add(accounts: AccountsOf, args: argparse.Namespace, password: str) -> None:
    from stenobox.types import Role  # noqa: PLC0415

    user = await accounts.add_user(args.name, Role(args.role), password)
    sys.stdout.write(f"Added {user.name} ({user.role.value}).\n")


async def _list(accounts: AccountsOf, _args: argparse.Namespace, _password: str) -> None:
    for user in await accounts.list_users():
        state = "\tdisabled" if user.disabled else ""
        sys.stdout.write(f"{user.name}\t{user.role.value}{state}\n")


async def _passwd(accounts: AccountsOf, args: argparse.Namespace, password: str) -> None:
    await accounts.set_password(args.name, password)
    sys.stdout.write(f"{args.name} has a new password; all sessions have ended.\n")


async def _role(accounts: AccountsOf, args: argparse.Namespace, _password: str) -> None:
    from stenobox.types import Role  # noqa: PLC0415

    user = await accounts.change_user(args.name, role=Role(args.role))
    sys.stdout.write(f"{user.name} is now: {user.role.value}.\n")


async def _disable(accounts: AccountsOf, args: argparse.Namespace, _password: str) -> None:
    await accounts.change_user(args.name, disabled=True)
    sys.stdout.write(f"{args.name} is disabled; all sessions and API keys have ended.\n")


async def _enable(accounts: AccountsOf, args: argparse.Namespace, _password: str) -> None:
    await accounts.change_user(args.name, disabled=False)
    sys.stdout.write(f"{args.name} can sign in again. New API keys have to be made.\n")


async def _sign_out(accounts: AccountsOf, args: argparse.Namespace, _password: str) -> None:
    await accounts.end_sessions(args.name)
    sys.stdout.write(f"All sessions of {args.name} have ended.\n")


async def _totp_remove(accounts: AccountsOf, args: argparse.Namespace, _password: str) -> None:
    await accounts.remove_second_factor(args.name)
    sys.stdout.write(f"{args.name} signs in with the password alone.\n")


async def _remove(accounts: AccountsOf, args: argparse.Namespace, _password: str) -> None:
    from stenobox.access import Removal  # noqa: PLC0415

    if await accounts.remove_user(args.name) is Removal.REMOVED:
        sys.stdout.write(f"Removed {args.name}.\n")
    else:
        sys.stdout.write(f"{args.name} is disabled. The account stays, because recordings belong to it.\n")


def _add_password_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
