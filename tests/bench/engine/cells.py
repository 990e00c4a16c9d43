"""What is measured: each cell is one thing that several engines do, taking turns.

A cell has a number of turns to reach and seconds to spend: it ends with either, but not before it has the
fewest turns a median needs. So a run takes about as long as planned, on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from .peers import Device, Mode
from .weights import DEMO

Measure = Literal["encoder", "step", "whole", "file", "latency", "load"]
MEASURES: Final[tuple[Measure, ...]] = ("whole", "encoder", "step", "file", "latency", "load")

TEN_MINUTES, HOUR, CLIP = 600, 3600, 5
RUN_TOKENS: Final = 100  # of a whole run
WINDOW_TOKENS: Final = 60  # of each window of a recording, for models that babble: a window of slow speech
CLIP_TOKENS: Final = 20
_FEWEST_TURNS: Final = 3


@dataclass(frozen=True)
class Cell:
    """One thing to measure.

    shape: of the model; threads: of the CPU; batch: windows together (a recording's batch_size and slots)
    seconds: of the recording; tokens: to make, for each window (None: the model ends by itself)
    peers: names of engines; turns, budget_s: when to stop; fewest: turns that it has at any rate
    parts: one turn more, to tell where the time goes
    """

    measure: Measure
    shape: str
    threads: int
    peers: tuple[str, ...]
    turns: int
    budget_s: float
    batch: int = 1
    seconds: int = 0
    mode: Mode = "sequential"
    tokens: int | None = None
    fewest: int = _FEWEST_TURNS
    parts: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What tells this cell from others, for the results file."""
        left_out = {"peers", "turns", "budget_s", "fewest", "parts"}
        return {key: value for key, value in asdict(self).items() if key not in left_out}


_OURS = ("ours int8", "ours fp32")
_CT2 = ("CTranslate2 int8", "CTranslate2 fp32")
_INT8 = ("ours int8", "CTranslate2 int8")
_MAIN = (*_OURS, *_CT2)
_REFERENCE = ("openai-whisper fp32",)
_SDPA = ("transformers fp32 sdpa",)
_CPP = ("whisper.cpp f16", "whisper.cpp q8_0")
_EVERY = (*_MAIN, *_REFERENCE, *_SDPA, "transformers fp32 eager", *_CPP)


def quick_plan(threads: int) -> Iterator[Cell]:
    """All that was promised, in at most eight minutes on two cores."""
    yield from _quick_whole(threads)
    yield Cell("file", "base", threads, _INT8, 4, 55, 8, TEN_MINUTES, "batched", WINDOW_TOKENS, fewest=2)
    yield Cell("file", DEMO, threads, _MAIN, 5, 30, 8, TEN_MINUTES, "batched", fewest=2)
    yield Cell("file", DEMO, threads, _MAIN, 5, 30, 1, TEN_MINUTES, "sequential", fewest=2)
    yield Cell("load", "base", threads, _MAIN, 5, 30)
    yield Cell("latency", "base", threads, _MAIN, 9, 15, 1, CLIP, tokens=CLIP_TOKENS)
    for shape, batch in (("tiny", 1), ("tiny", 8), ("base", 1), ("base", 8)):
        yield Cell("step", shape, threads, _MAIN, 9, 8, batch)


def _quick_whole(threads: int) -> Iterator[Cell]:
    for shape, budget in (("tiny", 20), ("base", 35), ("small", 60)):
        yield Cell("whole", shape, threads, _MAIN, 15, budget, tokens=RUN_TOKENS)


def full_plan(threads: Sequence[int]) -> Iterator[Cell]:
    """Everything on the CPU, in half an hour on two cores. `threads`: counts to sweep, the usual last."""
    most = threads[-1]
    for count in threads:
        share = 1.0 if count == most else 0.6
        yield Cell("whole", "tiny", count, _EVERY, 15, 60 * share, tokens=RUN_TOKENS)
        yield Cell("whole", "base", count, _EVERY, 15, 90 * share, tokens=RUN_TOKENS)
        some = _EVERY if count == most else _MAIN
        yield Cell("whole", "small", count, some, 15, 130 * share, tokens=RUN_TOKENS)
    for shape, budget in (("tiny", 25), ("base", 40), ("small", 60)):
        yield Cell("encoder", shape, most, _EVERY, 9, budget)
    for shape, budget in (("tiny", 8), ("base", 15), ("small", 25)):
        yield Cell("step", shape, most, _EVERY, 9, budget)
        for batch in (4, 8, 16) if shape != "small" else (8,):
            yield Cell("step", shape, most, (*_MAIN, *_REFERENCE), 9, budget, batch)
    for count in threads[:-1]:
        yield Cell("step", "base", count, _MAIN, 9, 12)
        yield Cell("step", "base", count, _MAIN, 9, 15, 8)
    heard = (*_MAIN, *_REFERENCE, _CPP[0])
    yield Cell("file", DEMO, most, heard, 7, 75, 1, TEN_MINUTES, "sequential", parts=True)
    yield Cell("file", DEMO, most, _MAIN, 7, 60, 8, TEN_MINUTES, "batched", parts=True)
    yield Cell(
        "file", "base", most, _MAIN, 5, 90, 1, TEN_MINUTES, "sequential", WINDOW_TOKENS, fewest=2, parts=True
    )
    yield Cell(
        "file", "base", most, _MAIN, 5, 90, 8, TEN_MINUTES, "batched", WINDOW_TOKENS, fewest=2, parts=True
    )
    yield Cell("file", DEMO, most, _MAIN, 3, 90, 1, HOUR, "sequential", fewest=1)
    yield Cell("file", DEMO, most, _MAIN, 3, 90, 8, HOUR, "batched", fewest=1)
    yield Cell("file", "base", most, _INT8, 1, 1, 8, HOUR, "batched", WINDOW_TOKENS, fewest=1)
    for shape in ("tiny", "base", "small"):
        yield Cell("load", shape, most, (*_MAIN, *_REFERENCE), 5, 30)
        yield Cell("latency", shape, most, _MAIN, 9, 15, 1, CLIP, tokens=CLIP_TOKENS)


def cuda_plan(shapes: Sequence[str]) -> Iterator[Cell]:
    """On an NVIDIA card. Not run yet: no machine with one was at hand."""
    ours, ct2 = "ours cuda fp16", "CTranslate2 cuda fp16"
    every = (ours, ct2, "openai-whisper cuda fp16", "transformers cuda fp16 sdpa")
    for shape in shapes:
        for batch in (1, 8, 32):
            yield Cell("encoder", shape, 1, every, 9, 30, batch)
        for batch in (1, 8, 16, 32, 64):
            yield Cell("step", shape, 1, every, 9, 30, batch)
        for batch in (1, 32, 64):
            yield Cell("whole", shape, 1, (ours, ct2), 9, 60, batch, tokens=RUN_TOKENS)
        for batch in (32, 64):
            yield Cell("file", shape, 1, (ours, ct2), 5, 90, batch, HOUR, "batched", WINDOW_TOKENS)
        yield Cell("latency", shape, 1, (ours, ct2), 15, 20, 1, CLIP, tokens=CLIP_TOKENS)
        yield Cell("load", shape, 1, (ours, ct2), 3, 60)


def plan(
    device: Device,
    *,
    quick: bool,
    threads: Sequence[int],
    measures: Sequence[str] = (),
    shapes: Sequence[str] = (),
    turns: int | None = None,
) -> list[Cell]:
    """The cells to measure. `threads` ends with the usual count; `turns` replaces every cell's own."""
    if device == "cuda":
        cells = list(cuda_plan([shape for shape in shapes if shape != DEMO] or ["large-v3-turbo"]))
    else:
        cells = list(quick_plan(threads[-1]) if quick else full_plan(threads))
    cells = [
        cell
        for cell in cells
        if (not measures or cell.measure in measures) and (not shapes or cell.shape in shapes)
    ]
    if turns is not None:
        cells = [replace(cell, turns=turns, fewest=min(turns, cell.fewest)) for cell in cells]
    return cells
