"""Synthesised speech with known times: espeak-ng through its library, flite through its command.

Both give the times of the phones they speak, espeak-ng those of the words too; they teach the model to
listen in the right place.  Samples come back at 16 kHz, scaled to one peak, with the silence at both ends
cut away.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import random
import re
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
PEAK = 12_000
"""Every utterance is scaled to this peak, about -9 dB of full scale."""
TRIM_THRESHOLD = 150
TRIM_FRAME = SAMPLE_RATE // 100

ESPEAK_ACCENTS = (
    "en-us", "en-us", "en-us", "en-us", "en-us", "gmw/en", "gmw/en", "gmw/en",
    "en-gb-x-rp", "en-gb-scotland", "en-us-nyc", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029",
)  # fmt: skip
"""Accents, repeated by weight.  The library finds British English with a variant only as ``gmw/en``."""

ESPEAK_UNUSED_VARIANTS = (
    "whisper", "robosoft", "UniRobot", "anikaRobot", "Demonic", "Storm", "Tweaky", "croak", "AnxiousAndy",
    "victor", "fast", "announcer", "Mr",
)  # fmt: skip
"""Variants (by prefix) that whisper, croak or sing: hard for people too."""

ESPEAK_HELD_OUT_VARIANTS = ("f4", "m6", "linda", "quincy", "klatt3", "Mike", "steph2", "edward")
"""Voices that training never hears."""

FESTIVAL_VOICES = ("ked_diphone", "cmu_us_slt_arctic_hts")
"""Voices of an engine that training never hears.  The second is of the speaker of flite's ``slt``."""

FLITE_VOICES = {"kal": 105, "kal16": 105, "awb": 130, "rms": 95, "slt": 170}
"""Voice: its usual mean pitch in Hz."""


@dataclass(frozen=True)
class Voice:
    """One way of speaking.

    ``rate`` is in words a minute and ``pitch`` and ``range`` are 0-99 for espeak-ng; for flite ``rate``
    stretches the durations (1.0 is usual) and ``pitch`` is the mean in Hz.
    """

    engine: str
    name: str
    rate: float
    pitch: int
    range: int = 50

    def __str__(self) -> str:
        return f"{self.engine}/{self.name}"


@dataclass(frozen=True)
class Utterance:
    """Speech and what is known about it.

    ``samples`` is int16 at 16 kHz; ``phones`` holds (first sample, name) in order, a pause being ``_``;
    ``words`` holds the first sample of every word of the text.
    """

    text: str
    voice: Voice
    samples: NDArray[np.int16]
    phones: tuple[tuple[int, str], ...]
    words: tuple[int, ...]


class SpeechError(Exception):
    """The engine gave no usable speech for this text and voice."""


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of speak_lib.h; ``name`` stands for its union."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_OUTPUT_SYNCHRONOUS = 2
_OPTION_PHONEME_EVENTS = 1
_EVENT_LIST_TERMINATED = 0
_EVENT_WORD = 1
_EVENT_PHONEME = 7
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_RANGE = 1, 3, 4
_CHARACTERS_UTF8 = 1


class EspeakNg:
    """espeak-ng in this process, about 3 ms an utterance.  Its state is global: one instance a process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
        self._rate = int(
            self._library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, None, _OPTION_PHONEME_EVENTS)
        )
        if self._rate <= 0:
            raise SpeechError("espeak-ng could not be initialised")
        self._pieces: list[NDArray[np.int16]] = []
        self._phones: list[tuple[float, str]] = []
        self._words: dict[int, float] = {}
        self._callback = _Callback(self._receive)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(
        self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]
    ) -> int:
        if count > 0 and samples:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_LIST_TERMINATED:
            event, seconds = events[index], events[index].audio_position / 1000
            if event.type == _EVENT_PHONEME:
                name = bytes(event.name).decode("utf-8", "ignore")
                self._phones.append((seconds, "_" if name.startswith("_") or not name else name))
            elif event.type == _EVENT_WORD:
                self._words.setdefault(event.text_position - 1, seconds)
            index += 1
        return 0

    def speak(self, text: str, voice: Voice) -> Utterance:
        """The text in this voice.  Raises SpeechError when the voice is unknown or stays silent."""
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise SpeechError(f"espeak-ng has no voice {voice.name}")
        self._library.espeak_SetParameter(_PARAMETER_RATE, int(voice.rate), 0)
        self._library.espeak_SetParameter(_PARAMETER_PITCH, voice.pitch, 0)
        self._library.espeak_SetParameter(_PARAMETER_RANGE, voice.range, 0)
        self._pieces.clear()
        self._phones.clear()
        self._words.clear()
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _CHARACTERS_UTF8, None, None)
        self._library.espeak_Synchronize()
        if not self._pieces:
            raise SpeechError(f"no speech from {voice}")
        raw = np.concatenate(self._pieces)
        # It speaks pairs such as "of the" as one word: each takes its share of the time by its letters.
        positions = [match.start() for match in re.finditer(r"\S+", text)]
        known = sorted(self._words.items())
        ends = [(len(text), len(raw) / self._rate)]
        places, seconds = zip(*(known + ends), strict=True)
        words = np.interp(positions, places, seconds)
        return _utterance(text, voice, raw, rate=self._rate, phones=self._phones, words=words.tolist())


def espeak_variants() -> list[str]:
    """The variants to train with: those installed, less the unusable and the held-out ones."""
    listing = subprocess.run(
        ["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True
    ).stdout
    names = sorted(set(re.findall(r"!v/(\S+)", listing)))
    return [
        name
        for name in names
        if not name.startswith(ESPEAK_UNUSED_VARIANTS) and name not in ESPEAK_HELD_OUT_VARIANTS
    ]


def flite_speak(text: str, voice: Voice) -> Utterance:
    """The text by flite, about 35 ms an utterance.  Raises SpeechError when flite refuses."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["flite", "-voice", voice.name, "--setf", f"duration_stretch={voice.rate:.2f}"]
        command += ["--setf", f"int_f0_target_mean={voice.pitch}", "-psdur", "-t", text, "-o", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SpeechError(f"flite: {done.stderr.strip()}")
        samples, rate = read_wave(Path(file.name))
    phones: list[tuple[float, str]] = []
    start = 0.0
    for name, end in re.findall(r"(\S+):([\d.]+)", done.stdout):
        phones.append(
            (start, "_" if name == "pau" else name + "~")
        )  # "~": flite's phones are not espeak-ng's
        start = float(end)
    spoken = [seconds for seconds, name in phones if name != "_"] + [start]
    counts = np.array([_flite_phone_count(word.strip(".,?")) for word in text.split()])
    shares = (np.cumsum(counts) - counts) * (len(spoken) - 1) / max(1, counts.sum())
    words = np.interp(shares, np.arange(len(spoken)), spoken)
    return _utterance(text, voice, samples, rate=rate, phones=phones, words=words.tolist())


@functools.cache
def _flite_phone_count(word: str) -> int:
    """How many phones flite gives the word: it tells no word's time, but its phones' times give it."""
    done = subprocess.run(
        ["flite", "-psdur", "-t", word, "-o", "none"], capture_output=True, text=True, check=True
    )
    return len(re.findall(r"(?!pau)\b[a-z]+:[\d.]+", done.stdout))


def festival_speak(text: str, voice: Voice) -> Utterance:
    """The text by festival, without times of phones and words.  Raises SpeechError when it refuses."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["text2wave", "-eval", f"(voice_{voice.name})", "-o", file.name]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SpeechError(f"festival: {done.stderr.strip()}")
        samples, rate = read_wave(Path(file.name))
    return _utterance(text, voice, samples, rate=rate, phones=[], words=[])


def random_espeak_voice(rng: random.Random, variants: list[str] | tuple[str, ...]) -> Voice:
    """An accent, one of these variants, and a rate, pitch and range that occur in training."""
    name = f"{rng.choice(ESPEAK_ACCENTS)}+{rng.choice(variants)}"
    return Voice("espeak-ng", name, rng.randint(115, 205), rng.randint(15, 85), rng.choice((30, 50, 50, 70)))


def random_flite_voice(rng: random.Random) -> Voice:
    """One of flite's voices, the telephone-like ``kal`` half as often, at a varied rate and pitch."""
    name = rng.choice(("kal", *2 * list(FLITE_VOICES)[1:]))
    return Voice(
        "flite", name, round(rng.uniform(0.8, 1.25), 2), int(FLITE_VOICES[name] * rng.uniform(0.85, 1.2))
    )


def read_wave(path: Path) -> tuple[NDArray[np.int16], int]:
    """The samples and the rate of a 16-bit mono WAV file."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16), file.getframerate()


def resample(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The samples at 16 kHz, by cutting or extending the spectrum."""
    if rate == SAMPLE_RATE:
        return samples
    block = rate // 5  # a multiple of this keeps the transform quick and the new length whole
    padded = np.pad(samples, (0, -len(samples) % block))
    length = len(padded) // block * (SAMPLE_RATE // 5)
    spectrum = np.fft.rfft(padded)
    kept = np.zeros(length // 2 + 1, spectrum.dtype)
    count = min(len(kept), len(spectrum))
    kept[:count] = spectrum[:count]
    return (np.fft.irfft(kept, length) * (length / len(padded))).astype(np.float32)


def _utterance(
    text: str,
    voice: Voice,
    raw: NDArray[np.int16],
    *,
    rate: int,
    phones: list[tuple[float, str]],
    words: list[float],
) -> Utterance:
    samples = resample(raw.astype(np.float32), rate)
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 50:
        raise SpeechError(f"no speech from {voice}")
    samples = samples * (PEAK / peak)
    whole = len(samples) // TRIM_FRAME * TRIM_FRAME
    loud = np.flatnonzero(np.abs(samples[:whole]).reshape(-1, TRIM_FRAME).max(axis=1) > TRIM_THRESHOLD)
    if len(loud) == 0:
        raise SpeechError(f"no speech from {voice}")
    first = max(0, int(loud[0]) - 1) * TRIM_FRAME
    last = (int(loud[-1]) + 2) * TRIM_FRAME

    def place(seconds: float) -> int:
        return max(0, round(seconds * SAMPLE_RATE) - first)

    placed = tuple((place(seconds), name) for seconds, name in phones)
    return Utterance(text, voice, samples[first:last].astype(np.int16), placed, tuple(map(place, words)))
