"""Recordings built to do harm: nothing that they name is opened, and none does worse than a refusal."""

from __future__ import annotations

import random
import socket
import struct
from pathlib import Path

import numpy as np
import pytest

from hostile.test_audio_child import last_read
from making_audio import encoded, tone, wav
from stenobox.audio.decode import decode, open_samples
from stenobox.audio.limits import AudioLimits
from stenobox.audio.probe import probe
from stenobox.errors import AudioError, NotAudio, UndecodableAudio

LIMITS = AudioLimits(max_seconds=3600.0)


@pytest.fixture
def listener() -> socket.socket:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        yield server


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{path}\n#EXTINF:10,\n{url}/a.ts\n",
    "concat": "ffconcat version 1.0\nfile '{path}'\n",
    "dash": """<?xml version="1.0"?>
        <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>
        <Representation id="1" mimeType="audio/mp4"><BaseURL>{url}/a.mp4</BaseURL></Representation>
        </AdaptationSet></Period></MPD>""",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "asx": '<asx version="3.0"><entry><ref href="{url}/a.wma"/></entry></asx>',
    "pls": "[playlist]\nNumberOfEntries=1\nFile1={path}\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
async def test_a_playlist_is_no_audio_and_nothing_it_names_is_opened(
    tmp_path: Path, bait: Path, listener: socket.socket, kind: str
) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    source = tmp_path / "a.m3u8"
    source.write_text(PLAYLISTS[kind].format(path=bait, url=url))
    before = last_read(bait)
    with pytest.raises(NotAudio):
        await decode(source, tmp_path / "out", LIMITS)
    assert last_read(bait) == before
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize("seed", range(8))
async def test_random_bytes_end_in_a_typed_refusal_or_in_noise(tmp_path: Path, seed: int) -> None:
    source = tmp_path / "a.mp3"
    source.write_bytes(random.Random(seed).randbytes(50_000))
    with pytest.raises((NotAudio, UndecodableAudio)):
        await probe(source, LIMITS)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp3", "mp3"), ("a.m4a", "aac"), ("a.webm", "libopus"), ("a.flac", ""), ("a.wav", ""), ("a.ogg", "")],
)
async def test_recordings_with_flipped_bytes_never_do_worse_than_a_typed_error(
    tmp_path: Path, name: str, codec: str
) -> None:
    path = tmp_path / name
    source = encoded(path, tone(2, 48_000), codec=codec) if codec else wav(path, tone(2))
    whole = source.read_bytes()
    chance = random.Random(name)
    for _ in range(6):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 40)):
            # Headers are where lengths and counts are.
            place = chance.randrange(min(400, len(data)) if chance.random() < 0.7 else len(data))
            data[place] = chance.randrange(256)
        source.write_bytes(data)
        out = tmp_path / "out"
        try:
            decoded = await decode(source, out, LIMITS)
        except (NotAudio, AudioError):
            assert not out.exists()
        else:
            assert out.stat().st_size == decoded.samples * 4
            assert np.isfinite(open_samples(out)).all()


async def test_a_header_that_promises_hours_costs_only_what_is_there(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.wav", tone(1))
    data = bytearray(source.read_bytes())
    data[4:8] = struct.pack("<I", 0x7FFFFFFF)
    data[40:44] = struct.pack("<I", 0x7FFFFFF0)  # bytes in the data chunk
    source.write_bytes(data)
    decoded = await decode(source, tmp_path / "out", LIMITS)
    assert decoded.seconds == pytest.approx(1.0)
    assert decoded.warnings
