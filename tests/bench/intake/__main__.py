"""`python -m bench.intake`, which `make bench-intake BENCH_ARGS="..."` calls. Needs nginx.

--only large,crowd         these measures
--mebibytes 2048          the large recording
--turns 3                 so many turns of it
--people 1000             uploads at once
--roads direct,tus        these roads
--folder FOLDER           on the disk to measure; needs room for four times the large recording
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from . import crowd, large
from .roads import ROADS

_ROOT = Path(__file__).resolve().parents[3]
_MEASURES = ("large", "crowd")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.intake", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=_names(_MEASURES), default=_MEASURES)
    parser.add_argument("--mebibytes", type=int, default=2048)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--roads", type=_names(tuple(ROADS)), default=tuple(ROADS))
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--model", type=Path, default=_ROOT / "onnx_models" / "demo", help="a bundle")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stenobox-bench-", dir=options.folder) as name:
        folder = Path(name)
        if "large" in options.only:
            figures = large.measure(folder, options.mebibytes, options.turns, options.roads, options.model)
            print("\n".join(large.table(figures)), flush=True)
        if "crowd" in options.only:
            print("\n".join(crowd.table(crowd.measure(folder, options.people, options.model))), flush=True)


def _names(known: tuple[str, ...]) -> object:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    main()
