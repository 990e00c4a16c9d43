"""Recordings for tests: tones, speech from espeak-ng, and files in the formats that people send."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def tone(seconds: float, rate: int = 16_000, hertz: float = 440.0, level: float = 0.5) -> Samples:
    """(n,) float32."""
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def wav(path: Path, samples: Samples, rate: int = 16_000, subtype: str = "PCM_16") -> Path:
    """Write (n,) or (n, channels) samples with libsndfile; the format follows the name."""
    soundfile.write(path, samples, rate, subtype=subtype if path.suffix == ".wav" else None)
    return path


def encoded(
    path: Path,
    samples: Samples,
    rate: int = 48_000,
    codec: str = "aac",
    tags: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write (n,) samples with FFmpeg, mono; the container follows the name."""
    with av.open(str(path), "w") as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(codec, rate=rate, layout="mono", options=options)
        stream.bit_rate = 128_000
        for start in range(0, len(samples), 4096):
            part = np.ascontiguousarray(samples[np.newaxis, start : start + 4096])
            frame = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def film(path: Path, tracks: list[Samples], codec: str, picture: str, rate: int = 48_000) -> Path:
    """Write a second or more of moving pictures with one mono track of sound for each item of `tracks`."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(picture, rate=25, width=64, height=48, pix_fmt="yuv420p")
        sounds = [container.add_stream(codec, rate=rate, layout="mono") for _ in tracks]
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 10, np.uint8), format="rgb24")
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        for stream, samples in zip(sounds, tracks, strict=True):
            for start in range(0, len(samples), 4096):
                part = np.ascontiguousarray(samples[np.newaxis, start : start + 4096])
                sound = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
                sound.sample_rate, sound.pts = rate, start
                container.mux(stream.encode(sound))
            container.mux(stream.encode(None))
    return path


def speech(path: Path, text: str, voice: str = "en-us", words_per_minute: int = 150) -> Path:
    """Write a WAV file of espeak-ng (22.05 kHz, 16 bit, mono) saying `text`."""
    subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", str(path), text],
        check=True,
        capture_output=True,
    )
    return path
