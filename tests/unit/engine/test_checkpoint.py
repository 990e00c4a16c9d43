"""Checkpoints: what is sound is read exactly, what is not is refused before it costs anything."""

from __future__ import annotations

import json
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from making_checkpoints import (
    SMALL,
    Call,
    Global,
    Raw,
    config,
    hugging_face_folder,
    hugging_face_name,
    openai_file,
    openai_tree,
    pickled,
    tensor,
    tensors,
)
from whisper_onnx.checkpoint import expected_shapes, read_checkpoint
from whisper_onnx.dims import Dims
from whisper_onnx.errors import CheckpointError


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return tensors(SMALL, np.float16)


@pytest.fixture(scope="module")
def sound(values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return openai_file(tmp_path_factory.mktemp("sound") / "model.pt", SMALL, values)


def refused(path: Path) -> str:
    """The message with which the checkpoint, or one of its values, is refused."""
    with pytest.raises(CheckpointError) as caught, read_checkpoint(path) as checkpoint:
        for _ in checkpoint.tensors.values():
            pass
    return str(caught.value)


# --- what is sound ---


def test_an_openai_checkpoint_reads_every_value_as_stored(sound: Path, values: dict[str, Any]) -> None:
    checkpoint = read_checkpoint(sound)
    assert checkpoint.dims == SMALL
    assert checkpoint.files == (sound,)
    assert list(checkpoint.tensors) == list(expected_shapes(SMALL))
    for name, array in checkpoint.tensors.items():
        assert array.dtype == np.float16
        assert array.flags.c_contiguous
        assert np.array_equal(array, values[name]), name


@pytest.mark.parametrize("shards", [1, 3])
def test_a_hugging_face_folder_reads_as_the_same_values_under_openai_names(
    tmp_path: Path, values: dict[str, Any], shards: int
) -> None:
    checkpoint = read_checkpoint(hugging_face_folder(tmp_path, SMALL, values, shards=shards))
    assert checkpoint.dims == SMALL
    assert checkpoint.tensors.keys() == expected_shapes(SMALL).keys()
    assert all(np.array_equal(array, values[name]) for name, array in checkpoint.tensors.items())
    assert len(checkpoint.files) == 1 + shards


def test_hugging_face_names_without_the_model_prefix_and_with_a_tied_output_are_read(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, values)
    bare = {hugging_face_name(name).removeprefix("model."): array for name, array in values.items()}
    save_file(
        {**bare, "proj_out.weight": bare["decoder.embed_tokens.weight"].copy()}, folder / "model.safetensors"
    )
    assert np.array_equal(read_checkpoint(folder).tensors["decoder.ln.bias"], values["decoder.ln.bias"])


def test_bfloat16_is_widened_without_loss(tmp_path: Path, values: dict[str, Any]) -> None:
    exact = values["decoder.ln.bias"].astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    stored = {**values, "decoder.ln.bias": (exact >> 16).astype(np.uint16)}
    read = read_checkpoint(openai_file(tmp_path / "model.pt", SMALL, stored)).tensors["decoder.ln.bias"]
    assert np.array_equal(read, exact.view(np.float32))

    folder = hugging_face_folder(tmp_path / "hf", SMALL, values)
    import ml_dtypes

    renamed = {hugging_face_name(name): array for name, array in values.items()}
    renamed[hugging_face_name("decoder.ln.bias")] = exact.view(np.float32).astype(ml_dtypes.bfloat16)
    save_file(renamed, folder / "model.safetensors")
    read = read_checkpoint(folder).tensors["decoder.ln.bias"]
    assert read.dtype == np.float32
    assert np.array_equal(read, exact.view(np.float32))


def test_a_transposed_view_with_an_offset_is_read_in_its_own_order(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    name, key = "encoder.blocks.0.attn.query.weight", None
    stored = dict(values)
    stored[name] = np.concatenate([np.zeros(5, np.float16), values[name].T.ravel()])
    tree = openai_tree(SMALL, stored)
    key = str(list(stored).index(name))
    tree["model_state_dict"][name] = tensor(key, stored[name], shape=(64, 64), strides=(1, 64), offset=5)
    path = openai_file(tmp_path / "model.pt", SMALL, stored, pickle=pickled(tree))
    assert np.array_equal(read_checkpoint(path).tensors[name], values[name])


def test_a_state_dict_saved_with_alignment_heads_is_read_without_them(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    tree = openai_tree(SMALL, values)
    layout = Call(Global("torch.serialization", "_get_layout"), ("torch.sparse_coo",))
    sparse = Call(Global("torch._utils", "_rebuild_sparse_tensor"), (layout, ()))
    tree["model_state_dict"]["alignment_heads"] = sparse
    checkpoint = read_checkpoint(openai_file(tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))
    assert "alignment_heads" not in checkpoint.tensors


# --- what holds a program ---


def marker(path: Path) -> tuple[str]:
    return (f"touch {path}",)


HOSTILE: dict[str, Callable[[Path], Any]] = {
    "os.system": lambda path: Call(Global("os", "system"), marker(path)),
    "posix.system": lambda path: Call(Global("posix", "system"), marker(path)),
    "builtins.eval": lambda path: Call(Global("builtins", "eval"), (f"open({str(path)!r}, 'w')",)),
    "a getattr chain": lambda path: Call(Global("builtins", "getattr"), (Global("os", "x"), "system")),
    "torch.load": lambda path: Call(Global("torch", "load"), (str(path),)),
    "numpy": lambda path: Call(Global("numpy", "save"), (str(path), 1)),
    "STACK_GLOBAL": lambda path: Raw(b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93(X\x01\x00\x00\x00xtR"),
    "INST": lambda path: Raw(b"(X\x04\x00\x00\x00trueios\nsystem\n"),
    "OBJ": lambda path: Raw(b"(cos\nsystem\nX\x04\x00\x00\x00trueo"),
    "NEWOBJ": lambda path: Raw(b"ccollections\nOrderedDict\n)\x81"),
    "an extension": lambda path: Raw(b"\x82\x01"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pickle_that_asks_for_code_is_refused_and_runs_nothing(
    tmp_path: Path, values: dict[str, Any], name: str
) -> None:
    ran = tmp_path / "ran"
    tree = openai_tree(SMALL, values)
    tree["extra"] = HOSTILE[name](ran)
    message = refused(openai_file(tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))
    assert "get the model from its publisher" in message
    assert not ran.exists()


def test_a_pickle_that_grows_the_memo_beyond_its_own_size_is_refused(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    tree = openai_tree(SMALL, values)
    tree["extra"] = Raw(b"Nr" + struct.pack("<I", 0x7FFFFFF0))
    assert "memo" in refused(openai_file(tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))


def test_a_safetensors_folder_with_only_a_pickle_is_refused_with_the_reason(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, values)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "safetensors form" in refused(folder)


# --- what is damaged ---


@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_openai_checkpoint_is_refused(sound: Path, tmp_path: Path, part: float) -> None:
    data = sound.read_bytes()
    path = tmp_path / "model.pt"
    path.write_bytes(data[: int(len(data) * part)])
    assert "download it again" in refused(path)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.999])
def test_truncated_safetensors_are_refused(tmp_path: Path, values: dict[str, Any], part: float) -> None:
    file = hugging_face_folder(tmp_path, SMALL, values) / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * part)])
    assert "download them again" in refused(tmp_path)


def test_any_flipped_byte_outside_the_weights_is_harmless_or_refused(sound: Path, tmp_path: Path) -> None:
    data = bytearray(sound.read_bytes())
    with zipfile.ZipFile(sound) as archive:
        first = archive.getinfo("model/data/0").header_offset
        directory = archive.start_dir
    # Every part of the file that has structure: the pickle, the first headers, the central directory.
    positions = [*range(0, first + 64, 67), *range(directory, len(data), 83)]
    path = tmp_path / "model.pt"
    outcomes = set()
    for number, position in enumerate(positions):
        damaged = bytearray(data)
        damaged[position] ^= (1, 0x80, 0xFF, 0x10)[number % 4]
        path.write_bytes(damaged)
        try:
            with read_checkpoint(path) as checkpoint:
                outcomes.add("read" if all(map(np.size, checkpoint.tensors.values())) else "empty")
        except CheckpointError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_a_flipped_byte_in_the_weights_is_refused(sound: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(sound) as archive:
        inside = archive.getinfo("model/data/5").header_offset + 80
    data = bytearray(sound.read_bytes())
    data[inside] ^= 1
    path = tmp_path / "model.pt"
    path.write_bytes(data)
    assert "CRC" in refused(path)


def changed(name: str, array: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda values: {**values, name: array}


DAMAGED: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "a missing tensor": (lambda v: {k: a for k, a in v.items() if k != "decoder.ln.bias"}, "decoder.ln.bias"),
    "a tensor too many": (changed("decoder.lora.weight", np.zeros(3, np.float16)), "decoder.lora.weight"),
    "a wrong shape": (changed("decoder.ln.bias", np.zeros(65, np.float16)), "(65,)"),
    "a NaN": (changed("decoder.ln.bias", np.full(64, np.nan, np.float16)), "NaN"),
    "an infinity": (changed("decoder.ln.bias", np.full(64, np.inf, np.float16)), "infinity"),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("form", ["openai", "hugging face"])
def test_tensors_that_do_not_make_the_model_are_refused_by_name(
    tmp_path: Path, values: dict[str, Any], name: str, form: str
) -> None:
    damage, named = DAMAGED[name]
    stored = damage(values)
    if form == "openai":
        path = openai_file(tmp_path / "model.pt", SMALL, stored)
    else:
        path = hugging_face_folder(tmp_path / "hf", SMALL, stored)
    assert named in refused(path)


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "a dimension too large": {"n_audio_state": 1 << 40, "n_text_state": 1 << 40},
    "a negative dimension": {"n_audio_layer": -1},
    "a dimension that is no number": {"n_mels": "80"},
    "a truth value": {"n_audio_layer": True},
    "an unknown dimension": {"n_experts": 8},
    "a short window": {"n_audio_ctx": 750},
    "a small vocabulary": {"n_vocab": 1000},
    "heads that do not divide": {"n_text_head": 3},
    "two widths": {"n_text_state": 128},
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_dimensions_are_refused(tmp_path: Path, values: dict[str, Any], name: str) -> None:
    dims = SMALL.to_dict() | IMPOSSIBLE[name]
    assert next(iter(IMPOSSIBLE[name])).split("_")[0] in refused(
        openai_file(tmp_path / "model.pt", dims, values)
    )


def test_a_checkpoint_that_claims_a_huge_model_is_refused_before_memory_is_allocated(tmp_path: Path) -> None:
    huge = Dims.from_mapping(
        SMALL.to_dict()
        | {"n_audio_state": 5120, "n_text_state": 5120, "n_audio_layer": 100, "n_text_layer": 100}
    )
    little = np.zeros(16, np.float16)
    names = expected_shapes(huge)
    state = {
        name: tensor(
            "0", little, shape=shape, strides=tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
        )
        for name, shape in names.items()
    }
    tree = {"dims": huge.to_dict(), "model_state_dict": state}
    path = openai_file(tmp_path / "model.pt", huge, {"x": little}, pickle=pickled(tree))
    tracemalloc.start()
    try:
        assert "needs" in refused(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((64,), (2,), 0), ((64,), (1,), 1), ((64,), (1,), -1), ((64,), (-1,), 63), ((64,), (1 << 60,), 0)],
)
def test_a_tensor_that_reaches_outside_its_stored_values_is_refused(
    tmp_path: Path, values: dict[str, Any], shape: Any, strides: Any, offset: int
) -> None:
    name = "decoder.ln.bias"
    tree = openai_tree(SMALL, values)
    key = str(list(values).index(name))
    tree["model_state_dict"][name] = tensor(key, values[name], shape=shape, strides=strides, offset=offset)
    message = refused(openai_file(tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))
    assert "holds 64 values" in message or "impossible shape" in message


# --- what is something else ---


def test_a_compressed_archive_is_refused_before_it_inflates(tmp_path: Path) -> None:
    bomb = {"data/0": bytes(64 << 20)}
    path = openai_file(tmp_path / "model.pt", SMALL, {}, compression=zipfile.ZIP_DEFLATED, extra=bomb)
    tracemalloc.start()
    try:
        assert "compressed" in refused(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def other_files(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    def written(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    legacy = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + pickle.dumps(1001, protocol=2)
    return {
        "text": (written("text.pt", b"not a model\n" * 50), "not a complete torch zip file"),
        "empty": (written("empty.pt", b""), "not a complete torch zip file"),
        "a plain zip": (tmp_path / "plain.zip", "without data.pkl"),
        "torch's old format": (written("legacy.pt", legacy), "before 1.6"),
        "a missing file": (tmp_path / "none.pt", "No such file"),
        "TorchScript": (openai_file(tmp_path / "s.pt", SMALL, {}, extra={"code/x.py": b""}), "TorchScript"),
        "an empty dictionary": (
            openai_file(tmp_path / "b.pt", SMALL, {}, pickle=b"\x80\x02}."),
            "openai-whisper",
        ),
        "a list": (openai_file(tmp_path / "l.pt", SMALL, {}, pickle=b"\x80\x02]."), "openai-whisper"),
        "a folder": (tmp_path, "config.json"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "text",
        "empty",
        "a plain zip",
        "torch's old format",
        "a missing file",
        "TorchScript",
        "an empty dictionary",
        "a list",
        "a folder",
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_with_what_it_is(tmp_path: Path, name: str) -> None:
    path, said = other_files(tmp_path)[name]
    assert said in refused(path)


CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "another model": ({"model_type": "bert"}, "bert"),
    "another activation": ({"activation_function": "relu"}, "architecture"),
    "another feed-forward width": ({"encoder_ffn_dim": 100}, "encoder_ffn_dim"),
    "a missing dimension": ({"num_mel_bins": None}, "n_mels"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_of_another_model_is_refused(tmp_path: Path, values: dict[str, Any], name: str) -> None:
    change, named = CONFIGS[name]
    folder = hugging_face_folder(tmp_path, SMALL, values)
    (folder / "config.json").write_text(json.dumps(config(SMALL) | change))
    assert named in refused(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", "[" * 100_000])
def test_a_config_that_is_no_json_object_is_refused(
    tmp_path: Path, values: dict[str, Any], text: str
) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, values)
    (folder / "config.json").write_text(text)
    assert "config.json is not" in refused(folder)


def test_an_index_that_leads_out_of_the_folder_is_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    outside = hugging_face_folder(tmp_path / "outside", SMALL, values)
    folder = hugging_face_folder(tmp_path / "hf", SMALL, values, shards=2)
    index = folder / "model.safetensors.index.json"
    for name in (f"../outside/{'model.safetensors'}", str(outside / "model.safetensors"), 7, ".."):
        index.write_text(json.dumps({"weight_map": {"x": name}}))
        message = refused(folder)
        assert "index.json does not list" in message or "is missing" in message


def test_quantized_safetensors_are_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, {**values, "decoder.ln.bias": np.zeros(64, np.int8)})
    assert "quantized" in refused(folder)


def test_an_output_projection_that_is_not_the_embedding_is_refused(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, values)
    renamed = {hugging_face_name(name): array for name, array in values.items()}
    other = values["decoder.token_embedding.weight"] + np.float16(1)
    save_file({**renamed, "proj_out.weight": other}, folder / "model.safetensors")
    assert "proj_out" in refused(folder)
