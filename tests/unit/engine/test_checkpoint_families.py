"""Every family of Whisper models: known by shape, read from each format, built, loaded and right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from golden.scrambled import scrambled_mel, scrambled_tokens
from making_checkpoints import (
    ENGLISH,
    FAMILIES,
    OFFICIAL,
    SMALL,
    Tensors,
    hugging_face_folder,
    legacy_file,
    openai_file,
    tensors,
    tokenizer_json,
)
from whisper_onnx import WhisperModel
from whisper_onnx.build import build
from whisper_onnx.checkpoint import expected_shapes
from whisper_onnx.dims import Dims

RECORDED = json.loads((Path(__file__).parents[2] / "golden" / "families.json").read_text())["logits"]
COLUMN_STEP, TOKENS = 997, 5  # those of tests/golden/record_families.py

# Millions of parameters as published: openai-whisper's README (which counts neither the encoder's position
# embedding nor rounds alike), distil-whisper's model cards.
MILLIONS = {
    "tiny": 39,
    "base": 74,
    "small": 244,
    "medium": 769,
    "large-v1": 1550,
    "turbo": 809,
    "distil-small.en": 166,
    "distil-medium.en": 394,
    "distil-large-v2": 756,
    "distil-large-v3": 756,
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_published_model_has_as_many_parameters_as_its_tensors_hold(name: str) -> None:
    dims = OFFICIAL[name]
    shapes = expected_shapes(dims)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == dims.parameters
    assert shapes["decoder.token_embedding.weight"] == (dims.n_vocab, dims.n_text_state)
    assert sum(key.endswith("cross_attn.key.weight") for key in shapes) == dims.n_text_layer
    assert sum(key.endswith(".attn.key.weight") for key in shapes) == dims.n_audio_layer + dims.n_text_layer
    if name in MILLIONS:
        assert dims.parameters / 1e6 == pytest.approx(MILLIONS[name], rel=0.04)
    assert dims.is_multilingual is not name.endswith(".en")


def written(form: str, folder: Path, dims: Dims, values: Tensors) -> Path:
    match form:
        case "zip":
            return openai_file(folder / "model.pt", dims, values)
        case "legacy":
            return legacy_file(folder / "old.pt", dims, values)
        case _:
            path = hugging_face_folder(folder / "hf", dims, values, shards=2)
            (path / "tokenizer.json").write_text(json.dumps(tokenizer_json(dims)))
            return path


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_each_family_is_built_and_answers_as_openai_whisper_does(
    tmp_path: Path, family: str
) -> None:
    dims = FAMILIES[family]
    # The format should not matter, and does not: see below. So each family comes in another one.
    form = ("zip", "legacy", "shards")[list(FAMILIES).index(family) % 3]
    bundle = build(written(form, tmp_path, dims, tensors(dims)), tmp_path / "bundle", weights="fp32")
    model = WhisperModel(bundle, threads=1, slots=1)
    assert model.dims == dims
    assert bundle.alignment_heads == tuple(
        (layer, head) for layer in range(dims.n_text_layer // 2, dims.n_text_layer) for head in range(2)
    )
    model.runtime.encode([0], scrambled_mel(dims.n_mels)[None])
    logits = model.runtime.prompt(0, scrambled_tokens(dims.n_vocab, TOKENS))
    assert logits.shape == (TOKENS, dims.n_vocab)
    np.testing.assert_allclose(logits[:, ::COLUMN_STEP], RECORDED[family], atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", ["english", "distilled large-v3"])
def test_a_model_of_a_family_transcribes_in_its_own_vocabulary(tmp_path: Path, family: str) -> None:
    dims = FAMILIES[family]
    bundle = build(written("zip", tmp_path, dims, tensors(dims, np.float16)), tmp_path / "bundle")
    model = WhisperModel(bundle, threads=1, slots=1)
    noise = np.random.default_rng(5).normal(0, 0.1, 16_000).astype(np.float32)
    language, probabilities = model.detect_language(noise)
    assert len(probabilities) == (1 if dims.n_vocab == ENGLISH else 100)
    result = model.transcribe(
        noise,
        language=language,
        sample_len=4,
        temperature=0.0,
        no_speech_threshold=None,
        compression_ratio_threshold=None,
        logprob_threshold=None,
    )
    assert result.language == language
    assert all(token < dims.n_vocab for segment in result.segments for token in segment.tokens)


def test_the_same_weights_build_the_same_graphs_from_every_format(tmp_path: Path) -> None:
    values = tensors(SMALL, np.float16)
    hashes = []
    for form in ("zip", "legacy", "shards"):
        bundle = build(written(form, tmp_path, SMALL, values), tmp_path / form)
        hashes.append({name: entry.sha256 for name, entry in bundle.manifest.files.items()})
    assert hashes[0] == hashes[1] == hashes[2]
