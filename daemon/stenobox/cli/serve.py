"""`stenobox serve`: the daemon."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "serve", help="run the daemon", description="Run the daemon until SIGTERM."
    )
    parser.add_argument("--host", help="address to listen on instead of listen.host")
    parser.add_argument("--port", type=_port, help="TCP port instead of listen.port; 0 takes a free one")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """0 after a clean stop, 1 when a part died. Raises what the settings or the data folder refuse."""
    import asyncio  # noqa: PLC0415
    import dataclasses  # noqa: PLC0415

    from stenobox.cli import EXIT_FAILED, settings_of  # noqa: PLC0415
    from stenobox.errors import StenoboxError  # noqa: PLC0415
    from stenobox.log import configure, get_logger  # noqa: PLC0415
    from stenobox.serving import serve  # noqa: PLC0415

    settings = settings_of(args)
    given = {name: value for name in ("host", "port") if (value := getattr(args, name)) is not None}
    settings = dataclasses.replace(settings, listen=dataclasses.replace(settings.listen, **given))
    configure(settings.log.level, settings.log.format)
    try:
        asyncio.run(serve(settings))
    except StenoboxError:
        raise
    except Exception as error:
        get_logger(__name__).exception("a_part_died", error)
        return EXIT_FAILED
    return 0


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return number
