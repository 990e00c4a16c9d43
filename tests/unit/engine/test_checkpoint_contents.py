"""What a checkpoint of any format must hold: one Whisper's tensors, finite, of possible dimensions."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from making_checkpoints import SMALL, hugging_face_folder, legacy_file, openai_file, tensors
from reading_checkpoints import refused
from whisper_onnx.checkpoint import read_checkpoint
from whisper_onnx.errors import CheckpointError

FORMS: dict[str, Callable[..., Path]] = {
    "zip": lambda path, values: openai_file(path, SMALL, values),
    "legacy": lambda path, values: legacy_file(path, SMALL, values),
    "folder": lambda path, values: hugging_face_folder(path, SMALL, values),
}


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return tensors(SMALL, np.float16)


def changed(name: str, array: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda values: {**values, name: array}


def filled(value: float) -> Any:
    array = np.zeros(64, np.float16)
    array[-1] = value
    return array


DAMAGED: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "a missing tensor": (lambda v: {k: a for k, a in v.items() if k != "decoder.ln.bias"}, "decoder.ln.bias"),
    "a tensor too many": (changed("decoder.lora.weight", np.zeros(3, np.float16)), "decoder.lora.weight"),
    "a layer too many": (changed("decoder.blocks.2.mlp_ln.bias", np.zeros(64, np.float16)), "not Whisper's"),
    "a bias that no key has": (changed("encoder.blocks.0.attn.key.bias", filled(0)), "not Whisper's"),
    "a longer tensor": (changed("decoder.ln.bias", np.zeros(65, np.float16)), "(65,)"),
    "a transposed tensor": (
        changed("decoder.blocks.0.mlp.0.weight", np.zeros((64, 256), np.float16)),
        "(64, 256)",
    ),
    "a NaN": (changed("decoder.ln.bias", filled(np.nan)), "NaN"),
    "an infinity": (changed("decoder.ln.bias", filled(np.inf)), "infinity"),
    "a negative infinity": (changed("decoder.ln.bias", filled(-np.inf)), "infinity"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", DAMAGED)
def test_tensors_that_do_not_make_the_model_are_refused_by_name(
    tmp_path: Path, values: dict[str, Any], name: str, form: str
) -> None:
    damage, named = DAMAGED[name]
    assert named in refused(FORMS[form](tmp_path / "model", damage(values)))


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_finite_is_found_where_it_is_read_and_nowhere_else(
    tmp_path: Path, values: dict[str, Any], form: str
) -> None:
    path = FORMS[form](tmp_path / "model", {**values, "decoder.ln.bias": filled(np.nan)})
    with read_checkpoint(path) as checkpoint:
        assert checkpoint.tensors["decoder.ln.weight"].shape == (64,)
        with pytest.raises(CheckpointError, match=r"decoder\.ln\.bias holds NaN"):
            checkpoint.tensors["decoder.ln.bias"]


IMPOSSIBLE: dict[str, tuple[dict[Any, Any], str]] = {
    "too large": ({"n_audio_state": 1 << 40, "n_text_state": 1 << 40}, "n_audio_state is 1099511627776"),
    "absurd": ({"n_audio_state": 1 << 70}, "n_audio_state is not a usable number"),
    "negative": ({"n_audio_layer": -1}, "n_audio_layer is -1"),
    "no number": ({"n_mels": "80"}, "n_mels is not a usable number"),
    "missing": ({"n_mels": None}, "n_mels is missing"),
    "a truth value": ({"n_audio_layer": True}, "n_audio_layer is not a usable number"),
    "unknown": ({"n_experts": 8}, "n_experts"),
    "without a name": ({7: 8}, "not those of a Whisper"),
    "many": ({f"n_{number}": 1 for number in range(100)}, "not those of a Whisper"),
    "of a short window": ({"n_audio_ctx": 750}, "n_audio_ctx is 750"),
    "of a small vocabulary": ({"n_vocab": 1000}, "n_vocab is 1000"),
    "of a vocabulary with added tokens": ({"n_vocab": 51867}, "added tokens"),
    "of heads that do not divide": ({"n_text_head": 3}, "n_text_head is 3"),
    "of two widths": ({"n_text_state": 128}, "n_text_state 128 differ"),
    "of more mel bands": ({"n_mels": 128}, "(64, 128, 3)"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
@pytest.mark.parametrize("write", [openai_file, legacy_file])
def test_impossible_dimensions_are_refused_by_name(
    tmp_path: Path, values: dict[str, Any], name: str, write: Callable[..., Path]
) -> None:
    change, said = IMPOSSIBLE[name]
    message = refused(write(tmp_path / "model.pt", {**SMALL.to_dict(), **change}, values))
    assert said in message
    assert len(message) < 400


def test_a_zip_file_with_two_entries_of_one_name_is_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    path = openai_file(tmp_path / "model.pt", SMALL, values)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")  # zipfile's own, about the second name
        archive.writestr("model/data/0", b"another")
    assert "two entries of one name" in refused(path)


def test_entries_below_two_top_folders_that_mean_the_same_are_refused(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    path = openai_file(tmp_path / "model.pt", SMALL, values)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/data.pkl", b"\x80\x02}.")
    assert "two entries of one name" in refused(path)
