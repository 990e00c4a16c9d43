"""Good recordings of every format, and damage to them that depends only on a seed and a number."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

from making_audio import encoded, film, tone, wav

# What counts and lengths are damaged to.
_NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_HEADER_BYTES = 600


def sound_recordings(folder: Path) -> dict[str, bytes]:
    """File name -> bytes, a second each."""
    made = [wav(folder / name, tone(1)) for name in ("a.wav", "a.flac", "a.ogg", "a.aiff", "a.caf", "a.au")]
    wide = tone(1, 48_000)
    made += [
        encoded(folder / name, wide, codec=codec)
        for name, codec in [
            ("a.mp3", "mp3"),
            ("a.m4a", "aac"),
            ("a.aac", "aac"),
            ("a.opus", "libopus"),
            ("a.webm", "libopus"),
            ("a.wma", "wmav2"),
            ("a.ac3", "ac3"),
            ("a.wv", "wavpack"),
        ]
    ]
    made += [
        encoded(folder / name, tone(1, 8_000), 8_000, "libopencore_amrnb") for name in ("a.amr", "a.3gp")
    ]
    made += [
        film(folder / name, [wide], codec, "mpeg4")
        for name, codec in [("a.mp4", "aac"), ("a.mov", "pcm_s16le"), ("a.mkv", "flac"), ("a.avi", "mp3")]
    ]
    made.append(film(folder / "a.ts", [wide], "aac", "mpeg2video"))
    return {path.name: path.read_bytes() for path in made}


def mutated(sound: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """File name and bytes of case `number`, damaged in one to four ways."""
    chance = Random(f"{seed}/{number}")
    names = sorted(sound)
    name = names[number % len(names)]
    data = bytearray(sound[name])
    for _ in range(chance.randint(1, 4)):
        data = _damage(data, sound[chance.choice(names)], chance)
    return name, bytes(data)


def _damage(data: bytearray, other: bytes, chance: Random) -> bytearray:
    if not data:
        return data
    # Headers are where lengths and counts are.
    reach = min(_HEADER_BYTES, len(data)) if chance.random() < 0.7 else len(data)
    at = chance.randrange(reach)
    length = chance.randint(1, 1 << chance.randrange(13))
    match chance.randrange(8):
        case 0:
            for _ in range(chance.randint(1, 40)):
                data[chance.randrange(reach)] = chance.randrange(256)
        case 1:
            data[at] ^= 1 << chance.randrange(8)
        case 2:
            number = chance.choice(_NUMBERS)
            data[at : at + 4] = struct.pack(chance.choice("<>") + "I", number)
        case 3:
            del data[chance.randrange(len(data)) :]
        case 4:
            del data[at : at + length]
        case 5:
            data[at:at] = data[at : at + length] * chance.randint(1, 20)
        case 6:
            data[at : at + length] = bytes(len(data[at : at + length]))
        case _:
            data[at:] = other[chance.randrange(len(other)) :]  # two formats in one
    return data
