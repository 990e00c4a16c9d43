"""GPUs: none, some, one in trouble. NVML's answers stand in for a driver, which a test machine lacks."""

from __future__ import annotations

from types import SimpleNamespace

import pynvml
import pytest
from prometheus_client import CollectorRegistry

from stenobox.monitor.gpu import GpuCollector, Nvml

LOST = pynvml.NVML_ERROR_GPU_IS_LOST


class Driver:
    """A driver with two GPUs; `broken` maps a function of NVML to the error code that it gives for GPU 1."""

    def __init__(self, broken: dict[str, int] | None = None) -> None:
        self.broken = broken or {}
        self.starts = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = {
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda gpu: "NVIDIA H200",
            "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=50, memory=10),
            "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(used=3 << 30, total=140 << 30),
            "nvmlDeviceGetTemperature": lambda gpu, sensor: 60,
            "nvmlDeviceGetPowerUsage": lambda gpu: 250_000,
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, self._or_broken(name, answer))
        monkeypatch.setattr(pynvml, "nvmlInit", self._start)
        monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", self._count)

    def _start(self) -> None:
        self.starts += 1

    def _count(self) -> int:
        if "nvmlDeviceGetCount" in self.broken:
            raise pynvml.NVMLError(self.broken["nvmlDeviceGetCount"])
        return 2

    def _or_broken(self, name: str, answer):  # type: ignore[no-untyped-def]
        def call(gpu: int, *rest: object) -> object:
            if gpu == 1 and name in self.broken:
                raise pynvml.NVMLError(self.broken[name])
            return answer(gpu, *rest)

        return call


async def collected() -> CollectorRegistry:
    registry = CollectorRegistry()
    await GpuCollector(registry).collect()
    return registry


async def test_a_machine_without_a_driver_has_no_gpus_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    registry = await collected()
    assert registry.get_sample_value("stenobox_gpu_count") == 0
    assert registry.get_sample_value("stenobox_gpu_healthy", {"gpu": "0"}) is None


def test_this_machine_answers_whatever_it_has() -> None:
    assert len(Nvml().read()) >= 0


async def test_each_gpu_is_told_in_bytes_watts_and_degrees(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver().install(monkeypatch)
    registry = await collected()
    assert registry.get_sample_value("stenobox_gpu_count") == 2
    for gpu in ({"gpu": "0"}, {"gpu": "1"}):
        assert registry.get_sample_value("stenobox_gpu_healthy", gpu) == 1
        assert registry.get_sample_value("stenobox_gpu_utilization_ratio", gpu) == 0.5
        assert registry.get_sample_value("stenobox_gpu_memory_used_bytes", gpu) == 3 << 30
        assert registry.get_sample_value("stenobox_gpu_memory_total_bytes", gpu) == 140 << 30
        assert registry.get_sample_value("stenobox_gpu_temperature_celsius", gpu) == 60
        assert registry.get_sample_value("stenobox_gpu_power_watts", gpu) == 250


async def test_a_gpu_that_fell_off_the_bus_is_unhealthy_and_the_other_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Driver({"nvmlDeviceGetUtilizationRates": LOST}).install(monkeypatch)
    registry = await collected()
    assert registry.get_sample_value("stenobox_gpu_healthy", {"gpu": "0"}) == 1
    assert registry.get_sample_value("stenobox_gpu_healthy", {"gpu": "1"}) == 0


async def test_a_figure_that_a_board_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver({"nvmlDeviceGetPowerUsage": pynvml.NVML_ERROR_NOT_SUPPORTED}).install(monkeypatch)
    registry = await collected()
    assert registry.get_sample_value("stenobox_gpu_healthy", {"gpu": "1"}) == 1
    assert registry.get_sample_value("stenobox_gpu_power_watts", {"gpu": "1"}) is None
    assert registry.get_sample_value("stenobox_gpu_power_watts", {"gpu": "0"}) == 250


def test_a_driver_in_trouble_is_an_error_and_is_asked_anew_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Driver({"nvmlDeviceGetCount": pynvml.NVML_ERROR_UNKNOWN})
    driver.install(monkeypatch)
    nvml = Nvml()
    with pytest.raises(pynvml.NVMLError):
        nvml.read()
    driver.broken.clear()
    assert [gpu.name for gpu in nvml.read()] == ["NVIDIA H200"] * 2
    assert [gpu.healthy for gpu in nvml.read()] == [True] * 2
    assert driver.starts == 2
