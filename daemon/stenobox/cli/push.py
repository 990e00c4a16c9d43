"""`stenobox push FILE...`: send recordings from this machine to a box on the network.

Prints one line a file: the job's id, a tab, the file. Exit code 0: the box holds all of them; 1: some failed,
the others are there; 2: the call was wrong, or the key is not accepted. The same command goes on where an
interrupted one stopped and sends nothing twice.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stenobox.config import KEY_VARIABLE, SERVER_VARIABLE
from stenobox.types import Priority

if TYPE_CHECKING:
    from stenobox.cli.link import Link

PRIORITIES = tuple(priority.name.lower() for priority in Priority)
WISHES = ("model", "language", "task", "channels", "priority")


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "push",
        help="send recordings and folders to a box, with resume",
        description="Send recordings to a box. The same command goes on where an interrupted one stopped.",
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a recording, or a folder of them"
    )
    parser.add_argument("--server", metavar="URL", help=f"the box; default: the variable {SERVER_VARIABLE}")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key", help=f"API key; others see it in the list of processes: use {KEY_VARIABLE}, or")
    key.add_argument("--key-file", type=Path, metavar="FILE", help="a file with the key alone; - is stdin")
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="certificates to trust instead of the usual ones"
    )
    parser.add_argument("--model", help="name of a model on the box")
    parser.add_argument("--language", help="code or English name; default: detect it")
    parser.add_argument("--task", choices=("transcribe", "translate"), help="translate: into English")
    parser.add_argument(
        "--channels", choices=("mix", "split"), help="split: lines for each channel of its own"
    )
    parser.add_argument("--priority", choices=PRIORITIES, help="how soon (default: normal)")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Raises InvalidRequest, ServerUnreachable or ServerRefused when nothing can be sent at all."""
    from stenobox.cli.finding import recordings_of  # noqa: PLC0415
    from stenobox.cli.link import Link  # noqa: PLC0415
    from stenobox.cli.receipts import Receipts  # noqa: PLC0415
    from stenobox.errors import InvalidRequest  # noqa: PLC0415

    files = recordings_of(args.files)
    server = server_of(args.server, os.environ)
    if args.ca_file is not None and not args.ca_file.is_file():
        raise InvalidRequest(problem=f"{args.ca_file} is no file.")
    link = Link(server, key_given(args.key, args.key_file, os.environ), args.ca_file)
    try:
        link.check()
        wishes = {name: value for name in WISHES if (value := getattr(args, name)) is not None}
        receipts = Receipts.of_user(os.environ)
        receipts.prune(time.time())
        return 1 if _send_all(files, link, receipts, wishes) else 0
    finally:
        link.close()


def _send_all(files: list[Path], link: Link, receipts: Any, wishes: Mapping[str, str]) -> int:
    """Returns how many failed, each with one line on stderr."""
    from tqdm import tqdm  # noqa: PLC0415

    from stenobox.cli.sending import Push  # noqa: PLC0415
    from stenobox.errors import InvalidRequest, StenoboxError  # noqa: PLC0415

    failed = 0
    with tqdm(
        total=sum(file.stat().st_size for file in files),
        desc="sending",
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        file=sys.stderr,
        disable=None,  # no bar where there is no terminal
    ) as bar:
        push = Push(link, receipts, wishes, moved=bar.update)
        for file in files:
            try:
                sent = push.send(file)
            except InvalidRequest:
                raise  # the key or a wish: it would be the same for every file
            except (StenoboxError, OSError) as error:
                failed += 1
                problem = error.detail if isinstance(error, StenoboxError) else error.strerror
                bar.write(f"stenobox: {file}: {problem}", file=sys.stderr)
            else:
                bar.write(f"{sent.job}\t{file}", file=sys.stdout)
                sys.stdout.flush()
                if sent.again:
                    bar.write(f"stenobox: {file}: was sent before.", file=sys.stderr)
    return failed


def server_of(given: str | None, environment: Mapping[str, str]) -> str:
    """The server's address without a slash at its end. Raises InvalidRequest."""
    from urllib.parse import urlsplit  # noqa: PLC0415

    from stenobox.errors import InvalidRequest  # noqa: PLC0415

    server = (given or environment.get(SERVER_VARIABLE) or "").strip().rstrip("/")
    if not server:
        raise InvalidRequest(problem=f"Which box? Use --server URL or the variable {SERVER_VARIABLE}.")
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise InvalidRequest(
            problem=f"{server} is no address such as https://box.example or http://box:8080."
        )
    return server


def key_given(key: str | None, file: Path | None, environment: Mapping[str, str]) -> str:
    """The API key. Raises InvalidRequest, which never repeats it."""
    from stenobox.errors import InvalidRequest  # noqa: PLC0415

    if file is not None:
        try:
            key = sys.stdin.readline() if str(file) == "-" else file.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(problem=f"{file} cannot be read as a key.") from error
    key = (key or environment.get(KEY_VARIABLE) or "").strip()
    if not key:
        raise InvalidRequest(
            problem=f"A key is needed ('stenobox keys create' prints one): set {KEY_VARIABLE}, or --key-file."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidRequest(problem="The key is not one: it has no spaces and no special characters.")
    return key
