"""Log-mel features: equal to openai-whisper's, computed lazily in memory that does not grow."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from whisper_onnx.dims import HOP_LENGTH, N_FFT, N_FRAMES, N_SAMPLES, SAMPLE_RATE
from whisper_onnx.errors import AudioError
from whisper_onnx.features import LogMel, log_mel, mel_filters

GOLDEN = Path(__file__).parents[2] / "golden" / "features.npz"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def golden() -> dict[str, NDArray[np.float32]]:
    with np.load(GOLDEN) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="module")
def speech(golden: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """1.5 s of speech, the samples that the golden features were computed from."""
    return golden["samples"].astype(np.float32) / 32768


def noise(seconds: float, seed: int = 0, level: float = 0.1) -> NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    return (level * draw.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def by_direct_transform(audio: NDArray[np.float32], n_mels: int) -> NDArray[np.float64]:
    """Log-mel by the discrete Fourier transform's definition, in double precision, without any FFT."""
    samples = np.pad(audio.astype(np.float64), N_FFT // 2, mode="reflect")
    n = np.arange(N_FFT)
    basis = np.exp(-2j * np.pi * np.outer(n, np.arange(N_FFT // 2 + 1)) / N_FFT)
    window = np.sin(np.pi * n / N_FFT) ** 2
    frames = [samples[i * HOP_LENGTH :][:N_FFT] * window for i in range(len(audio) // HOP_LENGTH)]
    power = np.abs(np.array(frames) @ basis) ** 2
    decades = np.log10(np.maximum(mel_filters(n_mels).astype(np.float64) @ power.T, 1e-10))
    return np.asarray((np.maximum(decades, decades.max() - 8) + 4) / 4)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_mel_filters_are_those_that_openai_whisper_ships(
    golden: dict[str, NDArray[np.float32]], n_mels: int
) -> None:
    np.testing.assert_allclose(mel_filters(n_mels), golden[f"filters_{n_mels}"], atol=1e-8)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_log_mel_of_padded_speech_equals_openai_whisper(
    golden: dict[str, NDArray[np.float32]], speech: NDArray[np.float32], n_mels: int
) -> None:
    expected = golden[f"padded_{n_mels}"]
    lazy = LogMel(speech, n_mels).window(0)
    whole = log_mel(speech, n_mels, padding=N_SAMPLES)
    assert lazy.dtype == whole.dtype == np.float32
    np.testing.assert_allclose(lazy[:, :200], expected, atol=TOLERANCE)
    np.testing.assert_allclose(whole[:, :200], expected, atol=TOLERANCE)


def test_log_mel_without_padding_equals_openai_whisper(
    golden: dict[str, NDArray[np.float32]], speech: NDArray[np.float32]
) -> None:
    np.testing.assert_allclose(log_mel(speech, 80), golden["whole_80"], atol=TOLERANCE)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_log_mel_equals_the_definition_of_the_transform(speech: NDArray[np.float32], n_mels: int) -> None:
    audio = np.concatenate([speech[:8000], noise(0.5), np.zeros(1600, np.float32)])
    np.testing.assert_allclose(log_mel(audio, n_mels), by_direct_transform(audio, n_mels), atol=TOLERANCE)


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 199, 200, 201, 1000, 479_999, 700_007])
def test_every_window_is_a_slice_of_the_whole_spectrogram_then_zeros(samples: int) -> None:
    audio = noise(samples / SAMPLE_RATE)
    whole = log_mel(audio, 80, padding=N_SAMPLES)
    features = LogMel(audio, 80)
    assert features.n_frames == whole.shape[1] - N_FRAMES == samples // HOP_LENGTH
    for seek in {0, 1, features.n_frames // 3, max(features.n_frames - 7, 0), features.n_frames}:
        for size in {0, 5, min(N_FRAMES, max(features.n_frames - seek, 0)), N_FRAMES}:
            window = features.window(seek, size)
            expected = whole[:, seek : seek + size]
            assert window.shape == (80, N_FRAMES)
            np.testing.assert_allclose(window[:, : expected.shape[1]], expected, atol=1e-5)
            assert not window[:, expected.shape[1] :].any()


def test_the_loudest_moment_sets_the_floor_of_every_window() -> None:
    quiet, loud = noise(31, level=1e-5), noise(1, seed=1, level=0.5)
    alone = LogMel(quiet, 80).window(0)
    before_noise = LogMel(np.concatenate([quiet, loud]), 80).window(0)
    assert before_noise.min() > alone.min()
    np.testing.assert_allclose(before_noise, np.maximum(alone, before_noise.min()), atol=1e-5)


def test_scanning_in_pieces_gives_the_same_windows_as_at_once() -> None:
    audio = np.concatenate([noise(40, level=0.01), noise(2, seed=3, level=0.9), noise(3, level=0.01)])
    at_once, in_pieces = LogMel(audio, 80), LogMel(audio, 80)
    calls = 0
    while not in_pieces.scan(77):
        calls += 1
    assert calls >= in_pieces.n_frames // 128 - 1
    np.testing.assert_array_equal(in_pieces.window(3500, 700), at_once.window(3500, 700))


def test_half_an_hour_on_disk_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "half_hour.f32"
    samples = np.memmap(path, dtype=np.float32, mode="w+", shape=(1800 * SAMPLE_RATE,))
    samples[15_000_000:15_016_000] = noise(1)
    samples.flush()
    audio = np.memmap(path, dtype=np.float32, mode="r")
    tracemalloc.start()
    try:
        features = LogMel(audio, 80)
        window = features.window(93_700)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert features.n_frames == 180_000
    assert np.ptp(window) > 1
    assert peak < 12_000_000  # the file holds 115 million bytes


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("at", [0, 20_000, -1])
def test_samples_that_are_not_finite_or_overflow_are_refused(bad: float, at: int) -> None:
    audio = noise(3)
    audio[at] = bad
    with pytest.raises(AudioError, match="finite"):
        LogMel(audio, 80).scan()
    with pytest.raises(AudioError, match="finite"):
        log_mel(audio, 80)


@pytest.mark.parametrize(
    "audio", [np.zeros((2, 100), np.float32), np.zeros(100, np.int16), np.float32(0), [0.0, 0.1]]
)
def test_anything_but_a_row_of_floats_is_refused(audio: NDArray[np.float32]) -> None:
    with pytest.raises(AudioError, match="audio has to be"):
        LogMel(audio, 80)
    with pytest.raises(AudioError, match="audio has to be"):
        log_mel(audio, 80)


def test_the_whole_spectrogram_of_nothing_is_refused() -> None:
    with pytest.raises(AudioError, match="no samples"):
        log_mel(np.zeros(0, np.float32), 80)


def test_double_precision_samples_give_the_same_features() -> None:
    audio = noise(2)
    np.testing.assert_array_equal(LogMel(audio.astype(np.float64), 80).window(0), LogMel(audio, 80).window(0))


@pytest.mark.parametrize(("seek", "size"), [(-1, 10), (0, -1), (0, N_FRAMES + 1)])
def test_a_window_outside_the_recording_is_an_error_of_the_caller(seek: int, size: int) -> None:
    with pytest.raises(ValueError, match="no window"):
        LogMel(noise(1), 80).window(seek, size)
