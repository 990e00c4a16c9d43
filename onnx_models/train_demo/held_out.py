"""Held-out recordings: sentences and voices that training never meets.

``python -m train_demo.held_out FOLDER`` writes the handful of recordings that the tests keep.  They come
straight from the seed: nobody chose them by how well a model does on them.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .grammar import Grammar, Kind
from .speech import (
    ESPEAK_HELD_OUT_VARIANTS,
    FESTIVAL_VOICES,
    SAMPLE_RATE,
    EspeakNg,
    Utterance,
    Voice,
    festival_speak,
    flite_speak,
    random_espeak_voice,
    random_flite_voice,
)


@dataclass(frozen=True)
class Sentence:
    """A sentence of a recording, with its voice; times in seconds."""

    text: str
    start: float
    end: float
    voice: str


@dataclass(frozen=True)
class Recording:
    """A recording and what is said in it.  ``samples`` is int16 at 16 kHz."""

    samples: NDArray[np.int16]
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        """All sentences, one after the other."""
        return " ".join(sentence.text for sentence in self.sentences)

    def audio(self) -> NDArray[np.float32]:
        """The samples between -1 and 1."""
        return self.samples.astype(np.float32) / 32768.0


@dataclass(frozen=True)
class Pauses:
    """Pauses between sentences: mostly up to ``usual_s``, one in five up to ``longest_s``."""

    least_s: float = 0.4
    usual_s: float = 3.0
    longest_s: float = 20.0

    def draw(self, rng: random.Random) -> float:
        """A pause in seconds."""
        return rng.uniform(self.least_s, self.longest_s if rng.random() < 0.2 else self.usual_s)


class HeldOut:
    """Draws held-out recordings.  Equal seeds draw equal recordings with equal versions of the engines."""

    def __init__(self, seed: int, espeak: EspeakNg) -> None:
        self._rng = random.Random(seed)
        self._grammar = Grammar(self._rng.randrange(1 << 62))
        self._espeak = espeak

    def clip(self, kind: Kind) -> Recording:
        """One sentence by a held-out voice with 0.1-0.9 s of silence before and after it."""
        return self._placed(
            [(self._rng.uniform(0.1, 0.9), self._utterance(kind))], self._rng.uniform(0.1, 0.9)
        )

    def passage(self, seconds: float, pauses: Pauses) -> Recording:
        """Sentences and digits by changing held-out voices, filling this time."""
        parts: list[tuple[float, Utterance]] = []
        now = 0.0
        while True:
            start = now + pauses.draw(self._rng)
            spoken = self._utterance("digits" if self._rng.random() < 0.25 else "sentence")
            now = start + len(spoken.samples) / SAMPLE_RATE
            if now > seconds - 0.3:
                return self._placed(parts, seconds - (parts[-1][0] + len(parts[-1][1].samples) / SAMPLE_RATE))
            parts.append((start, spoken))

    def known_voice_clip(self, kind: Kind) -> Recording:
        """A held-out sentence by flite, all of whose voices are heard in training."""
        text = self._grammar.draw(kind, held_out=True)
        spoken = flite_speak(text, random_flite_voice(self._rng))
        return self._placed([(self._rng.uniform(0.1, 0.9), spoken)], self._rng.uniform(0.1, 0.9))

    def unseen_engine_clip(self, kind: Kind) -> Recording:
        """A held-out sentence by festival, of which training hears nothing."""
        text = self._grammar.draw(kind, held_out=True)
        voice = Voice("festival", self._rng.choice(FESTIVAL_VOICES), 1.0, 0)
        spoken = festival_speak(text, voice)
        return self._placed([(self._rng.uniform(0.1, 0.9), spoken)], self._rng.uniform(0.1, 0.9))

    def _utterance(self, kind: Kind) -> Utterance:
        voice = random_espeak_voice(self._rng, ESPEAK_HELD_OUT_VARIANTS)
        return self._espeak.speak(self._grammar.draw(kind, held_out=True), voice)

    def _placed(self, parts: list[tuple[float, Utterance]], after_s: float) -> Recording:
        sentences = []
        samples = np.zeros(0, np.int16)
        for start, spoken in parts:
            first = round(start * SAMPLE_RATE)
            level = 10 ** (self._rng.uniform(-8, 0) / 20)
            quiet = (spoken.samples * level).astype(np.int16)
            samples = np.concatenate([samples, np.zeros(first - len(samples), np.int16), quiet])
            sentences.append(Sentence(spoken.text, start, len(samples) / SAMPLE_RATE, str(spoken.voice)))
        after = np.zeros(round(after_s * SAMPLE_RATE), np.int16)
        return Recording(np.concatenate([samples, after]), tuple(sentences))


TEST_SEED = 20_26
"""The seed of the recordings that the tests keep."""


def write_test_recordings(folder: Path) -> None:
    """Writes seven FLAC files (with sox) and ``texts.json``, which says what is spoken where."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = HeldOut(TEST_SEED, EspeakNg())
    recordings: dict[str, Recording] = {}
    for index in range(1, 4):
        recordings[f"sentence-{index}.flac"] = drawn.clip("sentence")
    recordings["digits-1.flac"] = drawn.clip("digits")
    recordings["passage-12s.flac"] = drawn.passage(12.0, Pauses(longest_s=3.0))
    recordings["flite-sentence.flac"] = drawn.known_voice_clip("sentence")
    recordings["passage-40s.flac"] = drawn.passage(40.0, Pauses(longest_s=12.0))
    described = {}
    for name, recording in recordings.items():
        raw = ["-t", "raw", "-r", str(SAMPLE_RATE), "-e", "signed", "-b", "16", "-c", "1", "-"]
        command = ["sox", "-D", *raw, "-C", "8", str(folder / name)]
        subprocess.run(command, input=recording.samples.tobytes(), check=True)
        described[name] = {
            "text": recording.text,
            "sentences": [
                {"text": s.text, "start": round(s.start, 2), "end": round(s.end, 2), "voice": s.voice}
                for s in recording.sentences
            ],
        }
    (folder / "texts.json").write_text(json.dumps(described, indent=2) + "\n")


def main() -> None:
    """Reads the command line and writes the tests' recordings."""
    parser = argparse.ArgumentParser(description="Writes the held-out recordings that the tests keep.")
    parser.add_argument("folder", type=Path)
    write_test_recordings(parser.parse_args().folder)


if __name__ == "__main__":
    main()
