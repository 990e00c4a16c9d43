"""`stenobox doctor`: is everything here that the box needs, and if not, what to do."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="check this machine and say what to do",
        description="Check this machine: a line OK, WARN or FAIL each. Exit code 1 if any is FAIL.",
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.cli.checks import checks_of  # noqa: PLC0415
    from stenobox.errors import SettingsError  # noqa: PLC0415
    from stenobox.safety import Result, Verdict, safety_results  # noqa: PLC0415

    try:
        settings = settings_of(args)
        results = [Result("settings", Verdict.OK, "can be read")]
    except SettingsError as error:
        settings = None
        results = [Result("settings", Verdict.FAIL, error.detail)]
    _show(results[0])
    for check in checks_of(settings):
        results.append(check())
        _show(results[-1])
    for result in () if settings is None else safety_results(settings):
        results.append(result)
        _show(result)
    return 1 if any(result.verdict is Verdict.FAIL for result in results) else 0


def _show(result: Any) -> None:
    sys.stdout.write(f"{result.verdict.value:5} {result.name:12} {result.text}\n")
    sys.stdout.flush()
