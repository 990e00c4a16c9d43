"""`python -m bench.engine`, which `make bench-engine BENCH_ARGS="..."` calls.

--quick                 all that was promised, at most 8 minutes on two cores; without it about 30
--prepare               only make the models and recordings (minutes, once), so that a quiet hour is not
                        spent on it
--only whole,step       these measures: whole, encoder, step, file, latency, load
--shapes tiny,demo      these models
--turns 3               so many turns everywhere
--threads 1,2           counts to sweep; the last is the usual one (default: 1, 2 and all cores)
--save                  write tests/bench/results/engine-DEVICE.json and .md, and the table of the README
    --note TEXT             a sentence above the tables, such as what else the machine was doing
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from . import card
from .cells import MEASURES, Cell, plan
from .peers import PEERS, Device
from .promises import name_of
from .report import markdown, put_into
from .shapes import SHAPES
from .sound import recording
from .turns import measure
from .weights import DEMO, Source, model

_ROOT: Final = Path(__file__).parents[3]
_CACHE: Final = _ROOT / ".cache" / "bench-engine"
_RESULTS: Final = _ROOT / "tests" / "bench" / "results"
_README: Final = _ROOT / "onnx_models" / "whisper_onnx" / "README.md"
_PACKAGES: Final = (
    *("onnxruntime", "onnxruntime-gpu", "numpy", "faster-whisper", "ctranslate2"),
    *("openai-whisper", "torch", "transformers", "pywhispercpp"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="bench.engine", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--only", type=_names(MEASURES), default=())
    parser.add_argument("--shapes", type=_names((*SHAPES, DEMO)), default=())
    parser.add_argument("--turns", type=int)
    parser.add_argument("--threads", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--note", default="")
    args = parser.parse_args(arguments)
    device = _device()
    cells = plan(
        device,
        quick=args.quick,
        threads=args.threads or sorted({1, 2, os.cpu_count() or 1} - ({2} if os.cpu_count() == 1 else set())),
        measures=args.only,
        shapes=args.shapes,
        turns=args.turns,
    )
    _prepare(cells)
    if not args.prepare:
        results = _run(cells, device, sys.argv[1:] if arguments is None else arguments) | {"note": args.note}
        body = markdown(results)
        print(body)
        if args.save:
            _save(results, body, device)


def _names(known: Sequence[str]) -> Any:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return names

    return parse


def _device() -> Device:
    """CUDA where the installed onnxruntime offers it, for that is where our engine then runs."""
    import onnxruntime

    return "cuda" if "CUDAExecutionProvider" in onnxruntime.get_available_providers() else "cpu"


def _prepare(cells: list[Cell]) -> None:
    """Makes what is missing, so that no engine waits for it in its turn."""
    for shape in dict.fromkeys(cell.shape for cell in cells):
        source = Source(shape, _CACHE)
        for name in dict.fromkeys(name for cell in cells if cell.shape == shape for name in cell.peers):
            if PEERS[name].missing() is None:
                try:
                    model(source, PEERS[name].format)
                except Exception as error:
                    _say(f"{shape} for {name} cannot be made: {type(error).__name__}: {error}")
    for seconds in {cell.seconds for cell in cells if cell.seconds}:
        recording(_CACHE, seconds)


def _run(cells: list[Cell], device: Device, arguments: Sequence[str]) -> dict[str, Any]:
    start, load_before, commit = time.monotonic(), os.getloadavg()[0], _commit()
    limit = card.limits() if device == "cuda" else None
    measured = []
    for cell in cells:
        began = time.monotonic()
        _say(f"{cell.measure} {name_of(cell.identity)}, {cell.threads} threads")
        measured.append(measure(cell, _CACHE, _say).to_json())
        turns = max((len(turns) for turns in measured[-1]["turns"].values()), default=0)
        _say(f"  {turns} turns, {time.monotonic() - began:.0f} s")
    command = (
        f"make bench-engine BENCH_ARGS={shlex.quote(shlex.join(arguments))}"
        if arguments
        else "make bench-engine"
    )
    results: dict[str, Any] = {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit,
        "machine": _machine(),
        "device": device,
        "threads": max(cell.threads for cell in cells),
        "versions": _versions(),
        "load_before": load_before,
        "load_after": os.getloadavg()[0],
        "minutes": (time.monotonic() - start) / 60,
        "cells": measured,
    }
    if limit is not None:
        results["card"] = limit | {"shares": card.shares(measured, limit)}
    return results


def _save(results: dict[str, Any], body: str, device: Device) -> None:
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"engine-{device}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    path.with_suffix(".md").write_text(f"# Engine on {'the CPU' if device == 'cpu' else 'CUDA'}\n\n{body}")
    if device == "cpu":
        put_into(_README, body)
    _say(f"written: {path}, {path.with_suffix('.md').name}, and the README's table")


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    vnni = "AVX512-VNNI" if any("avx512_vnni" in line for line in lines) else "without AVX512-VNNI"
    return f"{os.cpu_count()} cores of {name or platform.machine()}, {vnni}"


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    git = ["git", "-C", str(_ROOT)]
    answer = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--", "onnx_models/whisper_onnx/*.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    return (answer.stdout.strip() or "unknown") + (" with changes" if changed.stdout.strip() else "")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
