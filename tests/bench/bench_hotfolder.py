"""From a closed file in a hot folder to a queued job, while thousands of files lie in it.

`make bench-hotfolder BENCH_ARGS="--files 10000 --drops 50"` prints a table. The daemon is a real one with the
default settings of an inbox; its engine works on the jobs meanwhile, as it does in an office. The files that
lie there were transcribed before and stay (`original = "keep"`).
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from harness.inbox import NAME, HotBox
from storing import wave_bytes

_ROOT = Path(__file__).resolve().parents[2]
GOAL_SECONDS = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench_hotfolder", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="that lie in the folder already")
    parser.add_argument("--drops", type=int, default=50)
    parser.add_argument("--model", type=Path, default=_ROOT / "onnx_models" / "demo", help="a bundle")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stenobox-bench-") as name:
        rows = [(count, measure(Path(name) / str(count), count, options.drops, options.model))
                for count in (0, options.files)]  # fmt: skip
    print(f"| files in the folder | median (goal {GOAL_SECONDS} s) | p95 | longest | drops |")
    print("| --- | --- | --- | --- | --- |")
    for count, waits in rows:
        median, p95 = statistics.median(waits), sorted(waits)[int(0.95 * len(waits))]
        print(f"| {count:,} | {median:.2f} s | {p95:.2f} s | {max(waits):.2f} s | {len(waits)} |", flush=True)


def measure(folder: Path, count: int, drops: int, model: Path) -> list[float]:
    """Seconds from the closing of each file to the moment at which its job was made."""
    folder.mkdir()
    box = HotBox(folder, model=model, original='"keep"')
    with box:
        box.stop()
        _lay(box, count)
        box.start()
        box.wait_ready()
        waits = []
        for number in range(drops):
            path = box.inbox / f"new {number}.wav"
            before = len(box.jobs())
            path.write_bytes(wave_bytes(5.0, 20_000 + number))
            closed = time.time()
            box.wait_until(lambda before=before: len(box.jobs()) > before or len(box.jobs()) == 200)
            waits.append(_made(box, number) - closed)
            time.sleep(0.2)
        return waits


def _made(box: HotBox, number: int) -> float:
    """When the job of a drop was made, by the box's clock, which is ours."""
    with sqlite3.connect(f"file:{box.data / 'stenobox.db'}?mode=ro", uri=True) as database:
        (made,) = database.execute(
            "SELECT jobs.created_at FROM jobs JOIN drops ON drops.job_id = jobs.id WHERE path = ?",
            (f"new {number}.wav".encode(),),
        ).fetchone()
    return float(made)


def _lay(box: HotBox, count: int) -> None:
    """Files that were transcribed long ago, and the rows that say so."""
    rows = []
    for number in range(count):
        path = box.inbox / f"day {number % 100}" / f"old {number}.wav"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"RIFF")
        status = path.stat()
        place = os.fsencode(path.relative_to(box.inbox))
        rows.append((NAME, place, status.st_ino, status.st_size, status.st_mtime_ns))
    with sqlite3.connect(box.data / "stenobox.db") as database:
        database.executemany(
            "INSERT INTO drops (inbox, path, inode, size, modified_ns, state, stays, wishes, created_at)"
            " VALUES (?, ?, ?, ?, ?, 'over', 1, '', 0)",
            rows,
        )


if __name__ == "__main__":
    main()
