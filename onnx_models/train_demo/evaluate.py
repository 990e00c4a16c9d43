"""Measures a trained model on held-out recordings: ``python -m train_demo.evaluate --work FOLDER``.

The figures are word error by kind of sentence, long recordings with pauses, times, and what comes out of
sounds that are not speech, all through ``transcribe`` with its default options.  They go to
``figures.json`` in the work folder.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import json
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .grammar import Kind, words_of
from .held_out import HeldOut, Pauses, Recording
from .speech import ESPEAK_HELD_OUT_VARIANTS, SAMPLE_RATE, EspeakNg

Samples = NDArray[np.float32]
NEAR_S = 0.3
"""A time counts as right within this."""
KINDS: tuple[Kind, ...] = ("sentence", "digits", "list")


@dataclass(frozen=True)
class Segment:
    """A segment as transcribed; times in seconds."""

    text: str
    start: float
    end: float


class Transcriber(Protocol):
    """Turns samples at 16 kHz into segments, with ``transcribe``'s default options but for those given."""

    def __call__(self, audio: Samples, **options: Any) -> list[Segment]: ...


def openai_whisper(checkpoint: Path) -> Transcriber:
    """A checkpoint through openai-whisper."""
    import whisper  # noqa: PLC0415 - only one of the two engines need be there

    model = whisper.load_model(str(checkpoint), device="cpu").float()

    def transcribe(audio: Samples, **options: Any) -> list[Segment]:
        result = whisper.transcribe(model, audio, **({"language": "en", "fp16": False} | options))
        return [Segment(s["text"].strip(), s["start"], s["end"]) for s in result["segments"]]

    return transcribe


def onnx_bundle(folder: Path) -> Transcriber:
    """An exported bundle through this project's own engine."""
    from whisper_onnx import WhisperModel  # noqa: PLC0415 - as above

    model = WhisperModel(folder)

    def transcribe(audio: Samples, **options: Any) -> list[Segment]:
        result = model.transcribe(audio, **({"language": "en"} | options))
        return [Segment(s.text.strip(), s.start, s.end) for s in result.segments]

    return transcribe


@dataclass
class Errors:
    """Word errors of some recordings, and the errors of the times of sentences transcribed word for word."""

    recordings: int = 0
    words: int = 0
    edits: int = 0
    exact: int = 0
    sentences: int = 0
    start_errors: list[float] = field(default_factory=list)
    end_errors: list[float] = field(default_factory=list)

    def add(self, recording: Recording, segments: Sequence[Segment]) -> int:
        """Counts one recording; returns its edits."""
        heard = words_of(" ".join(segment.text for segment in segments))
        said = words_of(recording.text)
        edits = edit_distance(said, heard)
        self.recordings += 1
        self.words += len(said)
        self.edits += edits
        self.exact += recording.text == " ".join(segment.text for segment in segments if segment.text)
        self.sentences += len(recording.sentences)
        spoken = [" ".join(words_of(sentence.text)) for sentence in recording.sentences]
        texts = [" ".join(words_of(segment.text)) for segment in segments]
        for block in difflib.SequenceMatcher(None, spoken, texts, autojunk=False).get_matching_blocks():
            for offset in range(block.size):
                sentence, segment = recording.sentences[block.a + offset], segments[block.b + offset]
                self.start_errors.append(abs(sentence.start - segment.start))
                self.end_errors.append(abs(sentence.end - segment.end))
        return edits

    def figures(self) -> dict[str, float]:
        """The figures, with word error in percent and times in seconds."""
        figures: dict[str, float] = {
            "recordings": self.recordings,
            "words": self.words,
            "word_error_percent": round(100 * self.edits / max(1, self.words), 2),
            "exact_with_marks": self.exact,
            "sentences": self.sentences,
            "sentences_timed": len(self.start_errors),
        }
        for name, errors in (("start", self.start_errors), ("end", self.end_errors)):
            if errors:
                figures[f"{name}_median_s"] = round(statistics.median(errors), 3)
                figures[f"{name}_worst_s"] = round(max(errors), 3)
                figures[f"{name}_within_0.3_s_percent"] = round(
                    100 * float(np.mean(np.array(errors) <= NEAR_S)), 1
                )
        return figures


def edit_distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest words to insert, delete or replace."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        above, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1]


def measure(
    transcribe: Transcriber, recordings: Iterable[Recording], show: str = "", **options: Any
) -> dict[str, float]:
    """The figures of some recordings; with ``show``, prints those with errors under that name."""
    errors = Errors()
    started = time.monotonic()
    seconds = 0.0
    for recording in recordings:
        segments = transcribe(recording.audio(), **options)
        seconds += len(recording.samples) / SAMPLE_RATE
        if errors.add(recording, segments) and show:
            print(f"{show} REF {recording.text}\n{' ' * len(show)} HYP {' '.join(s.text for s in segments)}")
    figures = errors.figures()
    figures["times_real_time"] = round(seconds / (time.monotonic() - started), 1)
    if show:
        print(show, figures, flush=True)
    return figures


def noisy(recording: Recording, ratio_db: float, seed: int) -> Recording:
    """The recording with white noise this far below the speech."""
    noise = np.random.default_rng(seed).standard_normal(len(recording.samples))
    speech = recording.samples[recording.samples != 0].astype(np.float64)
    level = np.sqrt((speech**2).mean() / 10 ** (ratio_db / 10))
    samples = np.clip(recording.samples + noise * level, -32768, 32767).astype(np.int16)
    return Recording(samples, recording.sentences)


def sounds_without_speech() -> dict[str, Samples]:
    """Sounds that should give no text, by name."""
    rng = np.random.default_rng(0)

    def sines(seconds: float, level: float, *frequencies: float) -> Samples:
        angles = 2 * np.pi * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        return np.asarray(sum(level * np.sin(angles * frequency) for frequency in frequencies), np.float32)

    sounds = {f"silence {s} s": np.zeros(s * SAMPLE_RATE, np.float32) for s in (1, 5, 30, 75)}
    for s, level in ((5, 0.01), (30, 0.003), (45, 0.03), (5, 0.2), (10, 3e-5)):
        sounds[f"white noise {s} s level {level}"] = level * rng.standard_normal(s * SAMPLE_RATE).astype(
            np.float32
        )
    for base in (50, 60, 100):
        for level in (0.01, 0.1):
            sounds[f"hum {base} Hz level {level}"] = sines(5, level, base)
            sounds[f"hum {base} Hz with harmonics level {level}"] = sum(
                (sines(12, level / n, base * n) for n in range(1, 8)), np.zeros(12 * SAMPLE_RATE, np.float32)
            )
    for frequency in (220, 440, 1000, 3000):
        for s, level in ((5, 0.2), (40, 0.02)):
            sounds[f"tone {frequency} Hz {s} s level {level}"] = sines(s, level, frequency)
    sounds["hum 50 Hz under noise"] = sines(20, 0.05, 50, 150, 250) + np.float32(0.01) * np.asarray(
        rng.standard_normal(20 * SAMPLE_RATE), np.float32
    )
    sounds["beeps 1000 Hz"] = sines(10, 0.2, 1000) * (np.arange(10 * SAMPLE_RATE) % SAMPLE_RATE < 4000)
    for level in (0.01, 0.15, 0.4):
        keypad = [np.zeros(0, np.float32)]
        for low, high in ((697, 1209), (770, 1336), (852, 1477), (941, 1336), (697, 1477), (770, 1209)):
            keypad += [sines(0.12, level, low, high), np.zeros(1600, np.float32)]
        sounds[f"keypad tones level {level}"] = np.concatenate(keypad)
    sounds["dial tone 350 and 440 Hz"] = sines(8, 0.1, 350, 440)
    clicks = np.zeros(10 * SAMPLE_RATE, np.float32)
    clicks[:: SAMPLE_RATE // 3] = 0.5
    sounds["clicks"] = clicks
    return sounds


def measure_no_speech(transcribe: Transcriber) -> dict[str, str]:
    """What is transcribed of every sound without speech; all of it should be empty."""
    heard = {}
    for name, audio in sounds_without_speech().items():
        heard[name] = " ".join(segment.text for segment in transcribe(audio)).strip()
        print(f"no speech: {name}: {heard[name]!r}", flush=True)
    return heard


def evaluate(transcribe: Transcriber, clips: int, passages: int, seed: int, show: bool) -> dict[str, Any]:
    """Every figure, on this many clips a kind and this many recordings of 90 s a style."""
    espeak = EspeakNg()

    def drawn(offset: int, count: int, draw: Callable[[HeldOut], Recording]) -> list[Recording]:
        held_out = HeldOut(seed + offset, espeak)
        return [draw(held_out) for _ in range(count)]

    def shown(name: str) -> str:
        return name if show else ""

    def clip(kind: Kind) -> Callable[[HeldOut], Recording]:
        return lambda held_out: held_out.clip(kind)

    figures: dict[str, Any] = {"seed": seed, "held_out_voices": list(ESPEAK_HELD_OUT_VARIANTS)}
    by_kind = {kind: drawn(index, clips, clip(kind)) for index, kind in enumerate(KINDS)}
    ordinary = [
        recording for pair in zip(by_kind["sentence"], by_kind["digits"], strict=True) for recording in pair
    ]
    figures["clips"] = {kind: measure(transcribe, by_kind[kind], shown(kind)) for kind in KINDS}
    for ratio_db in (15, 5):
        noised = [noisy(recording, ratio_db, index) for index, recording in enumerate(ordinary[: clips // 2])]
        figures["clips"][f"white noise {ratio_db} dB"] = measure(transcribe, noised)
    flite = drawn(3, clips // 4, lambda held_out: held_out.known_voice_clip("sentence"))
    figures["clips"]["flite, voices of training"] = measure(transcribe, flite, shown("flite"))
    if shutil.which("text2wave"):
        unseen = drawn(4, clips // 4, lambda held_out: held_out.unseen_engine_clip("sentence"))
        figures["clips"]["festival, an unseen engine"] = measure(transcribe, unseen, shown("festival"))
    styles = {
        "pauses up to 20 s": Pauses(),
        "pauses up to 3 s": Pauses(longest_s=3.0),
        "hardly any pause": Pauses(least_s=0.1, usual_s=0.5, longest_s=0.5),
    }
    figures["passages of 90 s"] = {}
    for index, (name, pauses) in enumerate(styles.items()):
        recordings = drawn(
            10 + index, passages, functools.partial(HeldOut.passage, seconds=90, pauses=pauses)
        )
        figures["passages of 90 s"][name] = measure(transcribe, recordings, shown(name))
        if index == 0:
            unconditioned = measure(transcribe, recordings, condition_on_previous_text=False)
            figures["passages of 90 s"][f"{name}, no previous text"] = unconditioned
    figures["no speech"] = measure_no_speech(transcribe)
    figures["no speech, sounds with text"] = sum(bool(text) for text in figures["no speech"].values())
    return figures


def main() -> None:
    """Reads the command line, measures, writes and prints the figures."""
    parser = argparse.ArgumentParser(description="Measures the demonstration model on held-out recordings.")
    parser.add_argument(
        "--work", type=Path, required=True, help="folder with demo.pt; figures.json goes there"
    )
    parser.add_argument(
        "--bundle", type=Path, help="measure this exported bundle through whisper_onnx instead"
    )
    parser.add_argument("--clips", type=int, default=200, help="clips of each kind")
    parser.add_argument("--passages", type=int, default=6, help="recordings of 90 s of each style")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", action="store_true", help="print every recording with errors")
    arguments = parser.parse_args()
    transcribe = (
        onnx_bundle(arguments.bundle) if arguments.bundle else openai_whisper(arguments.work / "demo.pt")
    )
    figures = evaluate(transcribe, arguments.clips, arguments.passages, arguments.seed, arguments.show)
    figures["engine"] = "whisper_onnx" if arguments.bundle else "openai-whisper"
    text = json.dumps(figures, indent=2)
    (arguments.work / "figures.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
