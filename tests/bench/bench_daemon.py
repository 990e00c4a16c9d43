"""The daemon's own figures: start, memory, and how late its event loop is while it transcribes.

    python tests/bench/bench_daemon.py [--upload-mib 2048] [--speech-minutes 5]

Prints a table and asserts nothing. Needs espeak-ng, and room on the disk for the upload.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "daemon"), str(ROOT / "onnx_models")]

from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from harness.daemon import Daemon  # noqa: E402
from making_audio import speech  # noqa: E402

MIB = 1 << 20
LAG = "stenobox_event_loop_lag_seconds"
STARTS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upload-mib", type=int, default=2048)
    parser.add_argument("--speech-minutes", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=1, help="threads of the engine")
    parser.add_argument(
        "--model", type=Path, default=os.environ.get("STENOBOX_TEST_BUNDLE"), help="a model's folder"
    )
    options = parser.parse_args()
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory(prefix="stenobox-bench-") as folder:
        settings = {"models.threads": options.threads, "log.level": "info"}
        rows.append(("time to /readyz, median", *measure_start(Path(folder), options.model, settings)))
        box = Daemon(Path(folder) / "data", model=options.model, settings=settings)
        with box:
            box.set_up()
            box.wait_ready()
            time.sleep(3)
            rows.append(("idle memory (RSS)", f"{rss(box) / MIB:.0f} MiB", ""))
            rows += measure_upload(box, options.upload_mib)
            rows += measure_lag(box, Path(folder), options.speech_minutes)
    width = max(len(name) for name, _, _ in rows)
    for name, figure, goal in rows:
        print(f"{name:{width}}  {figure:>12}  {goal}")


def measure_start(folder: Path, model: Path | None, settings: dict[str, object]) -> tuple[str, str]:
    """From the process's start until /readyz is 200: the model is hashed and loaded by then."""
    seconds: list[float] = []
    for number in range(STARTS):
        box = Daemon(folder / f"start{number}", model=model, settings=settings)
        started = time.perf_counter()
        with box:
            while box.get("/readyz", key=None).status != 200:
                time.sleep(0.005)
            seconds.append(time.perf_counter() - started)
    return (
        f"{statistics.median(seconds):.2f} s",
        f"{STARTS} starts, {min(seconds):.2f} to {max(seconds):.2f} s",
    )


def measure_upload(box: Daemon, mebibytes: int) -> list[tuple[str, str, str]]:
    """Memory while one large recording comes in, and how fast that goes."""
    before = rss(box)
    with watching(box) as peak:
        started = time.perf_counter()
        job_id = upload_silence(box, mebibytes * MIB)
        seconds = time.perf_counter() - started
    box.post(f"/api/jobs/{job_id}/cancel")
    return [
        (
            f"memory growth during a {mebibytes} MiB upload",
            f"{(peak[0] - before) / MIB:.0f} MiB",
            "goal: under 64 MiB",
        ),
        ("speed of that upload", f"{mebibytes / seconds:.0f} MiB/s", "hashed and synced"),
    ]


def measure_lag(box: Daemon, folder: Path, minutes: float) -> list[tuple[str, str, str]]:
    """The loop's own samples (20 a second) while speech is transcribed, and /livez from outside."""
    source = spoken(folder, minutes)
    time.sleep(1)
    idle = histogram(box)
    time.sleep(10)
    before = histogram(box)
    quiet = quantile(idle, before, 0.99)
    started = time.perf_counter()
    answer = box.upload(source.read_bytes(), "talk.flac", language="en")
    job_id = answer.json["id"]
    seen: list[float] = []
    while box.job(job_id)["state"] in ("queued", "running"):
        asked = time.perf_counter()
        box.get("/livez", key=None)
        seen.append(time.perf_counter() - asked)
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    after = histogram(box)
    seen.sort()
    samples = int(after[float("inf")] - before[float("inf")])
    return [
        ("event-loop lag p99, idle", f"{quiet * 1000:.1f} ms", ""),
        (
            "event-loop lag p99, transcribing",
            f"{quantile(before, after, 0.99) * 1000:.1f} ms",
            "goal: under 50 ms",
        ),
        (
            "event-loop lag, longest, transcribing",
            f"< {longest(before, after) * 1000:.0f} ms",
            f"{samples} samples",
        ),
        (
            "GET /livez p99, transcribing",
            f"{seen[int(len(seen) * 0.99)] * 1000:.1f} ms",
            f"{len(seen)} requests",
        ),
        (
            f"{minutes:g} min of speech",
            f"{minutes * 60 / seconds:.1f} x",
            "real time, upload and decoding included",
        ),
    ]


def rss(box: Daemon) -> int:
    """Bytes of memory that the daemon's process holds."""
    assert box.process is not None
    for line in Path(f"/proc/{box.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")


@contextlib.contextmanager
def watching(box: Daemon) -> Iterator[list[int]]:
    """The highest RSS seen inside the block."""
    peak, over = [rss(box)], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], rss(box))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def upload_silence(box: Daemon, size: int) -> str:
    """Stream a WAV file of that many bytes (96 kHz, stereo, float32), never in memory; returns the job."""
    rate, channels = 96_000, 2
    frame = 4 * channels
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(
            b"RIFF",
            size - 8,
            b"WAVE",
            b"fmt ",
            16,
            3,
            channels,
            rate,
            rate * frame,
            frame,
            32,
            b"data",
            size - 44,
        ),
    )
    boundary = "bench"
    start = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'.encode()
        + head
    )
    end = f"\r\n--{boundary}--\r\n".encode()
    body = size - len(head)
    address = urlsplit(box.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=600)
    connection.putrequest("POST", "/api/jobs")
    connection.putheader("Authorization", f"Bearer {box.key}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
    connection.putheader("Content-Length", str(len(start) + body + len(end)))
    connection.endheaders()
    connection.send(start)
    zeros = bytes(MIB)
    while body:
        part = min(MIB, body)
        connection.send(zeros[:part])
        body -= part
    connection.send(end)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 201, content
    connection.close()
    return str(json.loads(content)["id"])


def spoken(folder: Path, minutes: float) -> Path:
    """Speech with pauses, of that length."""
    samples, rate = soundfile.read(
        speech(folder / "sentence.wav", "The black computer is on the right. Eight five nine seven two."),
        dtype="float32",
    )
    unit = np.concatenate([samples, np.zeros(rate // 2, np.float32)])
    path = folder / "talk.flac"
    soundfile.write(path, np.tile(unit, int(minutes * 60 * rate / len(unit)) + 1), rate)
    return path


def histogram(box: Daemon) -> dict[float, float]:
    """Upper bound in seconds -> samples so far at or below it."""
    text = box.get("/metrics").text
    return {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(text)
        if family.name == LAG
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }


def quantile(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """Of the samples between two readings, as Prometheus' histogram_quantile: linear inside a bucket."""
    counts = {bound: after[bound] - before[bound] for bound in sorted(after)}
    wanted = share * counts[float("inf")]
    low, below = 0.0, 0.0
    for bound, count in counts.items():
        if count >= wanted:
            return (
                bound
                if bound == float("inf")
                else low + (bound - low) * (wanted - below) / max(count - below, 1e-9)
            )
        low, below = bound, count
    return low


def longest(before: dict[float, float], after: dict[float, float]) -> float:
    """The bound of the highest bucket that got a sample."""
    counts = [(bound, after[bound] - before[bound]) for bound in sorted(after)]
    return next(bound for bound, count in counts if count == counts[-1][1])


if __name__ == "__main__":
    main()
