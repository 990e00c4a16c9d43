"""What issue and README promise of the engine's speed, held against the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .figures import ratio, spread

_WHOLE: Final = {"tiny": 0.5, "base": 0.55, "small": 0.6}  # of CTranslate2 int8's time
_BATCHED: Final = 0.5  # of BatchedInferencePipeline's time
_CUDA: Final = 0.5  # of its time on the same card: twice as fast
_LOAD_S: Final = 1.0
_PAIRS: Final = (("ours int8", "CTranslate2 int8"), ("ours cuda fp16", "CTranslate2 cuda fp16"))

Cells = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Promise:
    """A promised number: at most `limit`. `measured` is None when this run did not measure it."""

    what: str
    limit: float
    measured: float | None
    unit: str = ""

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return "reached" if self.measured <= self.limit else "missed"


def promises(cells: Cells, threads: int) -> list[Promise]:
    """Every promised number, in the issue's order. `threads`: the usual count."""
    return [*_speed(cells, threads), *_memory(cells), *_load(cells), *_cuda(cells)]


def _speed(cells: Cells, threads: int) -> Iterator[Promise]:
    for shape, limit in _WHOLE.items():
        found = _time_ratio(_cells(cells, "whole", shape=shape, threads=threads))
        yield Promise(f"whole run, {shape}: of CTranslate2 int8's time", limit, found)
    for shape in ("base", "demo"):
        found = _time_ratio(_cells(cells, "file", shape=shape, mode="batched", batch=8, threads=threads))
        what = f"ten minutes, batched 8, {shape}: of BatchedInferencePipeline's time (both int8)"
        yield Promise(what, _BATCHED, found)


def _memory(cells: Cells) -> Iterator[Promise]:
    """Where int8 ran against int8: each process's own peak."""
    for cell in cells:
        peaks = [_peak(cell, name) for name in _PAIRS[0]]
        if cell["measure"] not in ("whole", "file") or None in peaks:
            continue
        ours, theirs = peaks
        assert ours is not None
        assert theirs is not None
        yield Promise(f"peak memory, {name_of(cell)}: of faster-whisper's (int8)", 1.0, ours / theirs)


def _load(cells: Cells) -> Iterator[Promise]:
    for name in ("ours int8", "ours fp32"):
        turns = [t for cell in _cells(cells, "load", shape="base") for t in cell["turns"].get(name, [])]
        measured = spread([turn["load_s"] for turn in turns]).median if turns else None
        yield Promise(f"load of base, {name}", _LOAD_S, measured, " s")


def _cuda(cells: Cells) -> Iterator[Promise]:
    for cell in _cells(cells, "file", shape="large-v3-turbo", mode="batched"):
        what = f"large-v3-turbo, batched {cell['batch']}, CUDA fp16: of faster-whisper's time"
        yield Promise(what, _CUDA, _time_ratio([cell]))


def _cells(cells: Cells, measure: str, **wanted: Any) -> list[Mapping[str, Any]]:
    keys = {"measure": measure, **wanted}
    return [cell for cell in cells if all(cell[key] == value for key, value in keys.items())]


def _time_ratio(cells: Cells) -> float | None:
    """Ours over theirs, the median over the turns of the shortest of these cells."""
    for cell in sorted(cells, key=lambda cell: int(cell["seconds"])):
        for ours, theirs in _PAIRS:
            if ours in cell["turns"] and theirs in cell["turns"]:
                mine, their = ([turn["seconds"] for turn in cell["turns"][name]] for name in (ours, theirs))
                return ratio(their, mine).median
    return None


def _peak(cell: Mapping[str, Any], name: str) -> float | None:
    peaks = [turn["peak_mib"] for turn in cell["turns"].get(name, []) if "peak_mib" in turn]
    return max(peaks) if peaks else None


def name_of(cell: Mapping[str, Any]) -> str:
    """A cell in words, without its measure, shape first."""
    if cell["measure"] in ("file", "latency"):
        length = {5: "5 s", 600: "10 min", 3600: "1 h"}.get(cell["seconds"], f"{cell['seconds']} s")
        mode = f"batched {cell['batch']}" if cell["mode"] == "batched" else str(cell["mode"])
        return f"{cell['shape']} {length} {mode}"
    batch = f" batch {cell['batch']}" if cell["measure"] != "load" and cell["batch"] > 1 else ""
    return f"{cell['shape']}{batch}"
