"""Children that a fork server makes: as confined, as limited and as mortal as those that are programs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from making_audio import encoded, tone, wav
from stenobox.audio import forkclient, sandbox, spawning
from stenobox.audio.decode import decode
from stenobox.audio.forkclient import ForkServer
from stenobox.audio.limits import AudioLimits
from stenobox.audio.probe import probe
from stenobox.errors import DecoderFailed, DecoderLimit, NotAudio

LIMITS = AudioLimits(max_seconds=3600.0)
ROOT = Path(sandbox.__file__).parents[2]


@pytest.fixture
async def forks() -> AsyncIterator[ForkServer]:
    server = ForkServer()
    yield server
    await server.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return wav(tmp_path / "a.wav", tone(2))


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes seconds to decode."""
    return wav(
        tmp_path_factory.mktemp("endless") / "long.flac", np.zeros(12 * 3600 * 2_000, np.float32), 2_000
    )


def server_of(forks: ForkServer) -> int:
    assert forks._process is not None
    return forks._process.pid


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def until(holds: Callable[[], object], what: str = "it never began") -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.01)


def written(out: Path) -> bool:
    return out.exists() and out.stat().st_size > 0


async def test_they_answer_as_programs_do(tmp_path: Path, recording: Path, forks: ForkServer) -> None:
    for source in (
        recording,
        encoded(tmp_path / "a.m4a", tone(2)),
        encoded(tmp_path / "a.opus", tone(1), codec="libopus"),
    ):
        assert await probe(source, LIMITS, start=forks.child) == await probe(source, LIMITS)
        decoded = await decode(source, tmp_path / "forked", LIMITS, start=forks.child)
        assert decoded == await decode(source, tmp_path / "program", LIMITS)
        assert (tmp_path / "forked").read_bytes() == (tmp_path / "program").read_bytes()


async def test_many_at_once_come_from_one_server(tmp_path: Path, forks: ForkServer) -> None:
    sources = [wav(tmp_path / f"{n}.wav", tone(0.1 * (n + 1))) for n in range(20)]
    heard = await asyncio.gather(
        *(decode(source, source.with_suffix(".f32"), LIMITS, start=forks.child) for source in sources)
    )
    assert [one.seconds for one in heard] == pytest.approx([0.1 * (n + 1) for n in range(20)])
    assert children_of(server_of(forks)) == []


async def test_they_decode_only_within_walls(tmp_path: Path, recording: Path, forks: ForkServer) -> None:
    decoded = await decode(recording, tmp_path / "out", LIMITS, start=forks.child)
    assert {"a seccomp filter", "Landlock"} & set(decoded.walls)


async def test_one_that_is_running_is_confined_and_holds_three_descriptors(
    tmp_path: Path, endless: Path, forks: ForkServer
) -> None:
    """Looked at from the outside, while another child and its descriptors are there as well."""
    outs = [tmp_path / "out0", tmp_path / "out1"]
    work = [asyncio.create_task(decode(endless, out, LIMITS, start=forks.child)) for out in outs]
    for out in outs:
        await until(lambda out=out: written(out))
    seen = [seen_from_outside(child) for child in children_of(server_of(forks))]
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    # Which of the two was forked first is left to the machine.
    assert sorted(one.pop("files") for one in seen) == [["long.flac", out.name, "pipe"] for out in outs]
    assert (
        seen
        == [{"new_privileges": "1", "filter": "2", "leads": True, "memory": str(LIMITS.memory_bytes)}] * 2
    )


def seen_from_outside(pid: int) -> dict[str, object]:
    """What /proc tells of a process; its files without what is /dev/null."""
    rows = [row.split(":", 1) for row in Path(f"/proc/{pid}/status").read_text().splitlines()]
    status = {name: value.strip() for name, value in rows}
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    files = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    return {
        "new_privileges": status["NoNewPrivs"],
        "filter": status["Seccomp"],
        "leads": os.getsid(pid) == pid,
        "memory": next(row for row in limits if row.startswith("Max address space")).split()[3],
        "files": sorted(Path(file).name.partition(":")[0] for file in files if file != "/dev/null"),
    }


async def test_a_cancelled_one_is_killed_before_the_caller_goes_on(
    tmp_path: Path, endless: Path, forks: ForkServer
) -> None:
    work = asyncio.create_task(decode(endless, tmp_path / "out", LIMITS, start=forks.child))
    await until(lambda: written(tmp_path / "out"))
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert children_of(server_of(forks)) == []
    assert not (tmp_path / "out").exists()


async def test_time_has_an_end(tmp_path: Path, endless: Path, forks: ForkServer) -> None:
    with pytest.raises(DecoderLimit, match="processor time"):
        await decode(endless, tmp_path / "a", AudioLimits(max_seconds=1e6, cpu_seconds=1), start=forks.child)
    short = AudioLimits(max_seconds=1e6, wall_seconds=0.2)
    with pytest.raises(DecoderLimit, match="0 seconds"):
        await decode(endless, tmp_path / "b", short, start=forks.child)
    assert children_of(server_of(forks)) == []


async def test_a_fault_of_one_is_no_harm_to_the_next(
    tmp_path: Path, recording: Path, forks: ForkServer
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound at all" * 100)
    with pytest.raises(NotAudio):
        await probe(bad, LIMITS, start=forks.child)
    first = server_of(forks)
    assert (await probe(recording, LIMITS, start=forks.child)).duration == pytest.approx(2)
    assert server_of(forks) == first


async def test_when_the_server_is_killed_the_recording_is_decoded_all_the_same(
    tmp_path: Path, endless: Path, forks: ForkServer
) -> None:
    work = asyncio.create_task(decode(endless, tmp_path / "out", AudioLimits(1e6), start=forks.child))
    await until(lambda: written(tmp_path / "out"))
    first = server_of(forks)
    (child,) = children_of(first)
    os.kill(first, signal.SIGKILL)
    assert (await work).seconds == pytest.approx(12 * 3600)
    assert not alive(child)
    await probe(endless, AudioLimits(1e6), start=forks.child)
    assert server_of(forks) != first


async def test_where_no_server_starts_children_are_programs(
    recording: Path, forks: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(forkclient, "started", refused)
    assert (await probe(recording, LIMITS, start=forks.child)).duration == pytest.approx(2)


async def test_a_server_that_breaks_at_its_start_costs_no_recording(
    recording: Path, forks: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is missing from the installation, say."""
    boot = spawning._BOOT.replace(
        "import sys, runpy;", "import sys, runpy; 'forkserver' in sys.argv and sys.exit(1);"
    )
    monkeypatch.setattr(spawning, "_BOOT", boot)
    assert (await probe(recording, LIMITS, start=forks.child)).duration == pytest.approx(2)


async def test_without_any_wall_nothing_is_read(
    tmp_path: Path, recording: Path, forks: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = spawning._BOOT.replace(
        " runpy.run",
        " import stenobox.audio.seccomp as s, stenobox.audio.landlock as l;"
        " s.lock_down = l.lock_down = lambda libc: False;"
        " runpy.run",
    )
    monkeypatch.setattr(spawning, "_BOOT", boot)
    with pytest.raises(DecoderFailed, match="NotConfined"):
        await decode(recording, tmp_path / "out", LIMITS, start=forks.child)


@pytest.fixture
def daemon(tmp_path: Path, endless: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has a recording decoded, and tells the server's pid."""
    script = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import asyncio
from pathlib import Path
from stenobox.audio.decode import decode
from stenobox.audio.forkclient import ForkServer
from stenobox.audio.limits import AudioLimits
async def main():
    forks = ForkServer()
    work = asyncio.create_task(
        decode(Path({str(endless)!r}), Path({str(tmp_path / "out")!r}), AudioLimits(1e6), start=forks.child)
    )
    while forks._process is None:
        await asyncio.sleep(0.01)
    print(forks._process.pid, flush=True)
    await work
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


async def test_when_the_daemon_is_killed_the_server_and_its_children_end(
    tmp_path: Path, daemon: subprocess.Popen[str]
) -> None:
    assert daemon.stdout is not None
    server = int(await asyncio.to_thread(daemon.stdout.readline))
    await until(lambda: written(tmp_path / "out"))
    (child,) = children_of(server)
    daemon.kill()
    for pid in (server, child):
        await until(lambda pid=pid: not alive(pid), "it outlived the daemon")


def alive(pid: int) -> bool:
    """Neither gone nor waiting to be reaped by somebody else."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
