"""The graphs: what they may use, what they hold once, and that stored types do not change results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from golden.scrambled import scrambled_mel, scrambled_tokens
from making_checkpoints import SMALL, hugging_face_folder, tensors
from whisper_onnx.build import build
from whisper_onnx.graph import decoder_graph, encoder_graph
from whisper_onnx.runtime import Runtime

WRITERS = {"encoder": encoder_graph, "decoder": decoder_graph}


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return tensors(SMALL)


@pytest.mark.parametrize("compute", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("weights", ["fp32", "fp16"])
@pytest.mark.parametrize("role", WRITERS)
def test_a_graph_is_valid_onnx_of_opset_20_and_microsoft_operators_only(
    values: dict[str, Any], role: str, compute: Any, weights: Any
) -> None:
    model = WRITERS[role](SMALL, values, compute=compute, weights=weights)
    onnx.checker.check_model(model)
    assert {(opset.domain, opset.version) for opset in model.opset_import} == {("", 20), ("com.microsoft", 1)}
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("role", WRITERS)
def test_the_same_weights_give_the_same_bytes(values: dict[str, Any], role: str) -> None:
    first, second = (WRITERS[role](SMALL, values, weights="fp16") for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


@pytest.mark.parametrize("weights", ["fp32", "fp16"])
def test_every_weight_is_stored_once_in_the_type_asked_for(values: dict[str, Any], weights: Any) -> None:
    stored = {"fp32": TensorProto.FLOAT, "fp16": TensorProto.FLOAT16}[weights]
    graphs = [write(SMALL, values, weights=weights).graph for write in WRITERS.values()]
    floats = [i for graph in graphs for i in graph.initializer if i.data_type != TensorProto.INT64]
    assert {i.data_type for i in floats} == {stored}
    # Every parameter, and the zeros that stand for the biases that keys do not have.
    zeros = SMALL.n_audio_state * (SMALL.n_audio_layer + SMALL.n_text_layer)
    assert sum(int(np.prod(i.dims)) for i in floats) == SMALL.parameters + zeros
    embeddings = [i for i in floats if list(i.dims) == [SMALL.n_vocab, SMALL.n_text_state]]
    assert len(embeddings) == 1
    expected = values["decoder.token_embedding.weight"].astype(
        {"fp32": np.float32, "fp16": np.float16}[weights]
    )
    assert np.array_equal(numpy_helper.to_array(embeddings[0]), expected)


def test_a_graph_for_fp16_computes_in_fp16_between_float32_log_mel_and_float32_logits(
    values: dict[str, Any],
) -> None:
    encoder, decoder = (write(SMALL, values, compute="fp16").graph for write in WRITERS.values())
    for graph in (encoder, decoder):
        assert {i.data_type for i in graph.initializer} <= {TensorProto.FLOAT16, TensorProto.INT64}
    casts = [node for graph in (encoder, decoder) for node in graph.node if node.op_type == "Cast"]
    assert [cast.attribute[0].i for cast in casts] == [TensorProto.FLOAT16, TensorProto.FLOAT]
    kinds = {i.name: i.type.tensor_type.elem_type for i in [*decoder.input, *decoder.output, *encoder.output]}
    assert {kinds[n] for n in kinds if "self" in n or "cross" in n or "present" in n} == {TensorProto.FLOAT16}
    assert kinds["logits"] == TensorProto.FLOAT


def test_weights_stored_in_fp16_give_exactly_the_logits_of_weights_rounded_to_fp16(
    values: dict[str, Any], tmp_path: Path
) -> None:
    rounded = {name: array.astype(np.float16).astype(np.float32) for name, array in values.items()}
    logits = []
    for name, weights, stored in (("half", "fp16", values), ("rounded", "fp32", rounded)):
        checkpoint = hugging_face_folder(tmp_path / f"{name}-hf", SMALL, stored)
        bundle = build(checkpoint, tmp_path / name, weights=weights)
        runtime = Runtime(bundle, provider="cpu", slots=1, threads=1)
        runtime.encode([0], scrambled_mel(SMALL.n_mels)[np.newaxis])
        logits.append(runtime.prompt(0, scrambled_tokens(SMALL.n_vocab, 12)))
    assert np.array_equal(logits[0], logits[1])


@pytest.mark.parametrize("compute", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("role", WRITERS)
def test_node_names_form_the_tree_of_the_architecture(
    values: dict[str, Any], role: str, compute: Any
) -> None:
    names = [node.name for node in WRITERS[role](SMALL, values, compute=compute).graph.node]
    assert {name.split("/")[1] for name in names} <= {"encoder", "decoder"}
    blocks = {name.rsplit("/", 1)[0] for name in names}
    parts = {"encoder": ("attn", "mlp"), "decoder": ("attn", "cross_attn", "mlp")}[role]
    assert {f"/{role}/blocks.{layer}/{part}" for layer in range(2) for part in parts} <= blocks


def test_an_int8_encoder_of_smalls_width_multiplies_nothing_but_bytes() -> None:
    wide = replace(SMALL, n_audio_state=768, n_audio_head=12, n_text_state=768, n_text_head=12)
    encoder = encoder_graph(wide, tensors(wide), compute="int8").graph
    assert not [node.name for node in encoder.node if node.op_type in ("MatMul", "Gemm")]


def test_a_narrow_int8_graph_multiplies_bytes_but_for_the_encoders_attention(values: dict[str, Any]) -> None:
    encoder, decoder = (write(SMALL, values, compute="int8").graph for write in WRITERS.values())
    exact = [node.name for graph in (encoder, decoder) for node in graph.node if node.op_type == "MatMul"]
    assert len(exact) == 4 * SMALL.n_audio_layer
    assert all(name.startswith("/encoder/blocks.") and "/attn/" in name for name in exact)
    assert not [node for node in decoder.node if node.op_type == "Gemm"]
    kinds = {i.name: i.type.tensor_type.elem_type for i in [*decoder.input, *encoder.output]}
    assert {kinds[f"cross_{kind}_0"] for kind in "kv"} == {TensorProto.INT8}
