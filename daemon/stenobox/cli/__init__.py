"""The commands. Each module has `add_parser(subparsers)`, which sets `func` to its `run(args) -> int`.

Modules import what is heavy inside `run`, so that `stenobox --help` answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stenobox import __version__
from stenobox.errors import StenoboxError

if TYPE_CHECKING:
    from stenobox.config import Settings

COMMANDS = ("serve", "transcribe", "push", "models", "users", "keys", "tls", "check_config", "doctor")
"""Modules of this package, in the order of the help."""

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="stenobox",
        description="A private transcription appliance: Whisper on your own box, nothing leaves the LAN.",
    )
    top.add_argument("--version", action="version", version=f"stenobox {__version__}")
    _add_places(top, default=None)
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name in COMMANDS:
        importlib.import_module(f"stenobox.cli.{name}").add_parser(commands)
    for command in _below(top):
        # Allowed after the command too, where people look for it; SUPPRESS keeps what was given before it.
        with contextlib.suppress(argparse.ArgumentError):
            _add_places(command, default=argparse.SUPPRESS)
    return top


def _below(parent: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all commands, and of their own commands."""
    for action in parent._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command
                yield from _below(command)


def run_command(argv: Sequence[str] | None = None) -> int:
    """Parse and run. What goes wrong is one line on stderr, without a traceback."""
    args = parser().parse_args(argv)
    try:
        code: int = args.func(args)
        sys.stdout.flush()
        return code
    except StenoboxError as error:
        sys.stderr.write(f"stenobox: {error.detail}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`stenobox users list | head -1`); Python would complain at its
        # exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that the options and the environment ask for. Raises SettingsError."""
    from stenobox.config import load_settings  # noqa: PLC0415

    return load_settings(args.config, args.data, os.environ)


def _add_places(target: argparse.ArgumentParser, default: str | None) -> None:
    target.add_argument("--config", type=Path, default=default, metavar="FILE", help="settings file")
    target.add_argument("--data", type=Path, default=default, metavar="FOLDER", help="data folder")
