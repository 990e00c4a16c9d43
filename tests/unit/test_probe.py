"""Probing: what a recording is, and a typed refusal for what is none."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import numpy as np
import pytest

from making_audio import encoded, tone, wav
from stenobox.audio.limits import PROBE_CPU_SECONDS, AudioLimits
from stenobox.audio.probe import probe
from stenobox.errors import AudioTooLong, DecoderLimit, EmptyFile, NotAudio, UndecodableAudio

LIMITS = AudioLimits()


async def test_a_header_is_told_as_it_is(tmp_path: Path) -> None:
    info = await probe(wav(tmp_path / "a.wav", np.zeros((44_100, 2), np.float32), 44_100), LIMITS)
    assert (info.format, info.codec, info.sample_rate, info.channels) == ("WAV", "PCM_16", 44_100, 2)
    assert info.duration == pytest.approx(1.0)


async def test_containers_of_ffmpeg_are_told_too(tmp_path: Path) -> None:
    info = await probe(encoded(tmp_path / "a.m4a", tone(2, 48_000), codec="aac"), LIMITS)
    assert info.codec == "aac"
    assert (info.sample_rate, info.channels) == (48_000, 1)
    assert info.duration == pytest.approx(2.0, abs=0.1)


async def test_whoever_is_cancelled_while_the_file_is_opened_leaves_it_closed(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", np.zeros(1_000, np.float32), 16_000)

    def is_open() -> bool:
        links = []
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                links.append(descriptor.readlink())
        return path in links

    for turns in range(6):
        task = asyncio.create_task(probe(path, LIMITS))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert not await asyncio.to_thread(is_open)


async def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(EmptyFile):
        await probe(tmp_path / "a.wav", LIMITS)


@pytest.mark.parametrize(
    "content",
    [
        b"Dear all,\nplease find the minutes below.\n" * 50,
        b"\x89PNG\r\n\x1a\n" + bytes(2000),
        b"%PDF-1.7\n" + b"0 0 obj\n" * 100,
        b"PK\x03\x04" + bytes(500),
        b"\x7fELF" + bytes(500),
        bytes(5000),
        b"x",
    ],
    ids=["text", "png", "pdf", "zip", "elf", "zeros", "one byte"],
)
async def test_what_is_no_audio_is_refused_as_such_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "minutes.wav"
    source.write_bytes(content)
    with pytest.raises(NotAudio):
        await probe(source, LIMITS)


async def test_a_folder_is_no_audio(tmp_path: Path) -> None:
    with pytest.raises(NotAudio):
        await probe(tmp_path, LIMITS)


def test_a_named_pipe_does_not_hold_the_caller_up(tmp_path: Path) -> None:
    import asyncio
    import os

    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(NotAudio):
        asyncio.run(probe(tmp_path / "a.wav", LIMITS))


async def test_a_header_of_0_hz_is_undecodable(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.wav", tone(1))
    data = bytearray(source.read_bytes())
    data[24:32] = bytes(8)  # sample rate and bytes per second of the fmt chunk
    source.write_bytes(data)
    with pytest.raises(UndecodableAudio):
        await probe(source, LIMITS)


async def test_an_absurd_number_of_channels_is_undecodable(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.wav", tone(1))
    data = bytearray(source.read_bytes())
    data[22:24] = (60_000).to_bytes(2, "little")
    data[32:34] = (60_000 * 2 % 65_536).to_bytes(2, "little")
    source.write_bytes(data)
    with pytest.raises(UndecodableAudio):
        await probe(source, LIMITS)


async def test_more_channels_than_any_microphone_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UndecodableAudio, match="channels"):
        await probe(wav(tmp_path / "a.wav", np.zeros((1000, 200), np.float32)), LIMITS)


async def test_a_recording_without_a_sample_is_undecodable(tmp_path: Path) -> None:
    with pytest.raises(UndecodableAudio, match="no sound"):
        await probe(wav(tmp_path / "a.wav", np.zeros(0, np.float32)), LIMITS)


async def test_a_film_without_sound_is_undecodable(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(UndecodableAudio, match="no audio track"):
        await probe(tmp_path / "a.mp4", LIMITS)


async def test_the_announced_length_is_checked_early(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.flac", np.zeros(61 * 16_000, np.float32))
    with pytest.raises(AudioTooLong, match="longer than"):
        await probe(source, AudioLimits(max_seconds=60.0))


async def test_a_look_may_cost_less_than_decoding_and_never_more(tmp_path: Path) -> None:
    large = AudioLimits(cpu_seconds=100_000, wall_seconds=200_000.0, memory_bytes=5, max_seconds=7.0)
    look = large.for_a_look()
    assert look.cpu_seconds == PROBE_CPU_SECONDS
    assert PROBE_CPU_SECONDS < look.wall_seconds < large.wall_seconds
    assert (look.memory_bytes, look.max_seconds) == (5, 7.0)
    small = AudioLimits(cpu_seconds=1, wall_seconds=0.01)
    assert small.for_a_look() == small
    with pytest.raises(DecoderLimit):
        await probe(wav(tmp_path / "a.wav", tone(1)), small)
