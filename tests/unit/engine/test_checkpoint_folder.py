"""Hugging Face folders: another model, another vocabulary, a damaged file or a way out is refused."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from making_checkpoints import (
    FAMILIES,
    SMALL,
    config,
    hugging_face_folder,
    hugging_face_name,
    tensors,
    tokenizer_json,
)
from reading_checkpoints import read_values, refused
from whisper_onnx.dims import Dims
from whisper_onnx.hf_vocabulary import check_generation_config, check_tokenizer

INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return tensors(SMALL, np.float16)


@pytest.fixture
def folder(tmp_path: Path, values: dict[str, Any]) -> Path:
    return hugging_face_folder(tmp_path / "hf", SMALL, values)


@pytest.fixture
def sharded(tmp_path: Path, values: dict[str, Any]) -> Path:
    return hugging_face_folder(tmp_path / "hf", SMALL, values, shards=2)


# --- config.json ---

CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "another model": ({"model_type": "bert"}, "bert"),
    "no model type": ({"model_type": None}, "expected 'whisper'"),
    "another activation": ({"activation_function": "relu"}, "architecture"),
    "a scaled embedding": ({"scale_embedding": True}, "architecture"),
    "an untied output": ({"tie_word_embeddings": False}, "unties"),
    "another feed-forward width": ({"encoder_ffn_dim": 100}, "encoder_ffn_dim"),
    "a missing dimension": ({"num_mel_bins": None}, "n_mels is missing"),
    "a dimension by text": ({"num_mel_bins": "80"}, "n_mels is not a usable number"),
    "a dimension that is a fraction": ({"d_model": 64.0}, "n_audio_state is not a usable number"),
    "a dimension that is infinite": ({"d_model": float("inf")}, "n_audio_state is not a usable number"),
    "a truth value": ({"encoder_layers": True}, "n_audio_layer is not a usable number"),
    "a dimension too large": ({"d_model": 1 << 40}, "n_audio_state"),
    "an absurd dimension": ({"d_model": 10**4000}, "n_audio_state is not a usable number"),
    "a nest for a dimension": ({"encoder_layers": [[[[1]]]]}, "n_audio_layer is not a usable number"),
    "a negative dimension": ({"decoder_layers": -1}, "n_text_layer"),
    "no layers": ({"decoder_layers": 0}, "n_text_layer"),
    "a short window": ({"max_source_positions": 750}, "n_audio_ctx"),
    "a small vocabulary": ({"vocab_size": 1000}, "n_vocab"),
    "added tokens": ({"vocab_size": 51867}, "added tokens"),
    "heads that do not divide": ({"decoder_attention_heads": 3}, "n_text_head"),
    "another number of layers": ({"decoder_layers": 3}, "are missing"),
    "another number of mel bands": ({"num_mel_bins": 128}, "(64, 80, 3)"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_of_another_model_is_refused(folder: Path, name: str) -> None:
    change, named = CONFIGS[name]
    (folder / "config.json").write_text(json.dumps(config(SMALL) | change))
    message = refused(folder)
    assert named in message
    assert len(message) < 500


NO_OBJECTS = ("", "[]", "{", "\x00", "[" * 100_000, '{"a": 1, "a": 1}', '{"a": 1' + "0" * 5000)


@pytest.mark.parametrize("file", ["config.json", "generation_config.json", "tokenizer.json", INDEX])
@pytest.mark.parametrize(
    "text", ["", "[]", "{", "\x00", "[" * 100_000, '{"a": 1, "a": 1}', '{"a": 1' + "0" * 5000]
)
def test_a_file_that_is_no_json_object_is_refused_by_name(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text)
    assert f"{file} is not" in refused(folder)


def test_a_json_file_far_larger_than_any_models_is_not_read(folder: Path) -> None:
    with (folder / "config.json").open("ab") as file:
        file.truncate(1 << 40)  # sparse
    assert "larger than" in refused(folder)


def test_a_folder_without_a_model_is_refused_with_what_it_lacks(tmp_path: Path, folder: Path) -> None:
    assert "config.json" in refused(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "safetensors form" in refused(folder)


# --- the vocabulary ---


@pytest.mark.parametrize("family", FAMILIES)
def test_whispers_own_vocabularies_are_known_with_and_without_timestamps(family: str) -> None:
    dims = FAMILIES[family]
    tokenizer = tokenizer_json(dims)
    check_tokenizer(tokenizer, dims)
    named = [token for token in tokenizer["added_tokens"] if "." not in token["content"]]
    assert len(named) == len(tokenizer["added_tokens"]) - 1501
    check_tokenizer({**tokenizer, "added_tokens": named}, dims)


def added(content: str, number: int) -> Callable[[dict[str, Any]], None]:
    return lambda tokenizer: tokenizer["added_tokens"].append({"id": number, "content": content})


def renumbered(tokenizer: dict[str, Any]) -> None:
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["!"], vocabulary['"'] = vocabulary['"'], vocabulary["!"]


VOCABULARIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "an added token": (added("<|speaker|>", 51865), "'<|speaker|>' is token 51865"),
    "an added word": (added("Stenobox", 51865), "'Stenobox'"),
    "a special token elsewhere": (added("<|notimestamps|>", 50364), "it is 50363"),
    "a special token by text": (
        lambda t: t["added_tokens"].append({"id": "1", "content": "<|en|>"}),
        "<|en|>",
    ),
    "a token without text": (lambda t: t["added_tokens"].append({"id": 1}), "without text"),
    "two words exchanged": (renumbered, "'!' is token"),
    "a word left out": (lambda t: t["model"]["vocab"].pop("!"), "lacks the token '!'"),
    "no vocabulary": (lambda t: t["model"].pop("vocab"), "no vocabulary"),
    "no added tokens": (lambda t: t.pop("added_tokens"), "no vocabulary"),
}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_model_with_a_vocabulary_of_its_own_is_refused(folder: Path, name: str) -> None:
    change, said = VOCABULARIES[name]
    tokenizer = tokenizer_json(SMALL)
    change(tokenizer)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert said in refused(folder)


@pytest.mark.parametrize("other", ["english", "large-v3"])
def test_the_vocabulary_of_another_family_is_refused(folder: Path, other: str) -> None:
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(FAMILIES[other])))
    assert "vocabulary of its own" in refused(folder)


GENERATION: dict[str, Any] = {
    "decoder_start_token_id": 50258,
    "no_timestamps_token_id": 50363,
    "prev_sot_token_id": 50361,
    "lang_to_id": {"<|en|>": 50259, "<|su|>": 50357},
    "task_to_id": {"transcribe": 50359, "translate": 50358},
    "alignment_heads": [[1, 1]],
    "is_multilingual": True,
}


def test_the_special_tokens_of_a_generation_config_are_whispers(folder: Path) -> None:
    (folder / "generation_config.json").write_text(json.dumps(GENERATION))
    assert read_values(folder)
    english = {"decoder_start_token_id": 50257, "no_timestamps_token_id": 50362, "prev_sot_token_id": 50360}
    check_generation_config(english, FAMILIES["english"])
    third = {"lang_to_id": {"<|yue|>": 50358}, "task_to_id": {"transcribe": 50360}}
    check_generation_config(third, FAMILIES["large-v3"])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("decoder_start_token_id", 50257, "<|startoftranscript|>"),
        ("no_timestamps_token_id", "50363", "<|notimestamps|>"),
        ("lang_to_id", {"<|yue|>": 50358}, "<|yue|>"),
        ("lang_to_id", {"<|en|>": [[]]}, "<|en|>"),
        ("task_to_id", {"diarize": 50365}, "<|diarize|>"),
        ("alignment_heads", 7, "alignment_heads"),
        ("alignment_heads", [[1]], "alignment_heads"),
        ("alignment_heads", [[1, "0"]], "alignment_heads"),
        ("alignment_heads", [[1, -1]], "alignment_heads"),
        ("alignment_heads", [[1, 0]] * 5000, "alignment_heads"),
    ],
)
def test_a_generation_config_of_another_vocabulary_is_refused(
    folder: Path, key: str, value: Any, said: str
) -> None:
    (folder / "generation_config.json").write_text(json.dumps(GENERATION | {key: value}))
    assert said in refused(folder)


# --- the index and the links ---


@pytest.mark.parametrize(
    "name",
    [
        "../outside/model.safetensors",
        "/etc/passwd",
        "..",
        ".",
        "",
        ".hidden",
        "sub/model.safetensors",
        "sub\\model.safetensors",
        "model.safetensors\x00.txt",
        "a" * 300,
        7,
        None,
        ["model.safetensors"],
    ],
)
def test_an_index_that_names_anything_but_files_of_the_folder_is_refused(
    tmp_path: Path, values: dict[str, Any], sharded: Path, name: Any
) -> None:
    hugging_face_folder(tmp_path / "outside", SMALL, values)
    (sharded / INDEX).write_text(json.dumps({"weight_map": {"x": name}}))
    message = refused(sharded)
    assert "no file of this folder" in message
    assert len(message) < 300


def test_an_index_that_does_not_fit_its_files_is_refused(sharded: Path) -> None:
    index = json.loads((sharded / INDEX).read_text())
    weight_map: dict[str, str] = index["weight_map"]
    changes: list[tuple[Any, str]] = [
        ({**weight_map, "more": "model-00001-of-00002.safetensors"}, "other tensors"),
        (dict(list(weight_map.items())[1:]), "other tensors"),
        (dict.fromkeys(weight_map, "model-00001-of-00002.safetensors"), "other tensors"),
        ({**weight_map, "more": "model-00003-of-00002.safetensors"}, "is missing"),
        ({str(n): f"{n}.safetensors" for n in range(1000)}, "at most"),
        ({}, "does not list"),
        ([], "does not list"),
        (None, "does not list"),
    ]
    for weight_map_, said in changes:
        (sharded / INDEX).write_text(json.dumps({"weight_map": weight_map_}))
        assert said in refused(sharded)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", INDEX, "model-00002-of-00002.safetensors"])
@pytest.mark.parametrize("how", ["absolute", "relative", "to a folder", "to itself"])
def test_a_link_out_of_the_folder_is_refused(
    tmp_path: Path, values: dict[str, Any], sharded: Path, file: str, how: str
) -> None:
    other = hugging_face_folder(tmp_path / "other", SMALL, values, shards=2)
    (other / "tokenizer.json").write_text(json.dumps(tokenizer_json(SMALL)))
    (sharded / file).unlink(missing_ok=True)
    target = {
        "absolute": other / file,
        "relative": f"../other/{file}",
        "to a folder": "..",
        "to itself": file,
    }
    (sharded / file).symlink_to(target[how])
    assert "link that leads out" in refused(sharded)


def test_a_snapshot_of_hugging_faces_cache_is_read_through_its_links(
    tmp_path: Path, values: dict[str, Any], sharded: Path
) -> None:
    snapshot = tmp_path / "models--openai--whisper-tiny" / "snapshots" / ("0" * 40)
    blobs = snapshot.parents[1] / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, file in enumerate(sorted(sharded.iterdir())):
        file.rename(blobs / f"{number:040x}")
        (snapshot / file.name).symlink_to(f"../../blobs/{number:040x}")
    read = read_values(snapshot)
    assert all(np.array_equal(read[name], values[name]) for name in values)
    # A blob that is itself a link leads out.
    (blobs / f"{0:040x}").rename(tmp_path / "elsewhere")
    (blobs / f"{0:040x}").symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in refused(snapshot)


# --- safetensors ---


@pytest.mark.parametrize("part", [0.0, 0.0000005, 0.001, 0.5, 0.999, 0.9999999])
def test_truncated_safetensors_are_refused(folder: Path, part: float) -> None:
    file = folder / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * part)])
    assert "download it again" in refused(folder)


def header_of(file: Path) -> tuple[dict[str, Any], bytes]:
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def rewritten(file: Path, header: bytes, data: bytes) -> None:
    file.write_bytes(struct.pack("<Q", len(header)) + header + data)


ENTRIES: dict[str, tuple[dict[str, Any], str]] = {
    "beyond the end": ({"data_offsets": [1 << 30, (1 << 30) + 128]}, "does not lie"),
    "before the beginning": ({"data_offsets": [-128, 0]}, "impossible"),
    "backwards": ({"data_offsets": [128, 0]}, "does not lie"),
    "over another": ({"data_offsets": [0, 128]}, "overlap"),
    "too long": ({"shape": [65]}, "does not lie"),
    "huge": ({"shape": [1 << 40, 1 << 40]}, "does not lie"),
    "beyond 64 bits": ({"shape": [1 << 64, 1 << 64]}, "impossible"),
    "negative": ({"shape": [-64]}, "impossible"),
    "twice negative": ({"shape": [-8, -8]}, "impossible"),
    "of fractions": ({"shape": [64.0]}, "impossible"),
    "of truth": ({"shape": [True, 64]}, "impossible"),
    "of many dimensions": ({"shape": [1] * 1000}, "impossible"),
    "without dimensions": ({"shape": None}, "impossible"),
    "of three offsets": ({"data_offsets": [0, 64, 128]}, "impossible"),
    "of integers": ({"dtype": "I16"}, "quantized"),
    "of 8-bit floats": ({"dtype": "F8_E4M3"}, "quantized"),
    "without a type": ({"dtype": ["F16"]}, "quantized"),
    "of another shape": ({"shape": [8, 8]}, "has shape (8, 8)"),
    "of more keys": ({"strides": [1]}, "not described"),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_tensor_that_does_not_lie_where_it_can_is_refused(folder: Path, name: str) -> None:
    change, said = ENTRIES[name]
    file = folder / "model.safetensors"
    header, data = header_of(file)
    header["model.decoder.layer_norm.bias"] |= change
    rewritten(file, json.dumps(header).encode(), data)
    assert said in refused(folder)


def test_safetensors_with_a_gap_a_tail_or_a_double_are_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    header, data = header_of(file)
    rewritten(file, json.dumps(header).encode(), data + b"tail")
    assert "fill the file" in refused(folder)
    last = max(header, key=lambda name: header[name]["data_offsets"][1] if name != "__metadata__" else 0)
    header[last]["data_offsets"] = [offset + 4 for offset in header[last]["data_offsets"]]
    rewritten(file, json.dumps(header).encode(), data + b"tail")
    assert "fill the file" in refused(folder)
    entry = json.dumps(header.popitem()[1])
    rewritten(file, f'{{"a": {entry}, "a": {entry}}}'.encode(), data)
    assert "twice" in refused(folder)


def test_a_header_of_a_hundred_megabytes_is_not_read(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.write(struct.pack("<Q", 100 << 20))
        file.truncate(1 << 40)  # sparse
    assert "header of" in refused(folder)


def test_one_tensor_under_two_names_or_in_two_shards_is_refused(folder: Path, values: dict[str, Any]) -> None:
    name = hugging_face_name("decoder.ln.bias")
    renamed = {hugging_face_name(own): array for own, array in values.items()}
    save_file({**renamed, name.removeprefix("model."): renamed[name].copy()}, folder / "model.safetensors")
    assert "stored twice" in refused(folder)


def test_quantized_safetensors_are_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, {**values, "decoder.ln.bias": np.zeros(64, np.int8)})
    assert "quantized" in refused(folder)


def test_an_output_projection_that_is_not_the_embedding_is_refused(
    folder: Path, values: dict[str, Any]
) -> None:
    renamed = {hugging_face_name(name): array for name, array in values.items()}
    other = values["decoder.token_embedding.weight"] + np.float16(1)
    save_file({**renamed, "proj_out.weight": other}, folder / "model.safetensors")
    assert "proj_out" in refused(folder)
    save_file({**renamed, "proj_out.weight": other[:5]}, folder / "model.safetensors")
    assert "proj_out" in refused(folder)


def test_the_dimensions_of_every_family_are_read_from_its_config(tmp_path: Path) -> None:
    for number, dims in enumerate(FAMILIES.values()):
        folder = hugging_face_folder(tmp_path / str(number), dims, {"encoder.ln_post.bias": np.zeros(128)})
        # Described as far as the tensors that are not there: the dimensions were taken in.
        expected = len(_names(dims)) - 2  # the one stored and the computed positions
        assert f"{expected} of {expected + 2} Whisper tensors are missing" in refused(folder)


def _names(dims: Dims) -> list[str]:
    from whisper_onnx.checkpoint import expected_shapes

    return list(expected_shapes(dims))
