"""The engines take turns at a cell, each in a process of its own that stays warm between its turns.

A process of its own: no thread pool spins while another engine is measured, and the peak memory is the
engine's alone. Turns: a noisy minute hits them all, and what counts is the ratio within a turn. The order
moves on by one each turn, so that nobody always comes after the same neighbour.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .cells import Cell
from .peers import PEERS
from .shapes import dims_of
from .sound import recording
from .weights import DEMO, Source, model

_ROOT: Final = Path(__file__).parents[3]
_DEMO_MELS: Final = 80


@dataclass
class Measured:
    """A cell's answers: of each engine, one a turn; and why an engine took no part."""

    cell: Cell
    turns: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    parts: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**self.cell.identity, "turns": self.turns, "skipped": self.skipped, "parts": self.parts}


class Child:
    """An engine in a process."""

    def __init__(self, peer: str, model_path: Path, cell: Cell) -> None:
        command = [
            *(sys.executable, "-m", "bench.engine.child", peer, "--serve"),
            *(
                "--model",
                str(model_path.resolve()),
                "--threads",
                str(cell.threads),
                "--batch",
                str(cell.batch),
            ),
        ]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(cell.threads),
            "PYTHONPATH": f"{_ROOT / 'tests'}:{os.environ.get('PYTHONPATH') or _ROOT / 'onnx_models'}",
            "HF_HUB_OFFLINE": "1",
        }
        # A file: a pipe that nobody reads would stop a talkative engine.
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed in close()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=environment,
            cwd=_ROOT,
        )
        try:
            self.loaded = self._answer()
        except BaseException:
            self.close()
            raise

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process and waits for it."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._said.seek(0)
            said = self._said.read().strip().splitlines()
            raise ChildFailed(said[-1] if said else f"ended with {code}")
        reply: dict[str, Any] = json.loads(line)
        if reason := reply.get("cannot") or reply.get("failed"):
            raise ChildFailed(reason)
        return reply


class ChildFailed(Exception):
    """An engine cannot do what it was asked; says why in one line."""


def question(cell: Cell, cache: Path) -> dict[str, Any]:
    """What a child is asked in each turn of this cell."""
    if cell.measure in ("file", "latency"):
        path = recording(cache, cell.seconds).resolve()
        return {"measure": "file", "file": str(path), "mode": cell.mode, "tokens": cell.tokens}
    mels = _DEMO_MELS if cell.shape == DEMO else dims_of(cell.shape).n_mels
    return {"measure": cell.measure, "batch": cell.batch, "tokens": cell.tokens, "n_mels": mels}


def measure(cell: Cell, cache: Path, say: Callable[[str], None]) -> Measured:
    """Takes the turns of a cell."""
    result = Measured(cell)
    models = {}
    for name in cell.peers:
        try:
            models[name] = _model(name, cell, cache)
        except ChildFailed as failure:
            result.skipped[name] = str(failure)
    if cell.measure == "load":
        _cold_turns(result, models)
    else:
        _warm_turns(result, models, question(cell, cache))
    for name, reason in result.skipped.items():
        say(f"  without {name}: {reason}")
    return result


def _model(name: str, cell: Cell, cache: Path) -> Path:
    peer = PEERS[name]
    if reason := peer.missing():
        raise ChildFailed(reason)
    try:
        return model(Source(cell.shape, cache), peer.format)
    except Exception as error:  # a target that this checkout does not build yet, a converter that changed
        raise ChildFailed(f"its model cannot be made: {error}") from error


def _cold_turns(result: Measured, models: Mapping[str, Path]) -> None:
    """Each turn starts a fresh process: the files are in the page cache, nothing else is warm."""

    def load(name: str, _: int) -> dict[str, Any]:
        child = Child(name, models[name], result.cell)
        child.close()
        return {"seconds": child.loaded["load_s"], **child.loaded}

    _take_turns(result, list(models), load)


def _warm_turns(result: Measured, models: Mapping[str, Path], asked: dict[str, Any]) -> None:
    children: dict[str, Child] = {}
    try:
        for name, path in models.items():  # one after the other, so that loading disturbs nobody
            try:
                children[name] = Child(name, path, result.cell)
                children[name].ask(asked)
            except ChildFailed as failure:
                result.skipped[name] = str(failure)
                if name in children:
                    children.pop(name).close()
        again = asked | {"encode": False}
        _take_turns(result, list(children), lambda name, _: children[name].ask(again))
        if result.cell.parts:
            for name in result.turns:
                result.parts[name] = children[name].ask(asked | {"measure": "parts"}).get("parts", {})
    finally:
        for child in children.values():
            child.close()


def _take_turns(result: Measured, names: list[str], run: Callable[[str, int], dict[str, Any]]) -> None:
    cell, start = result.cell, time.monotonic()
    for turn in range(cell.turns):
        if turn >= cell.fewest and time.monotonic() - start > cell.budget_s:
            return
        first = turn % max(1, len(names))
        for name in names[first:] + names[:first]:
            if name in result.skipped:
                continue
            try:
                result.turns.setdefault(name, []).append(run(name, turn))
            except ChildFailed as failure:
                result.skipped[name] = str(failure)
                result.turns.pop(name, None)
