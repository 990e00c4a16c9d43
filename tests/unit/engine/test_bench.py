"""The benchmark's own arithmetic, its report, and one of its processes on the demo model."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.engine.card import encoder_flop, step_bytes
from bench.engine.cells import Cell, plan
from bench.engine.figures import ratio, spread
from bench.engine.ggml import q8_0
from bench.engine.parts import where_time_goes
from bench.engine.peers import PEERS, peers_on
from bench.engine.promises import promises
from bench.engine.report import BEGIN, END, markdown, put_into, shown_in
from bench.engine.shapes import SHAPES, dims_of
from bench.engine.turns import Measured, _take_turns
from whisper_onnx.checkpoint import expected_shapes

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "tests" / "bench" / "results"
README = ROOT / "onnx_models" / "whisper_onnx" / "README.md"
TIMES = st.lists(st.floats(0.001, 1000.0), min_size=1, max_size=30)


# --- statistics ---


@given(TIMES)
def test_a_spread_is_the_median_between_its_quartiles(values: list[float]) -> None:
    found = spread(values)
    assert found.median == pytest.approx(statistics.median(values))
    assert min(values) <= found.low <= found.median <= found.high <= max(values)
    if len(values) > 1:
        assert found.low == pytest.approx(np.quantile(values, 0.25))


@given(TIMES, st.floats(0.1, 10.0))
def test_noise_that_meets_both_within_a_turn_leaves_the_ratio_alone(noise: list[float], times: float) -> None:
    assert ratio(noise, [times * value for value in noise]).median == pytest.approx(times)


def test_a_ratio_above_one_says_that_ours_is_faster() -> None:
    assert ratio([1.0, 1.0], [2.0, 2.0]).median == 2.0


# --- what was promised ---


def _cell(measure: str, shape: str, times: dict[str, list[float]], /, **more: Any) -> dict[str, Any]:
    cell = Cell(measure, shape, 2, (), 1, 0.0)  # type: ignore[arg-type]
    peaks = more.pop("peaks", {})
    turns = {
        name: [{"seconds": s, "load_s": s, "tokens": 100, "peak_mib": peaks.get(name, 1.0)} for s in values]
        for name, values in times.items()
    }
    return {**cell.identity, **more, "turns": turns, "skipped": {}, "parts": {}}


def _results(*cells: dict[str, Any]) -> dict[str, Any]:
    return {
        "command": "make bench-engine",
        "date": "2026-01-01 00:00 UTC",
        "commit": "abc",
        "machine": "2 cores",
        "threads": 2,
        "versions": {"numpy": "2"},
        "load_before": 0.0,
        "load_after": 0.0,
        "minutes": 1.0,
        "cells": list(cells),
    }


@pytest.mark.parametrize(("ours", "verdict"), [(0.49, "reached"), (0.5, "reached"), (0.51, "missed")])
def test_the_whole_run_of_tiny_may_take_half_of_the_peers_time(ours: float, verdict: str) -> None:
    cell = _cell("whole", "tiny", {"ours int8": [ours] * 3, "CTranslate2 int8": [1.0] * 3})
    assert promises([cell], 2)[0].verdict == verdict


def test_a_number_that_was_not_measured_is_not_reached() -> None:
    assert {promise.verdict for promise in promises([], 2)} == {"not measured"}
    only_ours = _cell("whole", "tiny", {"ours int8": [0.1]})
    assert promises([only_ours], 2)[0].verdict == "not measured"


def test_the_sequential_mode_says_nothing_about_the_batched_promise() -> None:
    times = {"ours int8": [0.1], "CTranslate2 int8": [1.0]}
    sequential = _cell("file", "demo", times, seconds=600, mode="sequential", batch=1)
    batched = _cell("file", "demo", times, seconds=600, mode="batched", batch=8)
    verdicts = {p.what: p.verdict for p in promises([sequential], 2) if "batched 8, demo" in p.what}
    assert list(verdicts.values()) == ["not measured"]
    assert any(p.verdict == "reached" for p in promises([batched], 2) if "batched 8, demo" in p.what)


def test_peak_memory_is_held_against_the_peers_own_peak() -> None:
    times = {"ours int8": [1.0], "CTranslate2 int8": [1.0]}
    cell = _cell("whole", "base", times, peaks={"ours int8": 300.0, "CTranslate2 int8": 200.0})
    (memory,) = [promise for promise in promises([cell], 2) if "peak memory" in promise.what]
    assert (memory.measured, memory.verdict) == (1.5, "missed")


# --- the plan ---


def test_the_quick_plan_measures_every_promised_number() -> None:
    cells = []
    for cell in plan("cpu", quick=True, threads=[1, 2]):
        times = {name: [1.0] for name in cell.peers}
        cells.append(_cell(cell.measure, cell.shape, times, **cell.identity))
    assert "not measured" not in {promise.verdict for promise in promises(cells, 2)}


def test_plans_name_only_engines_and_models_that_exist() -> None:
    for device, quick in (("cpu", False), ("cpu", True), ("cuda", False)):
        cells = plan(device, quick=quick, threads=[1, 2])  # type: ignore[arg-type]
        assert cells
        for cell in cells:
            assert set(cell.peers) <= {peer.name for peer in peers_on(device)}  # type: ignore[arg-type]
            assert cell.shape in (*SHAPES, "demo")


def test_a_cell_ends_when_its_time_is_spent_but_not_before_its_fewest_turns() -> None:
    cell = Cell("whole", "tiny", 1, ("a", "b"), 50, 0.0, fewest=3)
    result = Measured(cell)
    _take_turns(result, ["a", "b"], lambda name, turn: {"seconds": 1.0})
    assert {name: len(turns) for name, turns in result.turns.items()} == {"a": 3, "b": 3}
    unhurried = Measured(replace(cell, budget_s=60.0, turns=5))
    _take_turns(unhurried, ["a", "b"], lambda name, turn: {"seconds": 1.0})
    assert {len(turns) for turns in unhurried.turns.values()} == {5}


def test_every_engine_starts_a_turn_in_its_turn() -> None:
    order: list[str] = []
    _take_turns(
        Measured(Cell("whole", "tiny", 1, (), 3, 60.0)),
        ["a", "b", "c"],
        lambda name, turn: order.append(name) or {"seconds": 1.0},  # type: ignore[func-returns-value]
    )
    assert order == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]


# --- the report ---


def test_the_report_gives_median_spread_and_ratio_to_ours() -> None:
    times = {"ours int8": [0.5, 0.5, 0.5], "CTranslate2 int8": [0.9, 1.0, 1.1]}
    assert "| CTranslate2 int8 | 1 ±5% (2.00) |" in markdown(_results(_cell("whole", "tiny", times)))


def test_the_report_says_what_could_not_be_measured_and_why() -> None:
    cell = _cell("whole", "tiny", {"ours int8": [1.0]}) | {"skipped": {"whisper.cpp f16": "not installed: x"}}
    assert "whisper.cpp f16 (not installed: x) in whole tiny" in markdown(_results(cell))


def test_a_report_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    put_into(readme, "new\n")
    put_into(readme, "newest\n")
    assert readme.read_text() == f"above\n{BEGIN}\nnewest\n{END}\nbelow\n"
    assert shown_in(readme) == "newest\n"
    with pytest.raises(ValueError, match="bench-engine"):
        put_into(_empty(tmp_path / "other.md"), "new")


def _empty(path: Path) -> Path:
    path.write_text("")
    return path


def test_the_readme_and_the_results_show_what_was_measured() -> None:
    body = markdown(json.loads((RESULTS / "engine-cpu.json").read_text()))
    assert shown_in(README) == body
    assert (RESULTS / "engine-cpu.md").read_text().endswith(body)


# --- parts that other engines need ---


def test_q8_0_is_within_half_a_step_of_every_value() -> None:
    matrix = np.random.default_rng(1).normal(size=(4, 64)).astype(np.float32)
    matrix[0, :32] = 0.0
    packed = np.frombuffer(q8_0(matrix), dtype=[("scale", "<f2"), ("values", "i1", 32)])
    scale = packed["scale"].astype(np.float32)[:, None]
    back = (scale * packed["values"]).reshape(matrix.shape)
    steps = np.repeat(scale, 32).reshape(matrix.shape)
    # The scale itself is rounded to 16 bits: 127 times half a unit in its last place.
    assert np.all(np.abs(back - matrix) <= steps * (0.5 + 127 * 2**-11))


class _Clock:
    """Stands in for `time` where only work that says so takes any."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


def test_time_spent_in_an_inner_part_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.engine import parts
    from whisper_onnx import features, runtime

    clock = _Clock()

    def encode(self: object) -> None:
        clock.now += 2.0

    def window(self: object) -> None:
        clock.now += 1.0
        runtime.Runtime.encode(None)  # type: ignore[call-arg,arg-type]

    monkeypatch.setattr(parts, "time", clock)
    monkeypatch.setattr(runtime.Runtime, "encode", encode)
    monkeypatch.setattr(features.LogMel, "window", window)
    with where_time_goes(True) as seconds:
        clock.now += 4.0
        features.LogMel.window(None)  # type: ignore[call-arg,arg-type]
    assert seconds == {"features": 1.0, "encoder": 2.0, "rest": 4.0}
    assert features.LogMel.__dict__["window"] is window, "the clocks are taken off again"


def test_a_models_size_bounds_what_a_step_reads() -> None:
    for shape in SHAPES:
        dims = dims_of(shape)
        sizes = {name: int(np.prod(shape)) for name, shape in expected_shapes(dims).items()}
        matrices = sum(
            size
            for name, size in sizes.items()
            if name.startswith("decoder.") and name.endswith("weight") and "_ln" not in name
            if "cross_attn.key" not in name and "cross_attn.value" not in name and "decoder.ln" not in name
        )
        assert step_bytes(dims, 0) == 2 * matrices
    assert 2.1e12 < encoder_flop(dims_of("large-v3")) < 2.6e12  # as everyone counts: about 2.3 TFLOP


# --- a process of its own ---


def test_a_child_tells_load_time_memory_and_what_it_heard(demo_bundle: Path, tmp_path: Path) -> None:
    import soundfile

    samples, _ = soundfile.read(ROOT / "tests" / "data" / "speech" / "sentence-1.flac", dtype="float32")
    np.save(tmp_path / "speech.npy", samples)
    answers = subprocess.run(
        [
            *(sys.executable, "-m", "bench.engine.child", "ours fp32", "--model", str(demo_bundle)),
            *("--threads", "1", "--file", str(tmp_path / "speech.npy"), "--parts"),
        ],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT / 'onnx_models'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(answers.stdout)
    assert told["words"] >= 3
    assert 0 < told["import_mib"] < told["load_mib"] <= told["peak_mib"]
    assert min(told["load_s"], told["seconds"]) > 0
    assert {"features", "encoder", "prompt", "step"} <= told["parts"].keys()


def test_every_engine_says_what_it_would_need() -> None:
    for peer in PEERS.values():
        missing = peer.missing()
        assert missing is None or all(name in missing for name in peer.needs if name in missing.split(", "))
