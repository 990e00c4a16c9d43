"""The words that the decoding child and its parent share: one JSON object a line, over a pipe.

    {"kind": "info", "format", "codec", "duration", "sample_rate", "channels",
                     "tracks", "title", "recorded", "truncated"}                 once a decoder was found
    {"kind": "progress", "seconds"}                                              now and then
    {"kind": "done", "samples", "channels", "warnings": [key, ...], "walls": [key, ...]}
                                                                                 the last line of a success
    {"kind": "error", "code", "problem": key}                                    the last line of a refusal
    {"kind": "fault", "error", "where"}                                          the last line when we failed

The child has been reading hostile bytes, so what it says is not trusted either: problems and warnings travel
as keys into the tables below, never as text, and the two tags are checked again. This module is imported by
the child, so it imports next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SAMPLE_RATE: Final = 16_000  # Hz, what Whisper hears
BYTES_PER_SAMPLE: Final = 4  # float32
BYTES_PER_SECOND: Final = SAMPLE_RATE * BYTES_PER_SAMPLE
MAX_CHANNELS: Final = 8  # that can be asked for one by one


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent asks for; descriptors are numbers, `out` is -1 for a probe. `channel` counts from 1; 0
    is the mean of all.
    """

    mode: str
    source: int
    out: int
    pipe: int
    parent: int
    max_seconds: float
    memory_bytes: int
    cpu_seconds: int
    track: int = 0
    channel: int = 0


# Error codes of the child.
NOT_AUDIO: Final = "not_audio"
UNDECODABLE: Final = "undecodable"
TOO_LONG: Final = "too_long"
LIMIT: Final = "limit"
DISK_FULL: Final = "disk_full"

# Why a recording is undecodable: key -> the sentence that the sender reads.
PROBLEMS: Final = {
    "no_sound": "there is no sound in it.",
    "no_audio_track": "it has no audio track.",
    "no_such_track": "it has fewer audio tracks than the number that was asked for (option 'track').",
    "damaged": "the file is damaged or not complete.",
    "sample_rate": "its header gives an impossible sample rate.",
    "channels": "its header gives an impossible number of channels.",
    "not_finite": "none of its samples is a number.",
    "too_many_channels": "it has more channels than can be transcribed one by one (option 'channels').",
    "codec": "it uses an audio codec that this box does not read.",
    "crashed": "the decoder broke down on it.",
}

# What a decoded recording lacks: key -> the sentence for its transcript's reader.
WARNINGS: Final = {
    "truncated": "The file ends before its announced end; what is there was decoded.",
    "damaged_parts": "Parts of the file are damaged and were left out.",
    "not_finite": "Samples that are not numbers were replaced by silence.",
}

# What keeps a decoder that was taken over from the rest of the machine: key -> how doctor names it.
NETWORK: Final = "network"
SECCOMP: Final = "seccomp"
LANDLOCK: Final = "landlock"
WALLS: Final = {
    NETWORK: "a network of its own with nothing in it",
    LANDLOCK: "Landlock",
    SECCOMP: "a seccomp filter",
}
