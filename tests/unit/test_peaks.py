"""Waveforms: what is measured block by block is what the samples hold."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stenobox.audio import peaks as peaks_module
from stenobox.audio.limits import AudioLimits
from stenobox.audio.peaks import HEADER, MAGIC, MOST, PeakMeter, read_peaks, stretch_of
from stenobox.audio.waveform import waveform
from stenobox.errors import NotAudio, UndecodableAudio
from storing import wave_bytes

LIMITS = AudioLimits()


def measured(samples: np.ndarray, cuts: list[int]) -> bytes:
    meter = PeakMeter()
    for part in np.split(samples, sorted(cut % (len(samples) + 1) for cut in cuts)):
        meter.push(part)
    return meter.finish()


@settings(max_examples=60)
@given(
    length=st.integers(1, 400),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    seed=st.integers(0, 1_000),
    points=st.integers(1, 40),
)
def test_a_waveform_is_that_of_the_samples_however_they_are_cut(
    length: int, cuts: list[int], seed: int, points: int
) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peaks_module, "MOST", 16)
        found = read_peaks(measured(samples, cuts))
        shown = found.coarser(points)
        assert found.stretch == stretch_of(length)
    assert len(found.pairs) <= 16
    assert (found.samples, len(shown.pairs)) == (length, -(-length // shown.stretch))
    assert len(shown.pairs) <= points
    for number, (low, high) in enumerate(shown.pairs):
        part = samples[number * shown.stretch : (number + 1) * shown.stretch] * 127
        assert (low, high) == (np.rint(part.min()), np.rint(part.max()))


def test_a_long_recording_takes_no_more_room_than_a_short_one() -> None:
    meter = PeakMeter()
    block = np.linspace(-1, 1, 160_000, dtype=np.float32)
    for _ in range(60):
        meter.push(block)
        assert sum(len(part) for part in meter._done) <= 2 * MOST
        assert len(meter._rest) < meter._stretch
    found = read_peaks(meter.finish())
    assert MOST // 2 < len(found.pairs) <= MOST
    assert found.pairs.min() == -127
    assert found.pairs.max() == 127


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x" * 15, b"x" * 18, HEADER.pack(MAGIC, 0), HEADER.pack(MAGIC, 2**60) + b"ab",
        HEADER.pack(MAGIC, 2) + b"abc", HEADER.pack(MAGIC, 1) + b"abcd", HEADER.pack(b"STNPEAK0", 1) + b"ab",
    ],
)  # fmt: skip
def test_what_is_no_waveform_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="waveform"):
        read_peaks(data)


async def test_the_sandbox_measures_a_recording_and_leaves_nothing(tmp_path: Path) -> None:
    source, scratch = tmp_path / "a.wav", tmp_path / "scratch"
    await asyncio.to_thread(source.write_bytes, wave_bytes(seconds=2.0, pitch=8_000))
    found = read_peaks(await waveform(source, scratch, LIMITS))
    assert found.samples == 32_000
    assert set(found.pairs.ravel().tolist()) == {31}  # 8000 / 32768 * 127
    assert not await asyncio.to_thread(scratch.exists)


async def test_what_cannot_be_decoded_has_no_waveform_and_leaves_nothing(tmp_path: Path) -> None:
    source, scratch = tmp_path / "a.wav", tmp_path / "scratch"
    for content in (b"no audio at all" * 100, wave_bytes()[:44]):
        await asyncio.to_thread(source.write_bytes, content)
        with pytest.raises((NotAudio, UndecodableAudio)):
            await waveform(source, scratch, LIMITS)
        assert not await asyncio.to_thread(scratch.exists)
