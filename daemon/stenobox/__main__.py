"""`python -m stenobox` and the command `stenobox`."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0 done, 1 the work failed, 2 the call was wrong."""
    from stenobox.cli import run_command  # noqa: PLC0415  # the decoding child imports this package too

    return run_command(argv)


if __name__ == "__main__":
    sys.exit(main())
