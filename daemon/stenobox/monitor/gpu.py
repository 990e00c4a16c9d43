"""Collector of NVIDIA GPUs through NVML, in a thread: a driver in trouble may take seconds to answer.

No driver is no error: a box without a GPU has `stenobox_gpu_count` 0. A GPU that stops answering ("fallen
off the bus") is one: `stenobox_gpu_healthy` 0, and the collector fails when NVML as a whole does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pynvml
from prometheus_client import CollectorRegistry, Gauge

_NO_DRIVER = (
    pynvml.NVMLError_LibraryNotFound,
    pynvml.NVMLError_DriverNotLoaded,
    pynvml.NVMLError_NoPermission,
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """`figures`: what it answered, by the keys of `FIGURES`; one that it does not know is missing."""

    index: int
    name: str
    healthy: bool
    figures: dict[str, float] = field(default_factory=dict)


# Key -> (metric, its help, how to ask). Units: bytes, watts, degrees Celsius, shares of 1.
FIGURES: dict[str, tuple[str, str, Callable[[Any], float]]] = {
    "utilization": (
        "stenobox_gpu_utilization_ratio",
        "Share of time in which the GPU worked",
        lambda gpu: pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100,
    ),
    "memory_used": (
        "stenobox_gpu_memory_used_bytes",
        "Memory in use",
        lambda gpu: float(pynvml.nvmlDeviceGetMemoryInfo(gpu).used),
    ),
    "memory_total": (
        "stenobox_gpu_memory_total_bytes",
        "Memory of the GPU",
        lambda gpu: float(pynvml.nvmlDeviceGetMemoryInfo(gpu).total),
    ),
    "temperature": (
        "stenobox_gpu_temperature_celsius",
        "Temperature of the GPU",
        lambda gpu: float(pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU)),
    ),
    "power": (
        "stenobox_gpu_power_watts",
        "Power drawn",
        lambda gpu: pynvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
    ),
}


class Nvml:
    """A connection to the driver, opened at the first question and again after it broke. One caller at a
    time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False

    def read(self) -> list[Gpu]:
        """All GPUs; empty without a driver. Blocks. Raises pynvml.NVMLError when the driver is in trouble."""
        with self._lock:
            try:
                if not self._open:
                    pynvml.nvmlInit()
                    self._open = True
                return [_read(index) for index in range(pynvml.nvmlDeviceGetCount())]
            except _NO_DRIVER:
                self._close()
                return []
            except pynvml.NVMLError:
                self._close()  # a driver that was replaced answers again after a new start
                raise

    def _close(self) -> None:
        if self._open:
            self._open = False
            try:
                pynvml.nvmlShutdown()
            except pynvml.NVMLError:
                return


def _read(index: int) -> Gpu:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        name = pynvml.nvmlDeviceGetName(handle)
    except pynvml.NVMLError:
        return Gpu(index, "unknown", healthy=False)
    figures: dict[str, float] = {}
    for key, (_, _, ask) in FIGURES.items():
        try:
            figures[key] = ask(handle)
        except pynvml.NVMLError_NotSupported:
            continue  # many boards have no power meter
        except pynvml.NVMLError:
            return Gpu(index, _text(name), healthy=False, figures=figures)
    return Gpu(index, _text(name), healthy=True, figures=figures)


def _text(name: str | bytes) -> str:
    return name.decode("ascii", "replace") if isinstance(name, bytes) else name


class GpuCollector:
    """The gauges of `FIGURES`, labelled with the GPU's number."""

    subject = "gpu"

    def __init__(self, registry: CollectorRegistry, nvml: Nvml | None = None) -> None:
        self._nvml = nvml or Nvml()
        self._count = Gauge(
            "stenobox_gpu_count", "GPUs that the driver sees; 0 without one", registry=registry
        )
        self._healthy = Gauge("stenobox_gpu_healthy", "Whether a GPU answers", ("gpu",), registry=registry)
        self._gauges = {
            key: Gauge(metric, text, ("gpu",), registry=registry)
            for key, (metric, text, _) in FIGURES.items()
        }

    async def collect(self) -> None:
        gpus = await asyncio.to_thread(self._nvml.read)
        self._count.set(len(gpus))
        for gauge in (self._healthy, *self._gauges.values()):
            gauge.clear()
        for gpu in gpus:
            self._healthy.labels(str(gpu.index)).set(gpu.healthy)
            for key, value in gpu.figures.items():
                self._gauges[key].labels(str(gpu.index)).set(value)
