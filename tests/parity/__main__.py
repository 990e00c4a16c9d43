"""Our engine beside openai-whisper, faster-whisper and transformers: `make parity PARITY_ARGS="..."`.

Exit status 1 when a promise is broken. A full run saves its table (report.py); one that leaves parts or
models out, or shortens the recordings, only prints it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import torch

from parity import goldens, report
from parity.cases import SHAPES, demo_case, shape_case
from parity.kept import KeptRows
from parity.parts import eight_bit, longform, numbers, readers, windows, words
from parity.rows import Lines, Row
from parity.setup import Engines, Setup

PARTS: Final[Mapping[str, Callable[[Engines], Iterator[Row]]]] = MappingProxyType(
    {
        "checkpoints": readers.readers,
        "mel": numbers.log_mels,
        "encoder": numbers.encoder,
        "logits": numbers.logits,
        "language": numbers.language,
        "windows": windows.windows,
        "options": longform.options,
        "greedy": longform.greedy,
        "beam": longform.beams,
        "words": words.words,
        "wer": eight_bit.word_error,
        "int8": eight_bit.agreement,
    }
)
MODELS: Final = ("demo", *SHAPES)
MINUTES: Final = 60.0


def main() -> int:
    """Reads the command line and runs the parts for one model after the other."""
    parser = argparse.ArgumentParser(prog="make parity", description=__doc__)
    parser.add_argument("--only", help=f"parts to run, of {','.join(PARTS)}")
    parser.add_argument("--models", help=f"models to run, of {','.join(MODELS)}; default: all up to base.en")
    parser.add_argument("--large", action="store_true", help="small as well (a few minutes and 6 GB more)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="length of the long recordings")
    parser.add_argument("--cache", type=Path, default=report.ROOT / ".cache" / "parity")
    parser.add_argument("--fresh", action="store_true", help="measure again what an unchanged run measured")
    parser.add_argument("--record", action="store_true", help="only record tests/golden anew")
    parser.add_argument("--no-save", action="store_true", help="print the table and save nothing")
    arguments = parser.parse_args()
    parts = _chosen(parser, arguments.only, tuple(PARTS))
    usual = tuple(name for name in MODELS if name != "small" or arguments.large)
    models = _chosen(parser, arguments.models, MODELS) if arguments.models else usual
    full = parts == tuple(PARTS) and set(models) >= set(MODELS) - {"small"} and arguments.minutes >= MINUTES

    torch.set_num_threads(1)  # a run's answers must not depend on how many cores the machine has
    warnings.filterwarnings("ignore", message=".*Triton.*|.*FP16.*")
    setup = Setup(arguments.cache, 60 * arguments.minutes)
    if arguments.record:
        goldens.record(demo_case(setup.cache / "models"))
        return 0
    kept = KeptRows(arguments.cache / "rows", arguments.minutes)
    took, rows = 0.0, []
    for name in models:
        case = (
            demo_case(setup.cache / "models") if name == "demo" else shape_case(name, setup.cache / "models")
        )
        engines = Engines(case, setup)
        for part in parts:
            found = None if arguments.fresh else kept.get(name, part)
            measured, seconds = found or _measured(part, engines)
            kept.put(name, part, measured, seconds)
            rows += measured
            took += seconds
            print("\n".join(map(report.shown, measured)), flush=True)
            print(f"     ({part} of {name}: {seconds:.0f} s)", file=sys.stderr, flush=True)
    broken = [row for row in rows if row.verdict == "broken"]
    print(f"\n{len(broken)} broken promises, {took / 60:.1f} minutes")
    if full and not arguments.no_save:
        about = report.described(arguments.minutes, models, took=took, spared=setup.answers.spared)
        report.save(about, rows)
    return 1 if broken or not rows else 0


def _measured(part: str, engines: Engines) -> tuple[list[Row], float]:
    """The lines of one part, and the seconds it took."""
    begun = time.monotonic()
    lines = Lines(part, engines.case.name, "any")
    rows = lines.attempt("the whole part", lambda: list(PARTS[part](engines)))
    return rows, time.monotonic() - begun


def _chosen(parser: argparse.ArgumentParser, listed: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if listed is None:
        return known
    names = tuple(listed.split(","))
    if unknown := [name for name in names if name not in known]:
        parser.error(f"{unknown[0]} is not one of {', '.join(known)}")
    return tuple(name for name in known if name in names)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.exit(main())
