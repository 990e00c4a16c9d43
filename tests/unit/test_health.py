"""Health checks on the real database and disk, and what systemd is told."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from stenobox.config import Settings, UploadsSettings
from stenobox.monitor import health as module
from stenobox.monitor.health import Finding, Health
from stenobox.monitor.watchdog import Watchdog
from storing import Store, opened_store


@dataclass(frozen=True)
class Status:
    alive: bool = True
    running: int = 0
    loaded: tuple[()] = ()
    problem: str = ""


class StandingWorker:
    """A worker's status, without a worker."""

    def __init__(self, **status: object) -> None:
        self.status = Status(**status)  # type: ignore[arg-type]


def health(storage: Store, worker: StandingWorker | None = None, reserve: int = 0) -> Health:
    settings = replace(Settings(), uploads=UploadsSettings(reserve_bytes=reserve))
    return Health(settings, storage.layout, storage.db, worker or StandingWorker())


def by_name(report: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.name: finding for finding in report}


async def test_a_sound_box_is_ready(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as storage:
        report = await health(storage).report()
    assert {finding.name for finding in report} == {"database", "disk", "worker", "model"}
    assert all(finding.ok for finding in report)


async def test_a_disk_below_the_reserve_is_not_ready_and_names_the_setting(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as storage:
        finding = by_name(await health(storage, reserve=1 << 60).report())["disk"]
    assert not finding.ok
    assert "uploads.reserve_bytes" in finding.detail


async def test_a_dead_worker_is_not_ready(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as storage:
        assert not by_name(await health(storage, StandingWorker(alive=False)).report())["worker"].ok


async def test_a_model_that_is_not_usable_is_not_ready_and_says_why(tmp_path: Path) -> None:
    problem = "Model 'demo' was not loaded: decoder.onnx is not the file that model.toml names."
    async with opened_store(tmp_path) as storage:
        finding = by_name(await health(storage, StandingWorker(problem=problem)).report())["model"]
    assert (finding.ok, finding.detail) == (False, problem)


async def test_a_database_whose_writer_is_stuck_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.1)
    async with opened_store(tmp_path) as storage:
        async with storage.db.write():
            report = by_name(await health(storage).report())
        assert not report["database"].ok
        assert report["disk"].ok
        assert by_name(await health(storage).report())["database"].ok


async def test_a_check_that_fails_itself_is_not_ready_and_hides_no_other(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "data") as storage:
        checks = health(storage)
        layout = replace(storage.layout, root=tmp_path / "gone")
        broken = Health(Settings(), layout, storage.db, StandingWorker())
        assert by_name(await checks.report())["disk"].ok
        report = by_name(await broken.report())
    assert not report["disk"].ok
    assert str(tmp_path) not in report["disk"].detail
    assert report["worker"].ok


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """The receiving end of NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def environment(systemd: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": systemd.getsockname(), **more}


async def words(systemd: socket.socket, count: int) -> list[str]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        return [(await loop.sock_recv(systemd, 100)).decode() for _ in range(count)]


async def test_systemd_hears_ready_and_stopping(systemd: socket.socket) -> None:
    watchdog = Watchdog(environment(systemd), lambda: True)
    watchdog.ready()
    watchdog.stopping()
    assert await words(systemd, 2) == ["READY=1", "STOPPING=1"]


async def test_an_abstract_socket_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        name = f"stenobox-test-{os.getpid()}"
        receiver.bind(f"\0{name}")
        receiver.setblocking(False)
        Watchdog({"NOTIFY_SOCKET": f"@{name}"}, lambda: True).ready()
        assert await words(receiver, 1) == ["READY=1"]


async def test_signs_of_life_come_while_alive_and_stop_when_not(systemd: socket.socket) -> None:
    alive = True
    watchdog = Watchdog(
        environment(systemd, WATCHDOG_USEC="20000", WATCHDOG_PID=str(os.getpid())), lambda: alive
    )
    task = asyncio.create_task(watchdog.run())
    assert await words(systemd, 3) == ["WATCHDOG=1"] * 3
    alive = False
    await asyncio.sleep(0.05)
    while True:  # what was sent before
        try:
            systemd.recv(100)
        except BlockingIOError:
            break
    await asyncio.sleep(0.1)
    with pytest.raises(BlockingIOError):
        systemd.recv(100)
    task.cancel()


@pytest.mark.parametrize(
    "more",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}],
)
async def test_without_a_watchdog_of_ours_there_are_no_signs_of_life(
    systemd: socket.socket, more: dict[str, str]
) -> None:
    task = asyncio.create_task(Watchdog(environment(systemd, **more), lambda: True).run())
    await asyncio.sleep(0.05)
    with pytest.raises(BlockingIOError):
        systemd.recv(100)
    assert not task.done()
    task.cancel()


@pytest.mark.parametrize("place", ["", "relative/path", "/nowhere/at/all"])
def test_outside_systemd_nothing_is_sent_and_nothing_fails(place: str) -> None:
    watchdog = Watchdog({"NOTIFY_SOCKET": place}, lambda: True)
    watchdog.ready()
    watchdog.stopping()
