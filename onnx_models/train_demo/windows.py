"""Composes training windows: speech placed in 30 s, pauses, disturbances, and the features the model gets.

Two styles.  A *clip* holds a few sentences within 14 s and lies anywhere in the window; most of its window
is empty and costs nothing to encode (see ``batches.py``).  A *passage* is what a long recording looks like
through a window: sentences and pauses up to the end, the last sentence often cut off at 30 s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .corpus import Corpus
from .features import N_MELS, QUIETEST, WINDOW_FRAMES, WINDOW_SAMPLES, log_mel, scaled
from .sounds import Samples, Sounds
from .speech import SAMPLE_RATE

WINDOW_S = WINDOW_FRAMES / 100
CLIP_S = 14.0


@dataclass(frozen=True)
class Mix:
    """How often things happen in the windows of a stage: probabilities, but for ``pause_s``."""

    no_speech: float = 0.07
    noise: float = 0.5
    disturbance: float = 0.12
    echo: float = 0.1
    masks: float = 0.35
    pause_s: tuple[float, ...] = (0.6, 1.5, 1.5, 4.0, 4.0, 12.0, 25.0)
    """Longest pause of a passage: one of these, at random."""


@dataclass(frozen=True)
class Spoken:
    """A sentence in a window.  Times in seconds of the window; ``words`` has the start of every word."""

    text: str
    start: float
    end: float
    words: NDArray[np.float64]
    phone_starts: NDArray[np.float64]
    phones: NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """A composed window: features (3000, 80), the whole sentences, and one that the end cuts off."""

    mel: NDArray[np.float32]
    content: tuple[int, int]
    """First and last mel frame of the recording within the window."""
    spoken: tuple[Spoken, ...]
    cut_off: Spoken | None


class Composer:
    """Draws windows from a corpus.  Equal generators draw equal windows."""

    def __init__(self, corpus: Corpus, mix: Mix, rng: np.random.Generator) -> None:
        self._corpus, self._mix, self._rng = corpus, mix, rng
        self._sounds = Sounds(rng)
        names = sorted({name for entry in corpus.entries for _, name in entry.phones} - {"_"})
        self.phone_ids = {"_": 0} | {name: index for index, name in enumerate(names, 1)}

    def text(self) -> str:
        """Any training sentence, for a prompt."""
        return self._corpus.entries[self._rng.integers(len(self._corpus.entries))].text

    def clip(self) -> Window:
        """One to four sentences within 14 s, or a short stretch without speech, anywhere in the window."""
        rng = self._rng
        if rng.random() < self._mix.no_speech:
            samples = self._no_speech(int(SAMPLE_RATE * rng.uniform(0.5, 8)))
            return self._window(samples, (), None, bool(rng.random() < 0.5))
        count = rng.choice(4, p=(0.70, 0.18, 0.08, 0.04)) + 1
        start = rng.choice((0.0, 0.02, rng.uniform(0, 0.8), rng.uniform(0, 1.6)))
        placed: list[tuple[Spoken, Samples]] = []
        for _ in range(count):
            spoken, samples = self._utterance(start)
            if spoken.end > CLIP_S and placed:
                break
            placed.append((spoken, samples))
            start = spoken.end + rng.uniform(0.12, rng.choice((0.6, 1.5, 2.5)))
        seconds = placed[-1][0].end + rng.choice((0.0, rng.uniform(0, 1)))
        length = int(seconds * SAMPLE_RATE) + 1
        samples = self._disturbed(_mixed(placed, length))
        return self._window(samples, tuple(spoken for spoken, _ in placed), None, bool(rng.random() < 0.6))

    def passage(self) -> Window:
        """A whole window out of a long recording."""
        rng = self._rng
        if rng.random() < self._mix.no_speech:
            length = int(rng.choice([WINDOW_SAMPLES, int(rng.integers(SAMPLE_RATE, WINDOW_SAMPLES))]))
            return self._window(self._no_speech(length), (), None, False)
        longest_pause = rng.choice(self._mix.pause_s)
        start = float(
            rng.choice((0.0, rng.uniform(0, 0.3), rng.uniform(0, 1.2), rng.uniform(0, longest_pause)))
        )
        stop = WINDOW_S if rng.random() < 0.68 else rng.uniform(4, WINDOW_S)
        placed: list[tuple[Spoken, Samples]] = []
        cut_off: Spoken | None = None
        while start < stop - 0.2:
            spoken, samples = self._utterance(start)
            if spoken.end > WINDOW_S - 0.02:
                if stop == WINDOW_S:
                    cut_off = spoken
                    placed.append((spoken, samples))
                break
            placed.append((spoken, samples))
            start = spoken.end + rng.uniform(0.12, longest_pause)
        whole = tuple(spoken for spoken, _ in placed if spoken is not cut_off)
        length = WINDOW_SAMPLES
        if stop < WINDOW_S:
            ended = whole[-1].end if whole else rng.uniform(1, WINDOW_S)
            length = int(
                min(WINDOW_S, ended + rng.choice((0.05, rng.uniform(0, 1), rng.uniform(0, 12)))) * SAMPLE_RATE
            )
        samples = _mixed(placed, length)
        if rng.random() < 0.25 and (not whole or whole[0].start > 0.3):
            self._add_remainder(samples)
        return self._window(self._disturbed(samples), whole, cut_off, False)

    def _utterance(self, start: float) -> tuple[Spoken, Samples]:
        entry = self._corpus.entries[self._rng.integers(len(self._corpus.entries))]
        samples = self._corpus.samples(entry)
        speed = 1.0
        if self._rng.random() < 0.7:
            speed = self._rng.uniform(0.88, 1.14)
            samples = np.interp(np.arange(0, len(samples) - 1, speed), np.arange(len(samples)), samples)
        samples = (samples * 10 ** (self._rng.uniform(-12, 3) / 20)).astype(np.float32)
        scale = 1 / (speed * SAMPLE_RATE)
        starts = np.array([first for first, _ in entry.phones], float) * scale + start
        phones = np.array([self.phone_ids[name] for _, name in entry.phones])
        words = np.array(entry.words, float) * scale + start
        return Spoken(entry.text, start, start + len(samples) / SAMPLE_RATE, words, starts, phones), samples

    def _no_speech(self, length: int) -> Samples:
        kind, level = self._rng.random(), 10 ** self._rng.uniform(-3.7, -0.2)
        if kind < 0.15:
            return np.zeros(length, np.float32)
        if kind < 0.45:
            return self._sounds.noise(length) * (level * 0.3)
        return self._sounds.disturbance(length) * level + self._faint_noise(length)

    def _faint_noise(self, length: int) -> Samples:
        """Often none at all, as a computed tone has none; otherwise the floor of a recording."""
        level = float(self._rng.choice((0.0, 10 ** self._rng.uniform(-5, -2.3))))
        return self._sounds.noise(length) * np.float32(level)

    def _add_remainder(self, samples: Samples) -> None:
        """The last moment of a sentence at the very start: what a window that begins at its end has."""
        tail = self._utterance(0.0)[1][-int(SAMPLE_RATE * self._rng.uniform(0.01, 0.12)) :][: len(samples)]
        samples[: len(tail)] += tail

    def _disturbed(self, samples: Samples) -> Samples:
        rng, mix = self._rng, self._mix
        power = float((samples**2).mean()) + 1e-7
        if rng.random() < mix.echo:
            samples = self._sounds.echo(samples)
        if rng.random() < mix.noise:
            ratio_db = rng.uniform(6, 18) if rng.random() < 0.4 else rng.uniform(18, 45)
            samples = samples + self._sounds.noise(len(samples)) * float(
                np.sqrt(power / 10 ** (ratio_db / 10))
            )
        if rng.random() < mix.disturbance:
            # Throughout, or in one stretch only, which then often falls into a pause.
            length = len(samples) if rng.random() < 0.4 else int(len(samples) * rng.uniform(0.05, 0.5))
            first = int(rng.integers(len(samples) - length + 1))
            samples = samples.copy()
            level = float(np.sqrt(power) * 10 ** (-rng.uniform(3, 30) / 20))
            samples[first : first + length] += self._sounds.disturbance(length) * level
        return samples

    def _window(
        self, samples: Samples, spoken: tuple[Spoken, ...], cut_off: Spoken | None, anywhere: bool
    ) -> Window:
        """The features of a window holding these samples at its start, or anywhere."""
        rng = self._rng
        power = log_mel(samples)
        if rng.random() < 0.5:  # another microphone
            knots = rng.uniform(-0.6, 0.6, 5)
            power += np.interp(np.arange(N_MELS), np.linspace(0, N_MELS - 1, 5), knots).astype(np.float32)
            power = np.maximum(power, QUIETEST)
        loudest = float(power.max())
        if (
            not spoken and cut_off is None and rng.random() < 0.5
        ):  # speech elsewhere in the recording sets the scale
            loudest = max(loudest, rng.uniform(-0.5, 2.3))
        elif rng.random() < 0.4:
            loudest += rng.uniform(0, 1.2)
        silence = float(scaled(np.full(1, QUIETEST, np.float32), loudest)[0])
        features = scaled(power, loudest)
        if rng.random() < self._mix.masks:
            for _ in range(2):
                width = int(rng.integers(1, 9))
                low = int(rng.integers(N_MELS - width))
                features[:, low : low + width] = silence
        # transcribe() fills a recording's last window up with zeros, which are louder than silence; one that
        # was padded beforehand has silence there.  See pad_or_trim in whisper/audio.py and its callers.
        mel = np.full((WINDOW_FRAMES, N_MELS), 0.0 if rng.random() < 0.7 else silence, np.float32)
        first = int(rng.integers(WINDOW_FRAMES - len(features))) if anywhere else 0
        if first > 0:
            mel[:first] = features[rng.integers(len(features))] if not spoken else silence
        mel[first : first + len(features)] = features
        shift = first / 100
        moved = tuple(_moved(sentence, shift) for sentence in spoken)
        return Window(mel, (first, first + len(features)), moved, cut_off and _moved(cut_off, shift))


def _mixed(placed: list[tuple[Spoken, Samples]], length: int) -> Samples:
    samples = np.zeros(length, np.float32)
    for spoken, part in placed:
        first = int(spoken.start * SAMPLE_RATE)
        part = part[: max(0, length - first)]
        samples[first : first + len(part)] += part
    return samples


def _moved(spoken: Spoken, shift: float) -> Spoken:
    if shift == 0:
        return spoken
    return Spoken(
        spoken.text,
        spoken.start + shift,
        spoken.end + shift,
        spoken.words + shift,
        spoken.phone_starts + shift,
        spoken.phones,
    )
