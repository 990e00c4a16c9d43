"""Bundles: only what the manifest names is ever handed out, and whatever else is found says what to do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from making_checkpoints import SMALL, hugging_face_folder, openai_file, tensors
from whisper_onnx.__main__ import main
from whisper_onnx.build import build
from whisper_onnx.bundle import Bundle, verify_bundle
from whisper_onnx.errors import BundleError, BundleHashError, CheckpointError
from whisper_onnx.manifest import Manifest


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hugging_face_folder(tmp_path_factory.mktemp("hf"), SMALL, tensors(SMALL))


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    return build(checkpoint, tmp_path / "model", weights="fp16", licence="CC0-1.0", source="made up").folder


def edited(folder: Path, change: Callable[[str], str]) -> None:
    manifest = folder / "model.toml"
    before = manifest.read_text()
    after = change(before)
    assert after != before
    manifest.write_text(after)


# --- building ---


def test_a_bundle_says_what_it_is_and_its_hash_stands_for_every_byte(folder: Path, checkpoint: Path) -> None:
    bundle = Bundle.load(folder)
    assert (bundle.name, bundle.target, bundle.licence, bundle.source) == (
        "model",
        "cpu-fp32",
        "CC0-1.0",
        "made up",
    )
    assert bundle.dims == SMALL
    assert bundle.sha256 == hashlib.sha256((folder / "model.toml").read_bytes()).hexdigest()
    assert {path.name for path in folder.iterdir()} == {"model.toml", *bundle.manifest.files}
    for name, entry in bundle.manifest.files.items():
        assert entry.sha256 == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert verify_bundle(folder) == []


def test_the_same_checkpoint_builds_the_same_bundle(checkpoint: Path, tmp_path: Path) -> None:
    hashes = {build(checkpoint, tmp_path / str(n), name="model", weights="fp16").sha256 for n in range(2)}
    assert len(hashes) == 1


def test_a_bundle_records_the_hash_of_its_checkpoint(tmp_path: Path) -> None:
    path = openai_file(tmp_path / "model.pt", SMALL, tensors(SMALL))
    bundle = build(path, tmp_path / "bundle")
    assert bundle.manifest.checkpoint_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_any_text_survives_the_manifest(folder: Path) -> None:
    before = Bundle.load(folder).manifest
    odd = 'a "quoted" \\ name\n\twith\x7f\x00 ünïcode 🎙 and = [brackets] # signs'
    values = {key: getattr(before, key) for key in Manifest.__slots__} | {"name": odd, "source": odd}
    manifest = Manifest(**values)
    assert Manifest.from_toml(manifest.to_toml().encode()) == manifest


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    damaged = openai_file(tmp_path / "model.pt", SMALL, {})
    with pytest.raises(CheckpointError):
        build(damaged, tmp_path / "models" / "new")
    assert not (tmp_path / "models" / "new").exists()
    assert list(tmp_path.rglob(".*")) == []


def test_a_build_never_replaces_what_exists(folder: Path, checkpoint: Path, tmp_path: Path) -> None:
    before = Bundle.load(folder).sha256
    with pytest.raises(BundleError, match="exists already; remove it first"):
        build(checkpoint, folder)
    file = tmp_path / "file"
    file.write_text("kept")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for other in (file, link):
        with pytest.raises(BundleError, match="exists already"):
            build(checkpoint, other)
    assert Bundle.load(folder).sha256 == before
    assert file.read_text() == "kept"


def test_an_empty_folder_that_exists_becomes_the_bundle(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    assert build(checkpoint, tmp_path / "made").folder == tmp_path / "made"
    assert verify_bundle(tmp_path / "made") == []
    assert oct((tmp_path / "made").stat().st_mode & 0o777) == "0o755"  # the service's user can read it


def test_a_target_that_is_not_known_is_refused_with_those_that_are(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cpu-fp32, cpu-int8, cuda-fp16"):
        build(checkpoint, tmp_path / "new", target="tpu-fp8")


# --- what was changed ---


@pytest.mark.parametrize(
    "name", ["encoder.onnx", "encoder.data", "decoder.onnx", "decoder.data", "alignment.onnx"]
)
@pytest.mark.parametrize("where", [0, 0.5, -1])
def test_one_flipped_bit_anywhere_stops_the_bundle_and_names_the_file(
    folder: Path, name: str, where: float
) -> None:
    opened = Bundle.load(folder)
    data = bytearray((folder / name).read_bytes())
    data[int(where * len(data))] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(BundleHashError, match=rf"{name}.*install or build the model again") as caught:
        Bundle.load(folder)
    assert caught.value.file == name
    assert [name in problem for problem in verify_bundle(folder)] == [True]
    # A bundle opened before the change, or without verification, does not hand the bytes out either.
    for bundle in (opened, Bundle.load(folder, verify=False)):
        with pytest.raises(BundleHashError):
            bundle.read_bytes(name)
        with pytest.raises(BundleHashError):
            bundle.read_graph(name.partition(".")[0])


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b""])
def test_a_file_of_another_length_is_refused_even_without_verification(
    folder: Path, change: Callable[[bytes], bytes]
) -> None:
    (folder / "encoder.onnx").write_bytes(change((folder / "encoder.onnx").read_bytes()))
    with pytest.raises(BundleHashError, match="bytes"):
        Bundle.load(folder, verify=False)


def test_read_bytes_returns_the_files_bytes_and_refuses_every_other_name(folder: Path) -> None:
    bundle = Bundle.load(folder)
    (folder / "extra.onnx").write_bytes(b"not in the manifest")
    assert bundle.read_bytes("encoder.onnx") == (folder / "encoder.onnx").read_bytes()
    graph = bundle.read_graph("encoder")
    assert graph.model == (folder / "encoder.onnx").read_bytes()
    assert graph.data == {"encoder.data": (folder / "encoder.data").read_bytes()}
    for name in ("extra.onnx", "model.toml", "../model/encoder.onnx", str(folder / "encoder.onnx"), ""):
        with pytest.raises(BundleError, match="does not name"):
            bundle.read_bytes(name)


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    (folder / "encoder.onnx").unlink()
    (folder / "decoder.onnx").write_bytes(b"short")
    problems = verify_bundle(folder)
    assert len(problems) == 2
    assert "decoder.onnx" in problems[0]
    assert "encoder.onnx is missing" in problems[1]


# --- what is no file of the folder ---


def replaced_by_link(folder: Path) -> None:
    outside = folder.parent / "outside.onnx"
    (folder / "encoder.onnx").rename(outside)
    (folder / "encoder.onnx").symlink_to(outside)


def replaced_by_pipe(folder: Path) -> None:
    (folder / "encoder.onnx").unlink()
    os.mkfifo(folder / "encoder.onnx")


def replaced_by_folder(folder: Path) -> None:
    (folder / "encoder.onnx").unlink()
    (folder / "encoder.onnx").mkdir()


@pytest.mark.parametrize("replace", [replaced_by_link, replaced_by_pipe, replaced_by_folder])
def test_what_is_not_a_regular_file_of_the_folder_is_refused(
    folder: Path, replace: Callable[[Path], None]
) -> None:
    replace(folder)
    with pytest.raises(BundleError, match=r"encoder.onnx"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    "name", ["../outside.onnx", "/etc/passwd", "sub/encoder.onnx", ".hidden", "..", "a b", "é"]
)
def test_a_manifest_that_names_anything_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    (folder.parent / "outside.onnx").write_bytes((folder / "encoder.onnx").read_bytes())
    edited(folder, lambda text: text.replace('"encoder.onnx"', f'"{name}"'))
    with pytest.raises(BundleError, match="not the name of a file in the model's folder; install or build"):
        Bundle.load(folder)


# --- what is no manifest ---

MANIFESTS: dict[str, tuple[Callable[[str], str], str]] = {
    "not TOML": (lambda text: "this is { not TOML", "is not TOML"),
    "not text": (lambda text: text + "\udcff", "is not TOML"),
    "nested too deeply": (lambda text: "format = " + "[" * 5000, "is not TOML"),
    "empty": (lambda text: "", "format None"),
    "an earlier format": (lambda text: text.replace("format = 2", "format = 1"), "build the model again"),
    "a later format": (lambda text: text.replace("format = 2", "format = 3"), "update the program"),
    "an unknown key": (lambda text: "colour = 1\n" + text, "unknown key colour"),
    "an unknown key of a file": (lambda text: text + "mode = 7\n", 'files."encoder.onnx".mode'),
    "an unknown role": (lambda text: text.replace("[graphs]", '[graphs]\nlm = "x"'), "graphs.lm"),
    "no licence": (lambda text: text.replace("licence =", "# licence ="), "licence is missing"),
    "no files": (lambda text: text.partition("[files")[0], "files is missing"),
    "an empty name": (lambda text: text.replace('name = "model"', 'name = " "'), "name is empty"),
    "a number for a name": (lambda text: text.replace('name = "model"', "name = 7"), "name is not a text"),
    "an unknown target": (
        lambda text: text.replace("cpu-fp32", "npu-fp4"),
        "knows cpu-fp32, cpu-int8, cuda-fp16",
    ),
    "a graph not listed": (
        lambda text: text.replace('encoder = "encoder.onnx"', 'encoder = "x"'),
        "graphs.encoder",
    ),
    "weights not listed": (lambda text: text.replace('["encoder.data"]', '["x"]'), "data.encoder"),
    "weights that are no list": (
        lambda text: text.replace('["encoder.data"]', '"encoder.data"'),
        "not a list",
    ),
    "weights used twice": (
        lambda text: text.replace('["encoder.data"]', '["decoder.data"]'),
        "a use already",
    ),
    "a file without a use": (lambda text: text.replace('["encoder.data"]', "[]"), "nothing uses"),
    "a head that is not there": (lambda text: text.replace("[[1, 0]", "[[2, 0]"), "alignment_heads holds"),
    "a head that is no pair": (lambda text: text.replace("[[1, 0]", "[[1, 0, 0]"), "alignment_heads holds"),
    "a head that is a truth value": (
        lambda text: text.replace("[1, 0]", "[true, 0]"),
        "alignment_heads holds",
    ),
    "heads out of order": (lambda text: text.replace("[1, 0], [1, 1]", "[1, 1], [1, 0]"), "rising order"),
    "a head twice": (lambda text: text.replace("[[1, 0]", "[[1, 0], [1, 0]"), "not in rising order"),
    "no heads": (lambda text: text.replace("[[1, 0], [1, 1]]", "[]"), "alignment_heads is empty"),
    "a text for a size": (lambda text: text.replace("size = ", "size = '7' #"), "size is not a whole number"),
    "a negative size": (lambda text: text.replace("size = ", "size = -"), "impossible value"),
    "a short hash": (lambda text: text.replace('sha256 = "', 'sha256 = "0'), "impossible value"),
    "a wrong dimension": (lambda text: text.replace("n_vocab = 51865", "n_vocab = 5"), "n_vocab is 5"),
    "a dimension missing": (lambda text: text.replace("n_vocab = 51865", ""), "missing dimensions: n_vocab"),
    "a huge file": (lambda text: text + "#" * (2 << 20), "larger than"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_does_not_follow_the_format_is_refused_with_what_to_do(
    folder: Path, name: str
) -> None:
    change, said = MANIFESTS[name]
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_bytes(change(text).encode(errors="surrogateescape"))
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder)
    assert said in str(caught.value)
    assert any(advice in str(caught.value) for advice in ("build the model", "update the program"))
    assert verify_bundle(folder) == [str(caught.value)]


def test_a_folder_without_manifest_and_no_folder_at_all_are_refused_with_what_to_do(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "model.toml").unlink()
    with pytest.raises(BundleError, match=r"model.toml is missing.*install or build"):
        Bundle.load(folder)
    with pytest.raises(BundleError, match=r"no model folder.*whisper_onnx build"):
        Bundle.load(tmp_path / "none")
    assert len(verify_bundle(tmp_path / "none")) == 1


# --- the command ---


def test_the_command_builds_and_verifies_and_its_exit_code_says_how_it_went(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "built"
    asked = [
        "build",
        str(checkpoint),
        "-o",
        str(folder),
        "--weights",
        "fp16",
        "--name",
        "mine",
        "--licence",
        "MIT",
    ]
    assert main(asked) == 0
    assert "mine, cpu-fp32" in capsys.readouterr().out
    assert Bundle.load(folder).licence == "MIT"
    assert main(["verify", str(folder)]) == 0
    assert Bundle.load(folder).sha256 in capsys.readouterr().out

    (folder / "decoder.onnx").write_bytes(b"x")
    assert main(["verify", str(folder)]) == 1
    assert "decoder.onnx" in capsys.readouterr().err
    assert main(asked) == 1
    assert "exists already" in capsys.readouterr().err
    with pytest.raises(SystemExit) as wrong_call:
        main(["build", str(checkpoint)])
    assert wrong_call.value.code == 2
