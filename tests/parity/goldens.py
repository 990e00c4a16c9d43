"""Records the committed golden answers anew: every tests/golden/record*.py, on the shipped model."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

from parity.cases import DEMO, Case
from whisper_onnx.bundle import Bundle

__all__ = ["record"]

TESTS: Final = Path(__file__).parents[1]
GOLDEN: Final = TESTS / "golden"
_OF_THE_MODEL: Final = ("record.py", "record_search.py", "record_words.py")
_OF_THE_LIBRARY: Final = ("record_features_and_tokens.py", "record_families.py")


def record(demo: Case) -> None:
    """Runs the recorders one after the other. CalledProcessError when one fails.

    The checkpoint they are given holds the weights of the one that the bundle was built from, in a file of
    its own; the answers are put down under the hash of the original, which the bundle's manifest names.
    """
    given = ["--checkpoint", str(demo.checkpoint), "--audio", str(TESTS / "data" / "speech")]
    for name in _OF_THE_MODEL:
        _run(name, given)
    for name in _OF_THE_LIBRARY:
        _run(name, [])
    rebuilt = hashlib.sha256(demo.checkpoint.read_bytes()).hexdigest()
    original = Bundle.load(DEMO).manifest.checkpoint_sha256
    for path in GOLDEN.rglob("*.json"):
        text = path.read_text()
        if rebuilt in text:
            path.write_text(text.replace(rebuilt, original))


def _run(name: str, arguments: list[str]) -> None:
    print(f"tests/golden/{name}", flush=True)
    subprocess.run([sys.executable, str(GOLDEN / name), *arguments], check=True)
