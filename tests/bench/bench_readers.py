"""A crowd of readers while the box transcribes: wrk with 200 connections, and the lag of the event loop.

    python tests/bench/bench_readers.py [--seconds 15] [--connections 200]

Prints a table and asserts nothing. Needs wrk and espeak-ng. wrk shares the machine's cores with the daemon.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(ROOT / "tests"),
    str(ROOT / "daemon"),
    str(ROOT / "onnx_models"),
    str(ROOT / "tests/bench"),
]

from bench_daemon import histogram, longest, quantile, spoken  # noqa: E402

from harness.daemon import Daemon  # noqa: E402

JOBS = 50  # that the list of jobs shows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--speech-minutes", type=float, default=60.0)
    parser.add_argument(
        "--model", type=Path, default=os.environ.get("STENOBOX_TEST_BUNDLE"), help="a model's folder"
    )
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    # The limits of a side are for strangers; these readers stand for 200 people.
    settings = {"models.threads": 1, "log.level": "info", "limits.connections": 2_000}
    with (
        tempfile.TemporaryDirectory(prefix="stenobox-bench-") as folder,
        Daemon(Path(folder) / "data", model=options.model, settings=settings) as box,
    ):
        box.set_up()
        box.wait_ready()
        short = spoken(Path(folder), 0.1).read_bytes()
        for number in range(JOBS):
            done = box.upload(short, f"talk {number}.flac", language="en").json["id"]
        box.wait_for(done, "done")
        talk = spoken(Path(folder), options.speech_minutes).read_bytes()
        print(f"{'':34} {'requests/s':>11} {'p50':>9} {'p99':>9}   event loop: {'p99':>8} {'longest':>8}")
        for name, path in (("list of jobs", "/api/jobs"), ("a job", f"/api/jobs/{done}")):
            for working in (False, True):
                row = measure(box, options, path, talk if working else None)
                print(f"{name + (', transcribing' if working else ', idle'):34} {row}")


def measure(box: Daemon, options: argparse.Namespace, path: str, talk: bytes | None) -> str:
    """One row: wrk's figures, and the loop's own samples (20 a second) of the same time."""
    job = None if talk is None else box.upload(talk, "long.flac", language="en").json["id"]
    if job is not None:
        box.wait_for(job, "running")
    before = histogram(box)
    done = subprocess.run(
        [
            *("wrk", "-t2", f"-c{options.connections}", f"-d{options.seconds}s", "--latency"),
            *("-H", f"Authorization: Bearer {box.key}", box.url + path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    after = histogram(box)
    if job is not None:
        state = box.job(job)["state"]
        box.post(f"/api/jobs/{job}/cancel")
        if state != "running":
            print(f"(the recording was {state} before the end: take more --speech-minutes)")
    if failures := re.search(r"Non-2xx.*|Socket errors.*", done.stdout):
        print(f"({failures[0]})")
    found = dict.fromkeys(("50%", "99%", "Requests/sec:"), "?")
    for key in found:
        if match := re.search(rf"^\s*{key}\s+(\S+)\s*$", done.stdout, re.M):
            found[key] = match[1]
    lag, most = quantile(before, after, 0.99) * 1000, longest(before, after) * 1000
    readers = f"{found['Requests/sec:']:>11} {found['50%']:>9} {found['99%']:>9}"
    return f"{readers}   {'':11} {lag:6.1f} ms <{most:5.0f} ms"


if __name__ == "__main__":
    main()
