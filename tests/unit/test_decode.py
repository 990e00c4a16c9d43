"""Decoding in the sandboxed child: every common format becomes 16 kHz mono samples."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from making_audio import Samples, encoded, tone, wav
from stenobox.audio.decode import decode, open_samples
from stenobox.audio.limits import AudioLimits
from stenobox.errors import AudioTooLong, DecoderLimit, UndecodableAudio

LIMITS = AudioLimits()
ONE_MINUTE = AudioLimits(max_seconds=60.0)


async def samples_of(source: Path, limits: AudioLimits = LIMITS) -> Samples:
    out = source.with_suffix(".f32")
    decoded = await decode(source, out, limits)
    samples = open_samples(out)
    assert samples.shape == (decoded.samples,)
    assert decoded.seconds == len(samples) / 16_000
    return np.asarray(samples)


def loudest(samples: Samples) -> float:
    """Frequency of the strongest component in the middle of the recording, Hz."""
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(np.argmax(spectrum)) * 16_000 / len(middle)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("hertz", [100.0, 3_000.0])
async def test_a_tone_of_any_rate_keeps_its_values_and_its_place(
    tmp_path: Path, rate: int, hertz: float
) -> None:
    source = wav(tmp_path / "a.wav", tone(2, rate, hertz), rate, "FLOAT")
    samples = await samples_of(source)
    expected = tone(2, 16_000, hertz)
    assert abs(len(samples) - len(expected)) <= 2
    edge = 200  # the filter rings where the recording starts and ends in mid-swing
    same = slice(edge, len(expected) - edge)
    assert np.abs(samples[same] - expected[same]).max() < 1e-3


@settings(max_examples=12, deadline=None)
@given(rate=st.integers(6_000, 192_000), channels=st.integers(1, 8), hertz=st.integers(80, 2_400))
def test_a_tone_of_any_rate_and_channel_count_is_within_a_thousandth(
    rate: int, channels: int, hertz: int
) -> None:
    """The reference is exact: the same tone, computed at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        levels = np.linspace(0.1, 0.9, channels, dtype=np.float32)
        samples = tone(1, rate, hertz, level=1.0)[:, np.newaxis] * levels
        source = wav(Path(folder) / "a.wav", samples, rate, "FLOAT")
        got = asyncio.run(samples_of(source))
        expected = tone(1, 16_000, hertz, level=float(levels.mean()))
        assert abs(len(got) - len(expected)) <= 2
        same = slice(200, len(expected) - 200)
        assert np.abs(got[same] - expected[same]).max() < 1e-3


async def test_16_khz_mono_passes_bit_for_bit(tmp_path: Path) -> None:
    original = tone(1.5)
    source = wav(tmp_path / "a.wav", original, subtype="FLOAT")
    assert np.array_equal(await samples_of(source), original)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp3", "mp3"),
        ("a.m4a", "aac"),
        ("a.mp4", "aac"),
        ("a.aac", "aac"),
        ("a.opus", "libopus"),
        ("a.webm", "libopus"),
        ("a.mkv", "flac"),
        ("a.mov", "pcm_s16le"),
        ("a.wma", "wmav2"),
        ("a.ts", "aac"),
        ("a.ac3", "ac3"),
        ("a.avi", "mp3"),
        ("a.wv", "wavpack"),
        ("a.caf", "alac"),
    ],
)
async def test_the_formats_that_people_send_are_heard(tmp_path: Path, name: str, codec: str) -> None:
    source = encoded(tmp_path / name, tone(3, 48_000, 700.0), codec=codec)
    samples = await samples_of(source)
    assert len(samples) / 16_000 == pytest.approx(3.0, abs=0.15)
    assert loudest(samples) == pytest.approx(700.0, abs=2.0)


@pytest.mark.parametrize("name", ["a.amr", "a.3gp"])
async def test_the_narrow_band_codec_of_telephones_is_heard(tmp_path: Path, name: str) -> None:
    samples = await samples_of(encoded(tmp_path / name, tone(3, 8_000, 700.0), 8_000, "libopencore_amrnb"))
    assert len(samples) / 16_000 == pytest.approx(3.0, abs=0.15)
    assert loudest(samples) == pytest.approx(700.0, abs=2.0)


async def test_wide_band_amr_is_decoded(tmp_path: Path) -> None:
    """Frames of random bits, since no free encoder is at hand; a frame of type 0 is 18 bytes and 20 ms."""
    chance = random.Random(1)
    frames = b"".join(b"\x04" + chance.randbytes(17) for _ in range(100))
    source = tmp_path / "a.awb"
    source.write_bytes(b"#!AMR-WB\n" + frames)
    samples = await samples_of(source)
    assert len(samples) / 16_000 == pytest.approx(2.0, abs=0.05)
    assert np.abs(samples).max() > 0.01


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.aiff", "a.w64", "a.au", "a.mp3"])
async def test_the_formats_of_libsndfile_are_heard(tmp_path: Path, name: str) -> None:
    source = wav(tmp_path / name, tone(3, 44_100, 700.0), 44_100)
    samples = await samples_of(source)
    assert len(samples) / 16_000 == pytest.approx(3.0, abs=0.1)
    assert loudest(samples) == pytest.approx(700.0, abs=2.0)


async def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(1, hertz=300.0, level=0.6), tone(1, hertz=900.0, level=0.2)
    source = wav(tmp_path / "a.wav", np.stack([left, right], axis=1), subtype="FLOAT")
    assert np.abs(await samples_of(source) - (left + right) / 2).max() < 1e-6


async def test_a_name_does_not_decide_what_a_file_is(tmp_path: Path) -> None:
    real = encoded(tmp_path / "a.m4a", tone(1, 48_000), codec="aac")
    disguised = real.rename(tmp_path / "a.wav")
    assert len(await samples_of(disguised)) > 15_000


async def test_samples_that_are_not_numbers_become_silence_and_a_warning(tmp_path: Path) -> None:
    samples = tone(1)
    samples[100:200] = np.nan
    samples[300] = np.inf
    out = tmp_path / "out"
    decoded = await decode(wav(tmp_path / "a.wav", samples, subtype="FLOAT"), out, LIMITS)
    got = open_samples(out)
    assert np.isfinite(got).all()
    assert not got[100:200].any()
    assert got[50] == samples[50]
    assert any("not numbers" in warning for warning in decoded.warnings)


async def test_a_recording_without_one_number_is_refused(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.wav", np.full(16_000, np.nan, np.float32), subtype="FLOAT")
    with pytest.raises(UndecodableAudio, match="none of its samples is a number"):
        await decode(source, tmp_path / "out", LIMITS)


async def test_values_beyond_full_scale_are_clipped(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.wav", tone(1, level=0.5) * 1e30, subtype="FLOAT")
    samples = await samples_of(source)
    assert np.abs(samples).max() == 1.0


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "mp3"), ("a.webm", "libopus"), ("a.aac", "aac")])
async def test_a_truncated_recording_gives_what_is_there(tmp_path: Path, name: str, codec: str) -> None:
    source = encoded(tmp_path / name, tone(10, 48_000, 700.0), codec=codec)
    os.truncate(source, source.stat().st_size * 6 // 10)
    samples = await samples_of(source)
    assert len(samples) / 16_000 == pytest.approx(6.0, abs=1.0)
    assert loudest(samples) == pytest.approx(700.0, abs=2.0)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3"])
async def test_a_truncated_recording_says_so_where_its_header_tells_the_length(
    tmp_path: Path, name: str
) -> None:
    if name == "a.mp3":
        source = encoded(tmp_path / name, tone(10, 48_000), codec="mp3")
    else:
        source = wav(tmp_path / name, tone(10))
    os.truncate(source, source.stat().st_size // 2)
    decoded = await decode(source, tmp_path / "out", LIMITS)
    assert 3.0 < decoded.seconds < 7.0
    assert any("announced end" in warning or "damaged" in warning for warning in decoded.warnings)


async def test_an_untouched_recording_carries_no_warning(tmp_path: Path) -> None:
    for source in (
        wav(tmp_path / "a.wav", tone(2)),
        wav(tmp_path / "a.flac", tone(2)),
        encoded(tmp_path / "a.mp3", tone(2, 48_000), codec="mp3"),
        encoded(tmp_path / "a.m4a", tone(2, 48_000), codec="aac"),
    ):
        decoded = await decode(source, tmp_path / "out", LIMITS)
        assert decoded.warnings == (), source.name


async def test_a_damaged_stretch_does_not_cost_the_rest(tmp_path: Path) -> None:
    source = encoded(tmp_path / "a.mp3", tone(10, 48_000, 700.0), codec="mp3")
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    source.write_bytes(data)
    samples = await samples_of(source)
    assert len(samples) / 16_000 > 8.0
    assert loudest(samples[: 3 * 16_000]) == pytest.approx(700.0, abs=2.0)


async def test_the_length_limit_holds_while_decoding(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.flac", np.zeros(61 * 16_000, np.float32))
    out = tmp_path / "out"
    with pytest.raises(AudioTooLong):
        await decode(source, out, ONE_MINUTE)
    assert not out.exists()


async def test_progress_rises_to_the_length(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.flac", np.zeros(3600 * 16_000, np.float32))
    seen: list[float] = []
    decoded = await decode(source, tmp_path / "out", LIMITS, seen.append)
    assert decoded.seconds == 3600.0
    assert seen == sorted(seen)
    assert all(0 < position <= 3600.0 for position in seen)


async def test_a_long_recording_streams_in_bounded_memory(tmp_path: Path) -> None:
    """Ten hours are 2.3 GB of samples; the child gets 320 MB of address space, most of it program text."""
    source = tmp_path / "a.flac"
    with soundfile.SoundFile(source, "w", 8_000, 1) as file:
        for _ in range(10):
            file.write(np.zeros(3600 * 8_000, np.int16))
    out = tmp_path / "out"
    try:
        decoded = await decode(source, out, AudioLimits(max_seconds=11 * 3600.0, memory_bytes=320 << 20))
        assert decoded.seconds == pytest.approx(10 * 3600.0, abs=0.01)
        assert out.stat().st_size == decoded.samples * 4
    finally:
        out.unlink(missing_ok=True)  # pytest keeps its folders


async def test_too_little_memory_is_a_typed_refusal(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.wav", np.zeros((200_000, 32), np.float32), 48_000)
    with pytest.raises((DecoderLimit, UndecodableAudio)):
        await decode(source, tmp_path / "out", AudioLimits(memory_bytes=1 << 20))


async def test_the_wall_limit_ends_the_child_and_removes_its_output(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.flac", np.zeros(600 * 16_000, np.float32))
    out = tmp_path / "out"
    with pytest.raises(DecoderLimit, match="seconds"):
        await decode(source, out, AudioLimits(wall_seconds=0.01))
    assert not out.exists()
    assert children() == set()


async def test_cancelling_kills_the_child_and_removes_its_output(tmp_path: Path) -> None:
    source = tmp_path / "a.flac"
    with soundfile.SoundFile(source, "w", 48_000, 2) as file:
        for _ in range(20):
            file.write(np.zeros((60 * 48_000, 2), np.int16))
    out = tmp_path / "out"
    task = asyncio.create_task(decode(source, out, LIMITS))
    while not (out.exists() and out.stat().st_size > 0):
        await asyncio.sleep(0.01)
        assert not task.done(), "the recording was too short for this test"
    assert len(children()) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == set()
    assert not out.exists()


def children() -> set[int]:
    """Living child processes of this one."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (thread / "children").read_text().split()}
    return found


@pytest.mark.parametrize("pause", [None, 0.0, 0.001, 0.003, 0.01, 0.03])
async def test_cancelling_while_the_child_starts_leaves_none_behind(
    tmp_path: Path, pause: float | None
) -> None:
    source = wav(tmp_path / "talk.wav", tone(1.0))
    before = await asyncio.to_thread(children)
    for turns in range(12 if pause is None else 1):
        task = asyncio.create_task(decode(source, tmp_path / "out.f32", AudioLimits(), lambda _seconds: None))
        for _ in range(turns):
            await asyncio.sleep(0)
        if pause is not None:
            await asyncio.sleep(pause)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or pause is not None
        assert await asyncio.to_thread(children) <= before
