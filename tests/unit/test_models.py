"""Finding, checking and loading models."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stenobox import models
from stenobox.config import ModelsSettings, Settings
from stenobox.errors import InvalidRequest, ModelError, NoModel, UnknownModel
from stenobox.models import ModelStore, shipped_demo
from stenobox.paths import Layout


@pytest.fixture(autouse=True)
def no_shipped_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test puts somewhere is there; the shipped model has its own test."""
    monkeypatch.setattr(models, "shipped_demo", lambda: None)


def store(data: Path, *path: Path, **changes: object) -> ModelStore:
    settings = Settings(data=data, models=replace(ModelsSettings(path=path, threads=1, slots=1), **changes))
    return ModelStore(settings, Layout(data))


def copy(bundle: Path, folder: Path, name: str | None = None) -> Path:
    """A copy of a bundle, under another name if one is given."""
    shutil.copytree(bundle, folder)
    if name is not None:
        manifest = folder / "model.toml"
        manifest.write_text(manifest.read_text().replace('name = "demo"', f'name = "{name}"'))
    return folder


def flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_model_is_found_in_the_data_folder_and_in_the_settings_folders(
    tmp_path: Path, demo_bundle: Path
) -> None:
    copy(demo_bundle, tmp_path / "data" / "models" / "a", "alpha")
    copy(demo_bundle, tmp_path / "shelf" / "b", "beta")
    single = copy(demo_bundle, tmp_path / "gamma", "gamma")
    found = store(tmp_path / "data", tmp_path / "shelf", single).list()
    assert [info.name for info in found] == ["alpha", "beta", "gamma"]
    assert all(info.ok for info in found)


def test_the_data_folders_model_goes_before_one_of_the_same_name(tmp_path: Path, demo_bundle: Path) -> None:
    mine = copy(demo_bundle, tmp_path / "data" / "models" / "mine")
    copy(demo_bundle, tmp_path / "shelf" / "other")
    assert store(tmp_path / "data", tmp_path / "shelf").resolve("demo") == mine


def test_a_model_is_described_by_its_manifest(tmp_path: Path, demo_bundle: Path) -> None:
    info = store(tmp_path, demo_bundle).find(None)
    assert info.name == "demo"
    assert info.target == "cpu-fp32"
    assert info.multilingual
    assert info.sha256 == hashlib.sha256((demo_bundle / "model.toml").read_bytes()).hexdigest()
    assert info.size == sum(
        path.stat().st_size for path in demo_bundle.glob("*.*") if path.suffix in (".onnx", ".data")
    )


def test_an_unfinished_build_is_not_a_model(tmp_path: Path, demo_bundle: Path) -> None:
    copy(demo_bundle, tmp_path / "models" / ".demo.building-x")
    assert store(tmp_path).list() == []


def test_without_any_model_the_answer_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(NoModel):
        store(tmp_path).find(None)


def test_an_unknown_name_is_answered_with_those_that_exist(tmp_path: Path, demo_bundle: Path) -> None:
    with pytest.raises(UnknownModel, match="Installed: demo"):
        store(tmp_path, demo_bundle).resolve("large-v3")


def test_a_folder_that_is_no_bundle_is_listed_with_its_problem(tmp_path: Path) -> None:
    (tmp_path / "models" / "junk").mkdir(parents=True)
    (info,) = store(tmp_path).list()
    assert (info.name, info.ok) == ("junk", False)
    assert "model.toml" in info.problem


def test_a_folder_that_may_not_be_read_hides_no_other(tmp_path: Path, demo_bundle: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert [info.name for info in store(tmp_path, tmp_path / "file", demo_bundle).list()] == ["demo"]


def test_one_changed_byte_is_found_by_verifying(tmp_path: Path, demo_bundle: Path) -> None:
    broken = copy(demo_bundle, tmp_path / "broken")
    flip_last_byte(broken / "encoder.onnx")
    (info,) = store(tmp_path, broken).list(verify=True)
    assert not info.ok
    assert "encoder.onnx" in info.problem
    assert info.problem.endswith(".")


def test_one_changed_byte_is_never_loaded(tmp_path: Path, demo_bundle: Path) -> None:
    broken = copy(demo_bundle, tmp_path / "broken")
    flip_last_byte(broken / "decoder.onnx")
    with pytest.raises(ModelError, match=r"'demo' was not loaded: decoder\.onnx .* install or build"):
        store(tmp_path, broken).load("demo")


def test_a_truncated_graph_is_refused_under_the_models_own_name(tmp_path: Path, demo_bundle: Path) -> None:
    broken = copy(demo_bundle, tmp_path / "some folder")
    graph = broken / "decoder.onnx"
    graph.write_bytes(graph.read_bytes()[:-100])
    with pytest.raises(ModelError, match="'demo'"):
        store(tmp_path, broken).find("demo")


def test_a_provider_that_does_not_fit_is_a_model_error_that_says_so(
    tmp_path: Path, demo_bundle: Path
) -> None:
    with pytest.raises(ModelError, match="cpu-fp32"):
        store(tmp_path, demo_bundle, provider="cuda").load(None)


def test_a_loaded_model_transcribes(tmp_path: Path, demo_bundle: Path) -> None:
    model = store(tmp_path, demo_bundle).load(None)
    assert model.transcribe(np.zeros(16_000, np.float32), language="en").text == ""


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden", "x" * 65, "a b"])
def test_a_new_model_cannot_be_named_out_of_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest):
        store(tmp_path).make_room_for(name)


def test_the_shipped_demo_is_found_beside_the_source_or_is_absent(
    tmp_path: Path, demo_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "whisper_onnx"
    package.mkdir()
    monkeypatch.setattr(models.resources, "files", lambda _: package)
    assert shipped_demo() is None
    copy(demo_bundle, tmp_path / "demo")
    assert shipped_demo() == tmp_path / "demo"
    copy(demo_bundle, package / "demo")
    assert shipped_demo() == package / "demo"
