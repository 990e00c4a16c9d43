"""`stenobox check-config`: the settings as they would take effect, or what is wrong with them."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "check-config",
        help="print the settings as they take effect",
        description="Print the settings as they take effect, as TOML without secrets; exit code 2 if wrong.",
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """0 when the settings can be used. Raises SettingsError, which ends the command with exit code 2."""
    from stenobox.cli import settings_of  # noqa: PLC0415

    sys.stdout.write(effective(settings_of(args)))
    return 0


def effective(settings: Any) -> str:
    """All settings as a TOML document; reading it gives these settings again."""
    from stenobox.config import reference  # noqa: PLC0415
    from stenobox.inboxes import inbox_reference  # noqa: PLC0415
    from stenobox.safety.shown import is_secret  # noqa: PLC0415

    lines: list[str] = []
    section = ""
    for key in reference():
        if key.section != section:
            section = key.section
            lines += ["", f"[{section}]"]
        owner = getattr(settings, section) if section else settings
        value = getattr(owner, key.name)
        if is_secret(key.name):
            lines.append(f"# {key.name} is {'set' if value else 'not set'}")
        elif value is None:
            lines.append(f"# {key.name} is not set")
        else:
            lines.append(f"{key.name} = {_toml(value)}")
    for inbox in settings.inboxes:
        lines += ["", "[[inbox]]"]
        lines += [f"{key.name} = {_toml(getattr(inbox, key.name))}" for key in inbox_reference()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    import json  # noqa: PLC0415

    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, int | float):
        return repr(value)
    # A JSON string is a TOML basic string.
    return json.dumps(str(value), ensure_ascii=False)
