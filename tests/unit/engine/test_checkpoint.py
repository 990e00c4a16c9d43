"""Checkpoints: every format of the same weights reads as the same values, one at a time, from held files."""

from __future__ import annotations

import gc
import hashlib
import os
import tracemalloc
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from making_checkpoints import (
    SMALL,
    Call,
    Global,
    hugging_face_folder,
    hugging_face_name,
    legacy_file,
    openai_file,
    openai_tree,
    pickled,
    tensor,
    tensors,
)
from reading_checkpoints import read_values
from whisper_onnx import published
from whisper_onnx.checkpoint import expected_shapes, read_checkpoint
from whisper_onnx.errors import CheckpointError

FORMS = ("zip", "legacy", "folder", "shards")


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return tensors(SMALL, np.float16)


@pytest.fixture(scope="module")
def sound(values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return openai_file(tmp_path_factory.mktemp("sound") / "model.pt", SMALL, values)


def written(form: str, folder: Path, values: dict[str, Any]) -> Path:
    match form:
        case "zip":
            return openai_file(folder / "model.pt", SMALL, values)
        case "legacy":
            return legacy_file(folder / "model.pt", SMALL, values)
        case _:
            return hugging_face_folder(folder / "hf", SMALL, values, shards=3 if form == "shards" else 1)


@pytest.mark.parametrize("form", FORMS)
def test_every_format_reads_every_value_as_stored(tmp_path: Path, values: dict[str, Any], form: str) -> None:
    with read_checkpoint(written(form, tmp_path, values)) as checkpoint:
        assert checkpoint.dims == SMALL
        assert list(checkpoint.tensors) == list(expected_shapes(SMALL))
        for name, array in checkpoint.tensors.items():
            assert array.dtype == np.float16
            assert array.flags.c_contiguous
            assert np.array_equal(array, values[name]), name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wider_floats_keep_their_width(
    tmp_path: Path, values: dict[str, Any], form: str, dtype: type[np.floating[Any]]
) -> None:
    wide = values["decoder.ln.bias"].astype(dtype) / 3
    read = read_values(written(form, tmp_path, {**values, "decoder.ln.bias": wide}))["decoder.ln.bias"]
    assert read.dtype == dtype
    assert np.array_equal(read, wide)


@pytest.mark.parametrize("form", FORMS)
def test_bfloat16_is_widened_without_loss(tmp_path: Path, values: dict[str, Any], form: str) -> None:
    exact = (values["decoder.ln.bias"].astype(np.float32).view("<u4") & np.uint32(0xFFFF0000)).view("<f4")
    halves = (exact.view("<u4") >> 16).astype("<u2")
    stored = halves if form in {"zip", "legacy"} else exact.astype(ml_dtypes.bfloat16)
    read = read_values(written(form, tmp_path, {**values, "decoder.ln.bias": stored}))["decoder.ln.bias"]
    assert read.dtype == np.float32
    assert np.array_equal(read, exact)


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_a_transposed_view_with_an_offset_is_read_in_its_own_order(
    tmp_path: Path, values: dict[str, Any], form: str
) -> None:
    name = "encoder.blocks.0.attn.query.weight"
    stored = {**values, name: np.concatenate([np.zeros(5, np.float16), values[name].T.ravel()])}
    key, view = str(list(stored).index(name)), (None,) if form == "legacy" else ()
    tree = openai_tree(SMALL, stored, view=view)
    tree["model_state_dict"][name] = tensor(
        key, stored[name], shape=(64, 64), strides=(1, 64), offset=5, view=view
    )
    write = openai_file if form == "zip" else legacy_file
    path = write(tmp_path / "model.pt", SMALL, stored, pickle=pickled(tree))
    assert np.array_equal(read_values(path)[name], values[name])


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_tensors_that_share_a_storage_each_read_their_own_part(
    tmp_path: Path, values: dict[str, Any], form: str
) -> None:
    names = [f"encoder.blocks.0.attn.{part}.weight" for part in ("query", "key", "value")]
    fused = np.concatenate([values[name] for name in names])
    stored = {**values, names[0]: fused}
    key, view = str(list(stored).index(names[0])), (None,) if form == "legacy" else ()
    tree = openai_tree(SMALL, stored, view=view)
    for part, name in enumerate(names):
        tree["model_state_dict"][name] = tensor(
            key, fused, shape=(64, 64), strides=(64, 1), offset=part * 4096, view=view
        )
    if form == "zip":
        path = openai_file(tmp_path / "model.pt", SMALL, stored, pickle=pickled(tree))
    else:
        keys = [str(k) for k, name in enumerate(stored) if name not in names[1:]]
        path = legacy_file(tmp_path / "model.pt", SMALL, stored, pickle=pickled(tree), keys=keys)
    read = read_values(path)
    assert all(np.array_equal(read[name], values[name]) for name in names)


def test_a_storage_view_of_the_oldest_files_counts_from_its_own_beginning(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    name = "decoder.ln.bias"
    stored = {**values, name: np.concatenate([np.zeros(7, np.float16), values[name]])}
    key = str(list(stored).index(name))
    tree = openai_tree(SMALL, stored, view=(None,))
    tree["model_state_dict"][name] = tensor(
        key, stored[name], shape=(64,), strides=(1,), view=(("a view", 7, 64),)
    )
    path = legacy_file(tmp_path / "model.pt", SMALL, stored, pickle=pickled(tree))
    assert np.array_equal(read_values(path)[name], values[name])


def test_a_state_dict_saved_with_alignment_heads_is_read_without_them(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    tree = openai_tree(SMALL, values)
    layout = Call(Global("torch.serialization", "_get_layout"), ("torch.sparse_coo",))
    sparse = Call(Global("torch._utils", "_rebuild_sparse_tensor"), (layout, ()))
    tree["model_state_dict"]["alignment_heads"] = sparse
    read = read_values(openai_file(tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))
    assert read.keys() == expected_shapes(SMALL).keys()


@pytest.mark.parametrize("output", ["left out", "beside the embedding", "instead of the embedding"])
def test_names_without_the_model_prefix_and_a_tied_output_are_read(
    tmp_path: Path, values: dict[str, Any], output: str
) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, values)
    bare = {hugging_face_name(name).removeprefix("model."): array for name, array in values.items()}
    if output != "left out":
        bare["proj_out.weight"] = bare["decoder.embed_tokens.weight"].copy()
    if output == "instead of the embedding":
        del bare["decoder.embed_tokens.weight"]
    save_file(bare, folder / "model.safetensors")
    read = read_values(folder)
    assert all(np.array_equal(read[name], values[name]) for name in values)


def test_position_embeddings_that_a_folder_leaves_out_are_whispers_sinusoids(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    name = "encoder.positional_embedding"
    folder = hugging_face_folder(tmp_path, SMALL, {k: v for k, v in values.items() if k != name})
    read = read_values(folder)[name]
    assert read.dtype == np.float32
    # Position 0 is sin 0 and cos 0, and channel i of the first half advances by 10000 ** (-i / 31).
    assert np.array_equal(read[0], [0.0] * 32 + [1.0] * 32)
    rates = 10_000.0 ** (-np.arange(32) / 31)
    assert np.allclose(read[:, :32], np.sin(np.arange(1500)[:, None] * rates), atol=2e-4)
    assert np.allclose(read[:, 32:], np.cos(np.arange(1500)[:, None] * rates), atol=2e-4)


# --- one at a time, from held files ---


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_holds_no_values_and_reading_one_costs_no_more_than_it(
    tmp_path: Path, values: dict[str, Any], form: str
) -> None:
    path = written(form, tmp_path, values)
    largest = values["decoder.token_embedding.weight"].nbytes
    gc.collect()
    tracemalloc.start()
    try:
        with read_checkpoint(path) as checkpoint:
            opened, peak = tracemalloc.get_traced_memory()
            assert opened < 1 << 20
            assert peak < largest
            for array in checkpoint.tensors.values():
                assert array.nbytes <= largest
            assert tracemalloc.get_traced_memory()[1] < 2 * largest + (2 << 20)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_read_anew_at_each_access_and_not_at_all_once_closed(
    tmp_path: Path, values: dict[str, Any], form: str
) -> None:
    with read_checkpoint(written(form, tmp_path, values)) as checkpoint:
        first, second = checkpoint.tensors["decoder.ln.bias"], checkpoint.tensors["decoder.ln.bias"]
        assert not np.shares_memory(first, second)
        assert "decoder.ln.bias" in checkpoint.tensors
    with pytest.raises(CheckpointError, match="closed already"):
        checkpoint.tensors["decoder.ln.bias"]
    assert len(checkpoint.tensors) == len(expected_shapes(SMALL))


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_descriptor_stays_open_after_a_checkpoint_or_a_refusal(
    tmp_path: Path, sound: Path, values: dict[str, Any]
) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, values, shards=3)
    before = open_descriptors()
    for path in (sound, folder):
        read_checkpoint(path).close()
    (folder / "config.json").write_text("{}")
    with pytest.raises(CheckpointError):
        read_checkpoint(folder)
    assert open_descriptors() == before


@pytest.mark.parametrize("form", FORMS)
def test_the_digest_is_that_of_the_very_files_that_are_read(
    tmp_path: Path, values: dict[str, Any], form: str
) -> None:
    path = written(form, tmp_path, values)
    with read_checkpoint(path) as checkpoint:
        hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in checkpoint.files]
        for file in checkpoint.files:  # what is put in their place is neither hashed nor read
            file.rename(file.with_suffix(".old"))
            file.write_bytes(b"another file")
        expected = hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
        assert checkpoint.sha256 == expected
        assert np.array_equal(checkpoint.tensors["decoder.ln.bias"], values["decoder.ln.bias"])


@pytest.mark.parametrize("change", ["longer", "shorter", "overwritten"])
def test_a_file_that_changes_while_it_is_read_is_refused_not_mixed(
    tmp_path: Path, values: dict[str, Any], change: str
) -> None:
    path = openai_file(tmp_path / "model.pt", SMALL, values)
    with read_checkpoint(path) as checkpoint:
        assert checkpoint.tensors["decoder.ln.bias"].size
        if change == "overwritten":
            with path.open("r+b") as file:
                file.write(b"PK")
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))  # whatever the clock's grain
        else:
            os.truncate(path, path.stat().st_size + (100 if change == "longer" else -100))
        with pytest.raises(CheckpointError, match="changed while"):
            checkpoint.tensors["decoder.ln.bias"]
        with pytest.raises(CheckpointError, match="changed while"):
            _ = checkpoint.sha256


# --- alignment heads ---


def test_a_folders_alignment_heads_are_those_of_its_generation_config(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, values)
    (folder / "generation_config.json").write_text('{"alignment_heads": [[1, 0], [0, 1]]}')
    with read_checkpoint(folder) as checkpoint:
        assert checkpoint.alignment_heads == ((0, 1), (1, 0))


@pytest.mark.parametrize(
    "text", ["{}", '{"alignment_heads": null}', '{"alignment_heads": [[1, 0], [25, 6]]}']
)
def test_without_usable_heads_all_of_the_last_half_of_the_layers_are_taken(
    tmp_path: Path, values: dict[str, Any], text: str
) -> None:
    folder = hugging_face_folder(tmp_path, SMALL, values)
    (folder / "generation_config.json").write_text(text)
    with read_checkpoint(folder) as checkpoint:
        assert checkpoint.alignment_heads == ((1, 0), (1, 1))


def test_a_file_that_openai_published_has_the_heads_that_openai_names(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_checkpoint(sound) as checkpoint:
        assert checkpoint.alignment_heads == ((1, 0), (1, 1))
    # None of their files is at hand: let this one be in the table.
    table = {hashlib.sha256(sound.read_bytes()).hexdigest(): ((0, 1),)}
    monkeypatch.setattr("whisper_onnx.checkpoint.ALIGNMENT_HEADS", table)
    with read_checkpoint(sound) as checkpoint:
        assert checkpoint.alignment_heads == ((0, 1),)


def test_every_published_models_heads_are_heads_that_it_has() -> None:
    from making_checkpoints import OFFICIAL

    openai = [dims for name, dims in OFFICIAL.items() if not name.startswith("distil")]
    tables = list(published.ALIGNMENT_HEADS.values())
    # In the order of the table: tiny.en, tiny, base.en, base, ... large-v1, large-v2, large-v3, turbo.
    assert len(tables) == len(openai) == 12
    english_first = sorted(openai, key=lambda dims: (dims.n_audio_state, dims.n_vocab, -dims.n_text_layer))
    for heads, dims in zip(tables, english_first, strict=True):
        assert published.fits(heads, dims)
        assert list(heads) == sorted(set(heads))
