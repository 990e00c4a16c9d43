"""Our checkpoint readers on files that torch and transformers themselves write, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from parity.rows import Lines, Row
from parity.setup import Engines

__all__ = ["readers"]

_CHECK = Path(__file__).parents[1] / "check_checkpoints.py"


def readers(engines: Engines) -> Iterator[Row]:
    """Runs the check once, beside the demo model."""
    if not engines.case.trained:
        return
    done = subprocess.run([sys.executable, str(_CHECK)], capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    yield Lines("checkpoints", "any", "torch, transformers").promised(
        "files they write, read by us",
        promise="identical",
        measured=lines[-1][:120] if lines else f"exit {done.returncode}",
        held=done.returncode == 0,
        details=tuple(line for line in lines if line.startswith("FAIL"))
        + (() if done.returncode == 0 else tuple(done.stderr.splitlines()[-5:])),
    )
