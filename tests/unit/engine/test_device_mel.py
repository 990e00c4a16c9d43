"""Log-mel as a device makes it, by products of matrices, beside the host's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from whisper_onnx.device_mel import MelMaker
from whisper_onnx.dims import N_FRAMES, N_SAMPLES
from whisper_onnx.errors import AudioError
from whisper_onnx.features import LogMel
from whisper_onnx.mel_graph import mel_graph
from whisper_onnx.runtime import load_graph

Samples = NDArray[np.float32]
CLOSE = 1e-4  # as near as the host's are held to openai-whisper's


def made(log_mel: LogMel, n_mels: int, seek: int, size: int) -> NDArray[Any]:
    """One window by the device's graph, on the CPU."""
    samples, counted, peak = log_mel.at(seek, size).touched()
    inputs = {
        "samples": samples[np.newaxis],
        "size": np.array([[counted]], np.int32),
        "peak": np.array([[[peak]]], np.float32),
    }
    (mel,) = load_graph(mel_graph(n_mels), "cpu").run(["mel"], inputs)
    return np.asarray(mel[0])


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize(
    ("seek", "size"), [(0, 3000), (0, 1), (1, 3000), (1234, 2000), (2990, 0), (4200, 3000), (9000, 3000)]
)
def test_windows_anywhere_in_a_recording_equal_the_hosts(
    long: Samples, n_mels: int, seek: int, size: int
) -> None:
    log_mel = LogMel(long, n_mels)
    assert made(log_mel, n_mels, seek, size) == pytest.approx(log_mel.window(seek, size), abs=CLOSE)


@pytest.mark.parametrize(
    "length", [0, 1, 199, 200, 201, 400, 16_000, N_SAMPLES - 1, N_SAMPLES, N_SAMPLES + 1]
)
def test_short_recordings_and_those_of_one_window_equal_the_hosts(long: Samples, length: int) -> None:
    log_mel = LogMel(long[:length], 80)
    assert made(log_mel, 80, 0, N_FRAMES) == pytest.approx(log_mel.window(0, N_FRAMES), abs=CLOSE)


def test_a_recording_within_one_window_needs_no_first_pass(long: Samples) -> None:
    log_mel = LogMel(long[:160_000], 80)
    made(log_mel, 80, 0, N_FRAMES)
    assert log_mel._scanned == 0


def test_loud_silence_and_noise_equal_the_hosts() -> None:
    random = np.random.default_rng(5)
    for scale in (0.0, 1e-6, 1.0):
        log_mel = LogMel((scale * random.standard_normal(80_000)).astype(np.float32), 80)
        assert made(log_mel, 80, 0, N_FRAMES) == pytest.approx(log_mel.window(0, N_FRAMES), abs=CLOSE)


def test_samples_that_are_not_finite_are_refused(long: Samples) -> None:
    for value in (np.nan, np.inf, 1e30):
        for length in (160_000, len(long)):
            broken = long[:length].copy()
            broken[length // 2] = value
            with pytest.raises(AudioError):
                LogMel(broken, 80).at(0).touched()


def test_windows_made_together_are_those_made_alone(
    long: Samples, on_cpu: Callable[..., dict[str, Any]]
) -> None:
    maker = MelMaker(80, 3, "cpu", **on_cpu())
    log_mel = LogMel(long, 80)
    windows = [log_mel.at(0), log_mel.at(700, 500), LogMel(long[:5_000], 80).at(0)]
    bound: dict[str, Any] = {}

    class Binding:
        def bind_input(self, name: str, device: str, _: int, dtype: Any, shape: Any, address: int) -> None:
            assert (name, device, dtype) == ("mel", "cpu", np.float32)
            bound["shape"] = shape

    maker.bind(Binding(), "mel", windows)
    assert bound["shape"] == (3, 80, N_FRAMES)
    for row, window in zip(maker._mel.numpy(), windows, strict=True):
        assert row == pytest.approx(window.values(), abs=CLOSE)
