"""The training corpus: utterances synthesised ahead of time, so that training never waits for a voice.

A corpus is two files in the work folder: ``NAME.pcm`` (int16 samples at 16 kHz, end to end) and
``NAME.json`` (one entry an utterance).  The same seed gives the same corpus.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .grammar import Grammar, Kind
from .speech import (
    SAMPLE_RATE,
    EspeakNg,
    SpeechError,
    Utterance,
    espeak_variants,
    flite_speak,
    random_espeak_voice,
    random_flite_voice,
)

LONGEST = 14 * SAMPLE_RATE
"""Longer utterances are dropped: they would leave too little room in a window."""

KIND_WEIGHTS: dict[Kind, float] = {"sentence": 0.62, "digits": 0.22, "list": 0.16}


@dataclass(frozen=True)
class CorpusOptions:
    """How much to synthesise, and from which seed."""

    seed: int
    espeak: int = 30_000
    flite: int = 9_000


@dataclass(frozen=True)
class Entry:
    """One utterance of a corpus; ``phones`` and ``words`` are as in Utterance."""

    text: str
    kind: Kind
    voice: str
    start: int
    length: int
    phones: list[tuple[int, str]]
    words: list[int]


class Corpus:
    """A synthesised corpus, read from the disk as needed."""

    def __init__(self, folder: Path, name: str = "corpus") -> None:
        described = json.loads((folder / f"{name}.json").read_text())
        self.entries = [Entry(*fields) for fields in described]
        self._samples = np.memmap(folder / f"{name}.pcm", np.int16, "r")

    def samples(self, entry: Entry) -> NDArray[np.float32]:
        """The utterance between -1 and 1."""
        return self._samples[entry.start : entry.start + entry.length].astype(np.float32) / 32768.0


def make_corpus(folder: Path, options: CorpusOptions, name: str = "corpus") -> None:
    """Synthesises the corpus unless it is there already."""
    description = folder / f"{name}.json"
    if description.exists():
        return
    total = options.espeak + options.flite
    jobs = [(options.seed, index, index < options.espeak) for index in range(total)]
    entries: list[tuple[object, ...]] = []
    start = 0
    with (
        (folder / f"{name}.pcm").open("wb") as file,
        multiprocessing.Pool(os.cpu_count()) as pool,
    ):
        for kind, spoken in pool.imap(_speak_one, jobs, chunksize=16):
            if spoken is None:
                continue
            file.write(spoken.samples.tobytes())
            length = len(spoken.samples)
            entries.append((spoken.text, kind, str(spoken.voice), start, length, spoken.phones, spoken.words))
            start += length
    temporary = description.with_suffix(".tmp")
    temporary.write_text(json.dumps(entries))
    temporary.replace(description)


_process_espeak = functools.cache(EspeakNg)  # one a process: the library's own state is global
_process_variants = functools.cache(espeak_variants)


def _speak_one(job: tuple[int, int, bool]) -> tuple[Kind, Utterance | None]:
    seed, index, by_espeak = job
    rng = random.Random(f"{seed}/{index}")
    kind = rng.choices(list(KIND_WEIGHTS), list(KIND_WEIGHTS.values()))[0]
    text = Grammar(rng.randrange(1 << 62)).draw(kind, held_out=False)
    try:
        if by_espeak:
            spoken = _process_espeak().speak(text, random_espeak_voice(rng, _process_variants()))
        else:
            spoken = flite_speak(text, random_flite_voice(rng))
    except SpeechError:
        return kind, None
    return kind, spoken if len(spoken.samples) <= LONGEST else None
