"""One large recording by each road, beside nginx and sha256sum, turn by turn so that a busy hour hits all."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.daemon import Daemon

from .roads import ROADS
from .sending import MIB
from .yardstick import Store

GOAL = 0.8
"""Of the slower of nginx and sha256sum."""

MEMORY_GOAL_MIB = 64

_RATE, _CHANNELS, _SAMPLE_BYTES = 48_000, 2, 2


@dataclass
class Figures:
    """Of one road: a rate for each turn in MiB/s, its share of the yardstick's, memory in bytes."""

    rates: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    growth: list[int] = field(default_factory=list)


def measure(
    folder: Path, mebibytes: int, turns: int, roads: Sequence[str], model: Path
) -> dict[str, Figures]:
    """`folder` needs room for three times the file."""
    source = recording(folder / "large.wav", mebibytes * MIB)
    figures = {name: Figures() for name in ("sha256sum", "nginx", *roads)}
    for turn in range(turns):
        _change(source, turn)
        rates = {"sha256sum": mebibytes / _sha256sum(source), "nginx": mebibytes / _nginx(folder, source)}
        yardstick = min(rates.values())
        for road in roads:
            seconds, growth = _send(folder / "box", road, source, model)
            rates[road] = mebibytes / seconds
            figures[road].growth.append(growth)
        for name, rate in rates.items():
            figures[name].rates.append(rate)
            figures[name].shares.append(rate / yardstick)
    source.unlink()
    return figures


def table(figures: dict[str, Figures]) -> list[str]:
    """Markdown, one row a road; medians over the turns."""
    lines = [
        f"| road | MiB/s | of the slower yardstick (goal {GOAL}) | daemon's memory grew by |",
        "| --- | --- | --- | --- |",
    ]
    for name, figure in figures.items():
        share = (
            f"{statistics.median(figure.shares):.2f} ({min(figure.shares):.2f} to {max(figure.shares):.2f})"
        )
        growth = (
            f"{max(figure.growth) / MIB:.0f} MiB (goal: under {MEMORY_GOAL_MIB})" if figure.growth else ""
        )
        lines.append(f"| {name} | {statistics.median(figure.rates):.0f} | {share} | {growth} |")
    return lines


def recording(path: Path, size: int) -> Path:
    """A WAV file of that many bytes: noise, since a disk may be quicker with zeros."""
    frame = _CHANNELS * _SAMPLE_BYTES
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", size - 8, b"WAVE", b"fmt ", 16, 1, _CHANNELS),
        *(_RATE, _RATE * frame, frame, 8 * _SAMPLE_BYTES, b"data", size - 44),
    )
    noise = os.urandom(16 * MIB)
    with path.open("wb") as file:
        file.write(head)
        left = size - len(head)
        while left:
            left -= file.write(noise[: min(left, len(noise))])
    return path


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
        while not over.wait(0.05):
            peak[0] = max(peak[0], rss(box))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _change(source: Path, turn: int) -> None:
    """Other bytes each turn, so that nothing can be known already. All of it is in the page cache after."""
    with source.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(8) + bytes([turn]))
    subprocess.run(["cat", str(source)], stdout=subprocess.DEVNULL, check=True)


def _settle(source: Path) -> None:
    """What earlier measurements left to write is on the disk, and there is memory for another such file.

    A virtual machine may give its free memory back to its host, and then takes seconds to get it again; who
    pays for that would be chance. A file that is written and removed gets it for everybody.
    """
    scratch = source.with_suffix(".scratch")
    subprocess.run(["cp", "--sparse=never", "--reflink=never", str(source), str(scratch)], check=True)
    os.sync()
    scratch.unlink()


def _sha256sum(source: Path) -> float:
    _settle(source)
    started = time.perf_counter()
    subprocess.run(["sha256sum", str(source)], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _nginx(folder: Path, source: Path) -> float:
    with Store(folder / "nginx") as server:
        _settle(source)
        seconds = server.receive(source)
    shutil.rmtree(folder / "nginx")
    return seconds


def _send(folder: Path, road: str, source: Path, model: Path) -> tuple[float, int]:
    """Seconds and growth of memory. Each time a new box, so that no earlier upload is in its memory."""
    with Daemon(folder / "data", model=model, settings={"log.level": "info"}) as box:
        box.set_up()
        box.wait_ready()
        _settle(source)
        before = rss(box)
        with watching(box) as peak:
            started = time.perf_counter()
            job = ROADS[road](box, source)
            seconds = time.perf_counter() - started
        box.post(f"/api/jobs/{job}/cancel")
        growth = peak[0] - before
    shutil.rmtree(folder)
    return seconds, growth
