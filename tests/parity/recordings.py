"""Long synthetic recordings, the same samples on every machine.

`composed` needs nothing but the repository: it cuts the sentences out of tests/data/speech and sets them one
after the other at other speeds and levels, with pauses, noise, hum and tones between and beneath them. Where
espeak-ng is installed, `spoken` has it say new sentences in voices that the demo model never heard.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

__all__ = ["RATE", "Recording", "composed", "spoken"]

RATE = 16_000
SPEECH = Path(__file__).parents[1] / "data" / "speech"
_MARGIN = 0.12  # seconds kept around a sentence
_LONG_PAUSE_EVERY = 9  # sentences; up to 22 s, so that some windows hold no speech
_SCENE = 75.0  # seconds until the background changes


@dataclass(frozen=True)
class Recording:
    """Samples, (n,) int16 at 16 kHz, and what is said in them, in order."""

    name: str
    samples: NDArray[np.int16]
    sentences: tuple[str, ...]

    @property
    def audio(self) -> NDArray[np.float32]:
        """(n,) float32 in -1..1, as soundfile and FFmpeg give 16-bit samples."""
        return self.samples.astype(np.float32) / np.float32(32768.0)

    @property
    def text(self) -> str:
        """Everything that is said."""
        return " ".join(self.sentences)

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.samples.tobytes()).hexdigest()


def composed(seconds: float, seed: int, *, clean: bool = False) -> Recording:
    """A recording of this length out of the repository's sentences; `clean` leaves out noise and pauses."""
    return _placed(f"composed-{seconds:g}s-{seed}", seconds, seed, _sentences(), clean=clean)


def spoken(seconds: float, seed: int, *, clean: bool = False) -> Recording:
    """A recording of this length of new sentences by espeak-ng. OSError when its library is not installed."""
    from train_demo.grammar import Grammar, Kind
    from train_demo.speech import ESPEAK_HELD_OUT_VARIANTS, EspeakNg, random_espeak_voice

    espeak, chosen = EspeakNg(), random.Random(seed)
    grammar = Grammar(chosen.randrange(1 << 62))
    sentences: list[Sentence] = []
    while sum(len(samples) for _, samples in sentences) < seconds * RATE:
        kind: Kind = "digits" if chosen.random() < 0.25 else "sentence"
        voice = random_espeak_voice(chosen, ESPEAK_HELD_OUT_VARIANTS)
        said = espeak.speak(grammar.draw(kind, held_out=True), voice)
        sentences.append((said.text, said.samples.astype(np.float64)))
    return _placed(f"espeak-{seconds:g}s-{seed}", seconds, seed, sentences, clean=clean)


Sentence = tuple[str, NDArray[np.float64]]


def _sentences() -> list[Sentence]:
    """The sentences of tests/data/speech with their samples, on the scale of int16."""
    found = []
    for file, described in json.loads((SPEECH / "texts.json").read_text()).items():
        samples, rate = soundfile.read(SPEECH / file, dtype="int16")
        assert rate == RATE, f"{file} is not at 16 kHz"
        for sentence in described["sentences"]:
            first = max(0, round((sentence["start"] - _MARGIN) * RATE))
            last = round((sentence["end"] + _MARGIN) * RATE)
            found.append((sentence["text"], samples[first:last].astype(np.float64)))
    return found


def _placed(name: str, seconds: float, seed: int, sentences: list[Sentence], *, clean: bool) -> Recording:
    draw = random.Random(f"{name}-{seed}")
    track = np.zeros(round(seconds * RATE))
    said, at, count = [], 0, 0
    while True:
        long = not clean and count % _LONG_PAUSE_EVERY == _LONG_PAUSE_EVERY - 1
        at += round(draw.uniform(0.3, 22.0 if long else 2.0) * RATE)
        text, samples = sentences[draw.randrange(len(sentences))]
        samples = _faster(samples, draw.uniform(0.92, 1.1)) * 10 ** (draw.uniform(-14.0, 0.0) / 20)
        if at + len(samples) + RATE // 2 > len(track):
            break
        track[at : at + len(samples)] = samples
        said.append(text)
        at, count = at + len(samples), count + 1
    if not clean:
        _add_backgrounds(track, draw)
    return Recording(name, np.clip(np.rint(track), -32768, 32767).astype(np.int16), tuple(said))


def _faster(samples: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Played faster by linear interpolation: higher in pitch too, like a fast tape."""
    places = np.arange(0.0, len(samples) - 1, factor)
    return np.asarray(np.interp(places, np.arange(len(samples)), samples))


def _add_backgrounds(track: NDArray[np.float64], draw: random.Random) -> None:
    """White noise, hum or a tone beneath two scenes in three, in place."""
    # RandomState's stream is frozen for good; that of numpy's newer generators may change.
    noise = np.random.RandomState(draw.randrange(1 << 32))
    scene = round(_SCENE * RATE)
    for start in range(0, len(track), scene):
        part = track[start : start + scene]
        time = np.arange(len(part)) / RATE
        match draw.randrange(6):
            case 0:
                part += noise.standard_normal(len(part)) * 10 ** draw.uniform(0.5, 2.3)
            case 1:
                part += noise.standard_normal(len(part)) * draw.uniform(2, 30)
            case 2:
                part += draw.uniform(50, 400) * np.sin(2 * np.pi * draw.choice((50, 60, 100)) * time)
            case 3:
                tone = draw.uniform(20, 200) * np.sin(2 * np.pi * draw.uniform(200, 3000) * time)
                part += tone * (np.sin(2 * np.pi * 0.11 * time) > 0.6)
