"""Files that somebody made by hand to hurt whoever opens them: each with its name and what may become of it.

A file may be refused when it is sent (`REFUSED`), may become a job that fails (`FAILED`), or may hold sound
after all and be transcribed (`HEARD`). Which of these is fixed where a reader's version cannot change it.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from making_audio import encoded, film, tone, wav

REFUSED, FAILED, HEARD = "refused", "failed", "heard"
UNUSABLE = frozenset({REFUSED, FAILED})
ANY = frozenset({REFUSED, FAILED, HEARD})
U32 = 0xFFFF_FFFF


@dataclass(frozen=True)
class Hostile:
    """`codes`: the refusal's or the failed job's code is one of these; none: any that the box has for
    recordings.
    """

    filename: str
    content: bytes
    ends: frozenset[str] = UNUSABLE
    codes: frozenset[str] = field(default_factory=frozenset)


NOT_AUDIO = frozenset({"not_audio"})
DAMAGED = frozenset({"undecodable_audio"})
REFUSAL = frozenset({REFUSED})


def hand_made(folder: Path, bait: str) -> Iterator[Hostile]:
    """All of them. `bait`: a path or address that references name, which must never be opened."""
    yield from no_audio()
    yield from playlists(bait)
    yield from waves(folder)
    yield from boxes(folder, bait)
    yield from streams(folder)


def no_audio() -> Iterator[Hostile]:
    """Other things under the name of a recording."""
    yield Hostile("empty.wav", b"", REFUSAL, frozenset({"empty_file"}))
    yield Hostile("one-byte.mp3", b"R", REFUSAL, NOT_AUDIO)
    yield Hostile("text.wav", b"Dear all,\nplease find the minutes below.\n" * 50, REFUSAL, NOT_AUDIO)
    yield Hostile("picture.mp3", b"\x89PNG\r\n\x1a\n" + bytes(2000), REFUSAL, NOT_AUDIO)
    yield Hostile("program.m4a", b"\x7fELF\x02\x01\x01" + bytes(2000), REFUSAL, NOT_AUDIO)
    sizes = struct.pack("<IIIHH", 0, U32, U32, 8, 0)
    yield Hostile("bomb.zip.wav", b"PK\x03\x04\x2d\0\0\0\x08\0" + bytes(4) + sizes + b"a.wav", REFUSAL)
    yield Hostile("bomb.wav.gz", gzip.compress(bytes(64 << 20)), REFUSAL, NOT_AUDIO)


def playlists(bait: str) -> Iterator[Hostile]:
    """Lists of other files, under honest names and under others."""
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{bait}\n#EXT-X-ENDLIST\n"
    passwd = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    key = f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{bait}"\n#EXTINF:10,\n/etc/passwd\n'
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        "<AdaptationSet>"
        f'<Representation id="1" mimeType="audio/mp4"><BaseURL>{bait}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    )
    for name, text in {
        "hls.m3u8": hls,
        "hls-passwd.m3u8": passwd,
        "hls-named.mp3": passwd,
        "hls-key.mp4": key,
        "concat.txt": f"ffconcat version 1.0\nfile '{bait}'\nfile '/etc/passwd'\n",
        "dash.mpd": dash,
        "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "list.asx": f'<asx version="3.0"><entry><ref href="{bait}"/></entry></asx>',
        "list.pls": f"[playlist]\nNumberOfEntries=1\nFile1={bait}\n",
        "sheet.cue": 'FILE "/etc/passwd" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    }.items():
        yield Hostile(name, text.encode(), REFUSAL, NOT_AUDIO)


def waves(folder: Path) -> Iterator[Hostile]:
    """Headers of the simple formats that promise what cannot be, and samples that are none."""
    good = wav(folder / "a.wav", tone(1)).read_bytes()

    def patched(at: int, form: str, *values: int, base: bytes = good) -> bytes:
        return base[:at] + struct.pack(form, *values) + base[at + struct.calcsize(form) :]

    yield Hostile("channels.wav", patched(22, "<H", 65_535), UNUSABLE, DAMAGED)
    yield Hostile("no-channel.wav", patched(22, "<H", 0), UNUSABLE, DAMAGED)
    yield Hostile("no-rate.wav", patched(24, "<I", 0), UNUSABLE, DAMAGED)
    yield Hostile("fast.wav", patched(24, "<I", U32), UNUSABLE, DAMAGED)
    yield Hostile("no-block.wav", patched(32, "<H", 0), ANY)
    yield Hostile("no-bits.wav", patched(34, "<H", 0), ANY)
    yield Hostile("many-bits.wav", patched(34, "<H", 65_535), ANY)
    yield Hostile("odd-codec.wav", patched(20, "<H", 0x1234), UNUSABLE, DAMAGED)
    yield Hostile("promises-4-gb.wav", patched(40, "<I", U32 - 16, base=patched(4, "<I", U32 - 8)), {HEARD})
    yield Hostile("header-alone.wav", good[:44], UNUSABLE, DAMAGED)
    yield Hostile("half-a-header.wav", good[:30], UNUSABLE, DAMAGED)
    yield Hostile("one-sample.wav", wav(folder / "one.wav", np.zeros(1, np.float32)).read_bytes(), ANY)
    nothing = np.full(16_000, np.nan, np.float32)
    yield Hostile("nan.wav", wav(folder / "n.wav", nothing, subtype="FLOAT").read_bytes(), UNUSABLE, DAMAGED)
    mixed = tone(1)
    mixed[::3], mixed[1::30] = np.nan, np.inf
    yield Hostile("some-nan.wav", wav(folder / "s.wav", mixed, subtype="FLOAT").read_bytes(), {HEARD})
    huge = np.tile(np.array([1e308, -1e308]), 8_000)
    yield Hostile("huge.wav", wav(folder / "h.wav", huge, subtype="DOUBLE").read_bytes(), ANY)
    au = struct.pack(">4sIIIII", b".snd", 24, U32, 3, 16_000, 1_000_000_000)
    yield Hostile("channels.au", au + bytes(4000), UNUSABLE, DAMAGED)
    rf64 = b"RF64" + struct.pack("<I", U32) + b"WAVEds64" + struct.pack("<IQQQI", 28, 2**63, 2**63, 2**63, 0)
    yield Hostile("endless.rf64", rf64 + good[12:36] + b"data" + struct.pack("<I", U32) + good[44:], ANY)
    caf = b"caff\0\1\0\0desc" + struct.pack(">Qd4sIIIII", 32, 16e3, b"lpcm", 0, 2, 1, 1_000_000_000, 16)
    yield Hostile("channels.caf", caf + b"data" + struct.pack(">qI", -1, 0) + bytes(4000), UNUSABLE, DAMAGED)
    renamed = encoded(folder / "a.m4a", tone(1, 48_000)).read_bytes()
    yield Hostile("really-m4a.wav", renamed, {HEARD})


def boxes(folder: Path, bait: str) -> Iterator[Hostile]:
    """MP4 and Matroska: containers made of containers."""
    whole = film(folder / "a.mov", [tone(1, 48_000)], "aac", "mpeg4").read_bytes()
    ftyp = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom")
    depth = 100_000
    nested = b"".join(struct.pack(">I4s", 8 * (depth - i), b"moov") for i in range(depth))
    yield Hostile("deep-atoms.mp4", ftyp + nested)
    yield Hostile("many-atoms.mp4", ftyp + struct.pack(">I4s", 8, b"free") * 500_000)
    yield Hostile("endless-atom.mp4", ftyp + struct.pack(">I4sQ", 1, b"moov", 2**63 - 1) + bytes(1000))
    yield Hostile("atom-in-itself.mp4", ftyp + struct.pack(">I4sQ", 1, b"moov", 0) + bytes(1000))
    yield Hostile("atom-without-end.mp4", ftyp + struct.pack(">I4s", 0, b"moov") * 1000)
    for table in (b"stsz", b"stts", b"stsc", b"stco", b"stsd"):
        at = whole.index(table, whole.index(b"smhd")) + 8  # the sound track's
        at += 4 if table == b"stsz" else 0
        name = f"{table.decode()}-of-4-billion.mov"
        yield Hostile(name, whole[:at] + struct.pack(">I", U32) + whole[at + 4 :], ANY)
    at = whole.index(b"mp4a", whole.index(b"smhd")) + 20
    yield Hostile("channels.mov", whole[:at] + b"\xff\xff" + whole[at + 2 :], ANY)
    # Self-contained no more: the sound is said to lie in another file.
    at = whole.index(b"dref", whole.index(b"smhd")) + 12
    alias = bait.encode()[:100]
    outside = struct.pack(">I4sI", 12, b"alis", 0)
    yield Hostile("reference.mov", whole[:at] + outside + whole[at + 12 :] + alias, ANY)
    ebml = bytes.fromhex("1a45dfa3 84 42f28104")
    yield Hostile("deep-elements.mkv", ebml + bytes.fromhex("18538067 01ffffffffffffff") * 20_000)
    yield Hostile(
        "long-element.mkv", ebml + bytes.fromhex("18538067 01fffffffffffffe 1549a966 01fffffffffffffe")
    )
    seek_to_itself = bytes.fromhex(
        "18538067 9a 114d9b74 95 4dbb 92 53ab 84 114d9b74 53ac 88 0000000000000000"
    )
    yield Hostile("seeks-itself.mkv", ebml + seek_to_itself)
    yield Hostile("head-alone.webm", ebml)


def streams(folder: Path) -> Iterator[Hostile]:
    """Formats without a table of contents."""
    flac = wav(folder / "a.flac", tone(1)).read_bytes()
    promise = bytearray(flac)
    promise[21] |= 0x0F
    promise[22:26] = b"\xff" * 4  # 2^36 samples
    yield Hostile("promises-years.flac", bytes(promise), ANY)
    yield Hostile("no-frames.flac", flac[:42] + b"\xff\xf8" * 10_000, ANY)
    yield Hostile("endless-tag.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(5000), UNUSABLE)
    yield Hostile("tag-in-tag.mp3", b"ID3\x04\0\0\0\0\0\x0a" * 20_000, UNUSABLE)
    yield Hostile("sync-words.mp3", b"\xff\xfb\x90\x00" * 20_000, ANY)
    yield Hostile("head-alone.amr", b"#!AMR\n", UNUSABLE, DAMAGED)
    yield Hostile("odd-frames.amr", b"#!AMR\n" + b"\xff" * 5000, ANY)
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, 2, 0, 0, 0, 0, 0)
    pages = b"".join(page[:14] + struct.pack("<I", i) + page[18:] for i in range(10_000))
    yield Hostile("many-streams.ogg", pages, UNUSABLE, DAMAGED)
    yield Hostile("null-packets.ts", (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 5000, UNUSABLE)
    loop = b"\x47\x40\x00\x10\x00\x00\xb0\x0d\x00\x01\xc1\x00\x00\x00\x01\xe0\x00" + b"\xff" * 171
    yield Hostile("table-of-tables.ts", loop * 5000, UNUSABLE)
    asf = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + struct.pack("<QIBB", 2**63, U32, 1, 2)
    yield Hostile("many-objects.wma", asf + bytes(1000), UNUSABLE)
