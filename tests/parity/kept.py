"""The lines of an interrupted run, so that the next one goes on where it stopped.

A part's lines are kept under the hash of all the code that made them: the engine, the shipped model, this
harness, and the versions of every package. Any change to one of them measures everything again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from parity.rows import Row

__all__ = ["KeptRows"]

ROOT: Final = Path(__file__).parents[2]
_CODE: Final = (
    "onnx_models/whisper_onnx/**/*.py",
    "onnx_models/demo/model.toml",
    "tests/parity/**/*.py",
    "tests/golden/scrambled.py",
    "tests/making_checkpoints.py",
    "tests/data/speech/*",
)


class KeptRows:
    """A folder of the lines of single parts, and of the seconds that each part took."""

    def __init__(self, folder: Path, minutes: float) -> None:
        digest = hashlib.sha256(f"{minutes:g}".encode())
        for text in _versions():
            digest.update(text.encode())
        for pattern in _CODE:
            for path in sorted(ROOT.glob(pattern)):
                digest.update(str(path.relative_to(ROOT)).encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        self._folder = folder / digest.hexdigest()[:16]

    def get(self, model: str, part: str) -> tuple[list[Row], float] | None:
        """The lines and seconds of a part that was measured and broke no promise."""
        path = self._folder / f"{model}-{part}.json"
        if not path.is_file():
            return None
        kept = json.loads(path.read_text())
        rows = [Row(**(row | {"details": tuple(row["details"])})) for row in kept["rows"]]
        return rows, float(kept["seconds"])

    def put(self, model: str, part: str, rows: Sequence[Row], seconds: float) -> None:
        """Keeps a part's lines, unless one of them is a broken promise: that is measured again."""
        if any(row.verdict == "broken" for row in rows):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{model}-{part}.json"
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps({"seconds": seconds, "rows": [asdict(row) for row in rows]}))
        temporary.rename(path)


def _versions() -> Iterator[str]:
    yield from sorted(f"{found.name}=={found.version}\n" for found in distributions())
