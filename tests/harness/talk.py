"""Speech for tests: sentences of the demo model's small vocabulary, said by espeak-ng, with known times."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from making_audio import speech

RATE = 22_050
"""What espeak-ng writes, in Hz."""

# None of them was ever trained on: the training draws by a hash that leaves these out.
HELD_OUT = ("Two four seven four.", "One five seven two.", "The table and the message are quiet at seven.")


@dataclass(frozen=True)
class Line:
    """A sentence; `start` and `end` in seconds of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Talk:
    """A WAV file of several sentences."""

    wav: bytes
    lines: tuple[Line, ...]
    duration: float

    @property
    def words(self) -> list[str]:
        return words_of(" ".join(line.text for line in self.lines))


def words_of(text: str) -> list[str]:
    """Lower case, without punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def word_error_rate(reference: list[str], heard: list[str]) -> float:
    """Insertions, deletions and substitutions over the number of words said (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1] / len(reference)


def talk(*sentences: str, pause: float = 1.5, at_least: float = 0.0) -> Talk:
    """The sentences with `pause` seconds around each, over again until `at_least` seconds are reached."""
    voices = {sentence: _said(sentence) for sentence in dict.fromkeys(sentences)}
    silence = np.zeros(round(pause * RATE), np.int16)
    pieces, lines, position = [silence], [], len(silence)
    while not lines or position < at_least * RATE:
        for sentence in sentences:
            voice = voices[sentence]
            lines.append(Line(sentence, position / RATE, (position + len(voice)) / RATE))
            pieces += [voice, silence]
            position += len(voice) + len(silence)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "talk.wav"
        soundfile.write(path, np.concatenate(pieces), RATE, subtype="PCM_16")
        return Talk(path.read_bytes(), tuple(lines), position / RATE)


def _said(sentence: str) -> NDArray[np.int16]:
    """(n,) samples without the silence that espeak-ng puts around them."""
    with tempfile.TemporaryDirectory() as folder:
        samples, rate = soundfile.read(speech(Path(folder) / "said.wav", sentence), dtype="int16")
    assert rate == RATE
    loud = np.flatnonzero(np.abs(samples) > 300)
    return np.asarray(samples[loud[0] : loud[-1] + 1], np.int16)
