"""Collector of the machine: load and memory, from /proc (proc(5))."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

_KIB = 1024


class HostCollector:
    """The few figures that explain a slow box; a node exporter tells the rest."""

    subject = "host"

    def __init__(self, registry: CollectorRegistry, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._load = Gauge("stenobox_host_load1", "Load average of the last minute", registry=registry)
        self._cpus = Gauge("stenobox_host_cpus", "Processors that this process may use", registry=registry)
        self._total = Gauge("stenobox_host_memory_total_bytes", "Memory of the machine", registry=registry)
        self._available = Gauge(
            "stenobox_host_memory_available_bytes", "Memory that new work could get", registry=registry
        )

    async def collect(self) -> None:
        load, memory = await asyncio.to_thread(self._read)
        self._load.set(load)
        self._cpus.set(len(os.sched_getaffinity(0)))
        self._total.set(memory["MemTotal"])
        self._available.set(memory["MemAvailable"])

    def _read(self) -> tuple[float, dict[str, int]]:
        load = float((self._proc / "loadavg").read_text().split()[0])
        memory: dict[str, int] = {}
        for line in (self._proc / "meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            memory[name] = int(value.split()[0]) * _KIB
        return load, memory
