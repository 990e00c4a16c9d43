"""Damages recordings of every format and sends them, with all hand-made hostile files, to the real daemon.

    make fuzz-audio FUZZ_ARGS="--files 1000 --seed 7"

Each must end in words that are about the file, and the daemon must stay up, small and without children. A
case depends on nothing but the seed and its number, so `--seed S --case N` repeats it. Exit status 1 when
something was found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.daemon import ROOT, Daemon
from hostile.hostile_audio import ANY, Hostile, hand_made
from hostile.mutating_audio import mutated, sound_recordings
from hostile.sending_audio import SETTINGS, bait, send_all, visited


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000, help="how many damaged recordings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="only this damaged recording")
    parser.add_argument("--keep", type=Path, help="where to put the files, to look at them")
    args = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name, bait() as (address, server):
        folder = Path(name)
        numbers = range(args.files) if args.case is None else [args.case]
        files = [*damaged(folder, args.seed, numbers)]
        if args.case is None:
            files = [*hand_made(folder, address), *files]
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            for item in files:
                (args.keep / item.filename).write_bytes(item.content)
        with Daemon(folder / "data", model=ROOT / "onnx_models" / "demo", settings=SETTINGS) as box:
            box.set_up()
            report = send_all(box, files)
            status = box.stop()
        if status != 0:
            report.wrong.append(f"the daemon ended with status {status}")
        if visited(server):
            report.wrong.append("an address that a file names was visited")
    for (kind, code), count in sorted(report.outcomes.items()):
        print(f"{count:6} {kind} {code}")
    print(f"largest child {report.child_peak >> 20} MiB, daemon grew by {report.daemon_growth >> 20} MiB")
    print(f"{len(files)} files in {time.monotonic() - started:.0f} s, {len(report.wrong)} of them wrong")
    for problem in report.wrong:
        print(problem)
    return 1 if report.wrong else 0


def damaged(folder: Path, seed: int, numbers: range | list[int]) -> Iterator[Hostile]:
    """Damaged recordings, their numbers in their names."""
    sound = sound_recordings(folder)
    for number in numbers:
        name, content = mutated(sound, seed, number)
        yield Hostile(f"{number}-{name}", content, ANY)


if __name__ == "__main__":
    sys.exit(main())
