"""Sends hostile files to the real daemon and holds it to what it promises about each of them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from harness.daemon import Daemon
from hostile.hostile_audio import FAILED, HEARD, REFUSED, Hostile

# What a file may be told that it is; the rest of the vocabulary would blame somebody else.
CLEAR = frozenset(
    {"empty_file", "not_audio", "undecodable_audio", "audio_too_long", "decoder_limit", "audio_error"}
)
MEMORY_BYTES = 512 << 20
CPU_SECONDS = 20
DAEMON_GROWTH_BYTES = 128 << 20  # the model's working memory is a good part of it
SETTINGS = {"audio.memory_bytes": MEMORY_BYTES, "audio.cpu_seconds": CPU_SECONDS}


@dataclass
class Report:
    """`outcomes` by kind and code; `wrong`: a sentence for each promise that was broken."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    child_peak: int = 0  # bytes of memory that a decoding child really had, as far as was seen
    daemon_growth: int = 0  # bytes


def send_all(box: Daemon, files: Iterable[Hostile]) -> Report:
    """Upload every file, see every job to its end; the daemon has a user and a key already."""
    report = Report()
    first = box.upload(_harmless(), "harmless.wav", language="en")
    assert first.status == 201, first.text
    box.wait_for(first.json["id"], "done")  # the model is loaded: now its memory is not growth
    assert box.process is not None
    with _watched(box.process.pid, report), ThreadPoolExecutor(3) as pool:
        for item, kind, code, problem in pool.map(lambda item: (item, *_send(box, item)), files):
            report.outcomes[kind, code] += 1
            if problem:
                report.wrong.append(f"{item.filename}: {problem}")
            elif kind not in item.ends or (item.codes and kind != HEARD and code not in item.codes):
                report.wrong.append(f"{item.filename}: ended as {kind} {code}")
    if box.get("/livez", key=None).status != 200:
        report.wrong.append("the daemon does not answer any more")
    if report.child_peak > MEMORY_BYTES:
        report.wrong.append(f"a child had {report.child_peak >> 20} MiB")
    if report.daemon_growth > DAEMON_GROWTH_BYTES:
        report.wrong.append(f"the daemon grew by {report.daemon_growth >> 20} MiB")
    if list(_decoders(box.process.pid)):
        report.wrong.append("a decoding child is left")
    report.wrong += [f"logged: {line.strip()[:300]}" for line in box.log if "Traceback" in line]
    return report


def _send(box: Daemon, item: Hostile) -> tuple[str, str, str]:
    """How one file ended (kind and code), and what is wrong with that."""
    answer = box.upload(item.content, item.filename, language="en")
    if answer.status != 201:
        body = answer.json
        kind, code, detail = REFUSED, str(body["code"]), str(body["detail"])
        if answer.status not in (400, 413, 415, 422):
            return kind, code, f"was answered with {answer.status}"
    else:
        job = box.wait_for(answer.json["id"], "done", "failed", "quarantined")
        if job["state"] == "done":
            return HEARD, "", ""
        kind, code, detail = FAILED, str(job["error"]["code"]), str(job["error"]["detail"])
        if job["state"] != "failed":
            return kind, code, f"is {job['state']}"
    if code not in CLEAR:
        return kind, code, f"has the code {code}: {detail}"
    if len(detail) < 20 or "Traceback" in detail or str(box.data) in detail:
        return kind, code, f"tells the sender {detail!r}"
    return kind, code, ""


@contextlib.contextmanager
def bait() -> Iterator[tuple[str, socket.socket]]:
    """An address for files to name, and the socket that would see a visitor."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.wav", server


def visited(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _watched(pid: int, report: Report) -> Iterator[None]:
    """Look at the memory of the daemon and its children now and then, as long as the block runs."""
    before = _memory(Path(f"/proc/{pid}"), "VmRSS")
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            report.daemon_growth = max(report.daemon_growth, _memory(Path(f"/proc/{pid}"), "VmRSS") - before)
            for child in _decoders(pid):
                report.child_peak = max(report.child_peak, _memory(child, "VmHWM"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _children(pid: int) -> Iterator[Path]:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            yield from (Path(f"/proc/{child}") for child in (thread / "children").read_text().split())


def _decoders(pid: int) -> Iterator[Path]:
    """The children that decode: those of the daemon's one child, which forks them."""
    (server,) = _children(pid)
    return _children(int(server.name))


def _memory(process: Path, what: str) -> int:
    """Bytes; 0 when the process is gone."""
    with contextlib.suppress(OSError):
        for line in (process / "status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) << 10
    return 0


def _harmless() -> bytes:
    from storing import wave_bytes

    return wave_bytes(1.0)
