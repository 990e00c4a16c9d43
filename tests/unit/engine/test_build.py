"""Builds: every target of every family runs; one broken off leaves nothing that looks like a model."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from golden.scrambled import scrambled_mel
from making_checkpoints import SMALL, hugging_face_folder, openai_file, tensors
from whisper_onnx.__main__ import main
from whisper_onnx.build import build
from whisper_onnx.bundle import Bundle, verify_bundle
from whisper_onnx.errors import BundleError
from whisper_onnx.graph import encoder_graph
from whisper_onnx.manifest import TARGETS
from whisper_onnx.runtime import Runtime
from whisper_onnx.weight_files import WeightFiles

FAMILIES = {
    "multilingual": SMALL,
    "English only": replace(SMALL, n_vocab=51864),
    "large-v3": replace(SMALL, n_mels=128, n_vocab=51866),
    "distil, turbo": replace(SMALL, n_mels=128, n_vocab=51866, n_audio_layer=4, n_text_layer=1),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hugging_face_folder(tmp_path_factory.mktemp("hf"), SMALL, tensors(SMALL))


# --- every target of every family ---


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_builds_for_every_target_and_runs_where_there_is_the_provider(
    family: str, target: str, tmp_path: Path
) -> None:
    dims = FAMILIES[family]
    path = openai_file(tmp_path / "model.pt", dims, tensors(dims, np.float16))
    bundle = build(path, tmp_path / "bundle", target=target)
    assert bundle.dims == dims
    for name in bundle.graphs.values():
        onnx.checker.check_model(str(bundle.folder / name))
    assert verify_bundle(bundle.folder) == []
    if TARGETS[target].provider == "cpu":
        runtime = Runtime(bundle, provider="cpu", slots=2, threads=1)
        runtime.encode([1], scrambled_mel(dims.n_mels)[np.newaxis])
        assert np.isfinite(runtime.prompt(1, [1, 2, 3])).all()
        assert np.isfinite(runtime.step([1], [4])).all()


def test_exact_weights_of_a_checkpoint_in_fp16_take_half_and_compute_the_same(tmp_path: Path) -> None:
    path = hugging_face_folder(tmp_path / "hf", SMALL, tensors(SMALL, np.float16))
    exact, wide = (build(path, tmp_path / weights, weights=weights) for weights in ("exact", "fp32"))
    assert exact.size("decoder") < 0.6 * wide.size("decoder")
    answers = []
    for bundle in (exact, wide):
        runtime = Runtime(bundle, provider="cpu", slots=1, threads=1)
        runtime.encode([0], scrambled_mel(SMALL.n_mels)[np.newaxis])
        answers.append(runtime.prompt(0, [1, 2, 3]))
    assert np.array_equal(*answers)


def test_exact_weights_of_a_checkpoint_in_fp32_stay_as_wide_as_they_are(
    checkpoint: Path, tmp_path: Path
) -> None:
    sizes = {
        weights: build(checkpoint, tmp_path / weights, weights=weights).size("decoder")
        for weights in ("exact", "fp32")
    }
    assert sizes["exact"] > 0.95 * sizes["fp32"]


def test_weights_beyond_fp16_are_refused_where_that_would_change_them(tmp_path: Path) -> None:
    values = tensors(SMALL)
    values["encoder.conv1.bias"] = np.full(SMALL.n_audio_state, 1e5, np.float32)
    path = hugging_face_folder(tmp_path / "hf", SMALL, values)
    with pytest.raises(BundleError, match=r"encoder.conv1.bias has values beyond fp16's range"):
        build(path, tmp_path / "bundle", target="cuda-fp16")
    assert build(path, tmp_path / "bundle", target="cpu-fp32").dims == SMALL


# --- weights in files ---


def test_weights_spread_over_files_of_bounded_size_and_give_the_same_graph(
    checkpoint: Path, tmp_path: Path
) -> None:
    values = tensors(SMALL)
    with WeightFiles(tmp_path, "encoder", largest=100_000) as sink:
        spread = encoder_graph(SMALL, values, data=sink)
    assert len(sink.files) > 3
    alone = 1500 * SMALL.n_audio_state * 4  # bytes of the one tensor that is larger: it has a file of its own
    assert all(entry.size <= 100_000 or entry.size == alone for entry in sink.files.values())
    assert {path.name: path.stat().st_size for path in tmp_path.glob("*.data")} == {
        name: entry.size for name, entry in sink.files.items()
    }
    (tmp_path / "encoder.onnx").write_bytes(spread.SerializeToString())
    whole = encoder_graph(SMALL, values)
    for ours, theirs in zip(
        onnx.load(tmp_path / "encoder.onnx").graph.initializer, whole.graph.initializer, strict=True
    ):
        assert ours.name == theirs.name
        assert ours.raw_data == theirs.raw_data


def test_a_graph_gets_no_weights_from_a_file_that_its_manifest_does_not_give_it(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = build(checkpoint, tmp_path / "bundle")
    (tmp_path / "stray.data").write_bytes((bundle.folder / "encoder.data").read_bytes())
    model = onnx.load(bundle.folder / "encoder.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "stray.data"
    changed = model.SerializeToString()
    (bundle.folder / "encoder.onnx").write_bytes(changed)
    rewrite_manifest(bundle, "encoder.onnx", changed)
    monkeypatch.chdir(tmp_path)  # where onnxruntime by itself would find the stray file
    with pytest.raises(BundleError, match="does not load"):
        Runtime(Bundle.load(bundle.folder), provider="cpu", slots=1, threads=1)


def rewrite_manifest(bundle: Bundle, name: str, data: bytes) -> None:
    entry = replace(bundle.manifest.files[name], sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    manifest = replace(bundle.manifest, files={**bundle.manifest.files, name: entry})
    (bundle.folder / "model.toml").write_text(manifest.to_toml())


# --- broken off ---


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """As on a disk that is full: a write beyond this fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("size", [0, 100_000, 1_000_000])
def test_a_disk_that_fills_up_is_said_so_and_nothing_is_left(
    checkpoint: Path, tmp_path: Path, size: int
) -> None:
    with files_no_larger_than(size), pytest.raises(BundleError, match=r"cannot write .*new"):
        build(checkpoint, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    assert build(checkpoint, tmp_path / "new").name == "new"


def test_a_killed_build_leaves_no_model_and_does_not_stand_in_the_way_of_the_next(
    checkpoint: Path, tmp_path: Path
) -> None:
    code = "import sys; from whisper_onnx.__main__ import main; sys.exit(main(sys.argv[1:]))"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "build", str(checkpoint), "-o", str(tmp_path / "new")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    while child.poll() is None and not list(tmp_path.glob(".new.building-*/*.data")):
        time.sleep(0.001)
    child.kill()
    child.wait()
    left = list(tmp_path.iterdir())
    if (tmp_path / "new").exists():  # it was faster than the kill: then it is whole
        assert verify_bundle(tmp_path / "new") == []
    else:
        assert left
        assert all(folder.name.startswith(".") and not (folder / "model.toml").exists() for folder in left)
        assert verify_bundle(build(checkpoint, tmp_path / "new").folder) == []


# --- the commands ---


def test_the_command_says_what_it_built_how_large_it_is_and_what_it_will_need(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "new")
    assert main(["build", str(checkpoint), "--target", "cpu-int8", "-o", folder]) == 0
    said = capsys.readouterr()
    assert "new, cpu-int8, " in said.out
    assert "MB, built in" in said.out
    assert said.err == ""  # the progress bar is for terminals
    assert main(["plan", folder, "--slots", "3"]) == 0
    assert "caches of 3 slots" in capsys.readouterr().out
    assert main(["plan", str(tmp_path / "none")]) == 1
    assert "there is no model folder" in capsys.readouterr().err


def test_a_build_tells_of_every_tensor_it_reads(checkpoint: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    build(checkpoint, tmp_path / "new", on_read=lambda read, of: told.append((read, of)))
    count = len(tensors(SMALL))
    assert told == [(number, count) for number in range(1, count + 1)]


def test_a_model_that_was_warmed_up_answers_as_one_that_was_not(checkpoint: Path, tmp_path: Path) -> None:
    bundle = build(checkpoint, tmp_path / "new")
    cold, warm = (Runtime(bundle, provider="cpu", slots=1, threads=1) for _ in range(2))
    warm.warm_up()
    answers = []
    for runtime in (cold, warm):
        runtime.encode([0], scrambled_mel(SMALL.n_mels)[np.newaxis])
        answers.append(runtime.prompt(0, [1, 2, 3]))
    assert np.array_equal(*answers)
