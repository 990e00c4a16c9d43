"""What a container holds besides one stream of sound: pictures, further tracks, a title, a date."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from making_audio import Samples, encoded, film, tone, wav
from stenobox.audio.decode import decode, open_samples
from stenobox.audio.limits import AudioLimits
from stenobox.audio.probe import AudioInfo, probe
from stenobox.audio.tags import MAX_TITLE, recorded_of, tags_of, title_of
from stenobox.errors import UndecodableAudio

LIMITS = AudioLimits()
LOW, HIGH = 400.0, 1_900.0
FILMS = [
    ("a.mp4", "aac", "mpeg4"),
    ("a.mov", "pcm_s16le", "mpeg4"),
    ("a.mkv", "flac", "mpeg4"),
    ("a.webm", "libopus", "libvpx"),
    ("a.avi", "mp3", "mpeg4"),
    ("a.ts", "aac", "mpeg2video"),
    ("a.3gp", "aac", "mpeg4"),
]


async def heard(source: Path, track: int = 0) -> float:
    """Frequency of the strongest component, Hz."""
    out = source.with_suffix(".f32")
    await decode(source, out, LIMITS, track=track)
    samples: Samples = np.asarray(open_samples(out))
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * 16_000 / len(samples)


@pytest.mark.parametrize(("name", "codec", "picture"), FILMS)
async def test_the_sound_of_a_film_is_heard(tmp_path: Path, name: str, codec: str, picture: str) -> None:
    source = film(tmp_path / name, [tone(1, 48_000, LOW)], codec, picture)
    assert await heard(source) == pytest.approx(LOW, abs=5)
    assert (await probe(source, LIMITS)).tracks == 1


@pytest.mark.parametrize(("name", "codec", "picture"), [kind for kind in FILMS if kind[0] != "a.3gp"])
async def test_each_track_of_a_film_can_be_chosen(
    tmp_path: Path, name: str, codec: str, picture: str
) -> None:
    source = film(tmp_path / name, [tone(1, 48_000, LOW), tone(1, 48_000, HIGH)], codec, picture)
    assert (await probe(source, LIMITS)).tracks == 2
    assert await heard(source, 1) == pytest.approx(LOW, abs=5)
    assert await heard(source, 2) == pytest.approx(HIGH, abs=5)
    assert await heard(source) in (pytest.approx(LOW, abs=5), pytest.approx(HIGH, abs=5))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.mkv"])
async def test_a_track_that_is_not_there_is_refused_in_words(tmp_path: Path, name: str) -> None:
    if name == "a.mkv":
        source = film(tmp_path / name, [tone(1, 48_000)], "flac", "mpeg4")
    else:
        source = wav(tmp_path / name, tone(1))
    with pytest.raises(UndecodableAudio, match="fewer audio tracks"):
        await decode(source, tmp_path / "out", LIMITS, track=2)
    assert (await decode(source, tmp_path / "out", LIMITS, track=1)).seconds == pytest.approx(1.0, abs=0.1)


TAGS = {"title": "Jour fixe: Änderungen", "date": "2024-05-01"}


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp3", "mp3"),
        ("a.m4a", "aac"),
        ("a.mov", "aac"),
        ("a.mkv", "flac"),
        ("a.webm", "libopus"),
        ("a.ogg", "libopus"),
        ("a.flac", "flac"),
        ("a.wav", "pcm_s16le"),
    ],
)
async def test_title_and_date_are_read_whatever_reads_the_sound(
    tmp_path: Path, name: str, codec: str
) -> None:
    info = await probe(encoded(tmp_path / name, tone(1, 48_000), codec=codec, tags=TAGS), LIMITS)
    assert (info.title, info.recorded) == (TAGS["title"], TAGS["date"])


async def test_a_cover_picture_costs_neither_sound_nor_tags(tmp_path: Path) -> None:
    """ID3v2.3 as MP3 recorders and podcast tools write it: Latin-1, a year, a picture (id3.org)."""
    picture = tmp_path / "cover.mjpeg"
    with av.open(str(picture), "w") as container:
        stream = container.add_stream("mjpeg", rate=1, width=64, height=64, pix_fmt="yuvj420p")
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    frames = {
        b"TIT2": b"\0Gespr\xe4ch",
        b"TYER": b"\x002023",
        b"APIC": b"\0image/jpeg\0\x03\0" + picture.read_bytes(),
    }
    body = b"".join(name + struct.pack(">IH", len(value), 0) + value for name, value in frames.items())
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    source = encoded(tmp_path / "a.mp3", tone(2, 48_000, LOW), codec="mp3")
    source.write_bytes(b"ID3\x03\0\0" + size + body + source.read_bytes())
    info = await probe(source, LIMITS)
    assert (info.title, info.recorded, info.tracks) == ("Gespräch", "2023", 1)
    assert await heard(source) == pytest.approx(LOW, abs=5)
    decoded = await decode(source, tmp_path / "out", LIMITS)
    assert (decoded.warnings, decoded.seconds) == ((), pytest.approx(2.0, abs=0.1))


async def test_a_moment_is_kept_with_its_zone(tmp_path: Path) -> None:
    tags = {"creation_time": "2024-05-01T09:30:00Z"}
    info = await probe(encoded(tmp_path / "a.m4a", tone(1, 48_000), tags=tags), LIMITS)
    assert info.recorded == "2024-05-01T09:30:00+00:00"


async def test_a_recording_without_tags_has_none(tmp_path: Path) -> None:
    info = await probe(wav(tmp_path / "a.wav", tone(1)), LIMITS)
    assert info == AudioInfo("WAV", "PCM_16", 1.0, 16_000, 1)


async def test_a_title_cannot_bring_control_characters_or_a_book(tmp_path: Path) -> None:
    tags = {"title": "one\x1b[31m\r\ntwo\u202egnp.exe " + "x" * 100_000}
    info = await probe(encoded(tmp_path / "a.mka", tone(1, 48_000), codec="flac", tags=tags), LIMITS)
    assert info.title is not None
    assert info.title.startswith("one [31m two gnp.exe xxx")
    assert len(info.title) == MAX_TITLE


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024", "2024"),
        ("2024-05", "2024-05"),
        (" 2024-05-01 ", "2024-05-01"),
        ("2024-05-01 09:30", "2024-05-01T09:30:00"),
        ("2024-05-01T11:30:00+0200", "2024-05-01T11:30:00+02:00"),
        ("2024-05-01T09:30:00.000000Z", "2024-05-01T09:30:00+00:00"),
        ("1904-01-01T00:00:00.000000Z", None),
        ("1970-01-01", None),
        ("2024-02-30", None),
        ("2024-13", None),
        ("2024-05-01T25:00:00", None),
        ("2024-05-01T09:30:00+99:99", None),
        ("09:30:00", None),
        ("May 2024", None),
        ("", None),
    ],
)
def test_a_date_is_as_exact_as_the_file_and_nonsense_is_none(text: str, moment: str | None) -> None:
    assert recorded_of(text) == moment


def test_the_first_date_that_makes_sense_counts() -> None:
    assert tags_of([{"creation_time": "1904-01-01T00:00:00Z", "DATE": "2023-02-01"}]).recorded == "2023-02-01"
    assert tags_of([{}, {"TITLE": "of the track"}]).title == "of the track"


@given(st.text())
def test_what_was_cleaned_once_stays_as_it_is(text: str) -> None:
    title = title_of(text)
    assert title is None or (title_of(title) == title and title.isprintable())
    moment = recorded_of(text)
    assert moment is None or recorded_of(moment) == moment
