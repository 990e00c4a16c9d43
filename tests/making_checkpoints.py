"""Checkpoints for tests, written without torch: OpenAI's `.pt` and Hugging Face folders, good and bad."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from golden.scrambled import scrambled
from whisper_onnx.checkpoint import expected_shapes
from whisper_onnx.dims import Dims

Tensors = Mapping[str, NDArray[Any]]

# The smallest Whisper that still has two of everything; heads of 32 as in the demo model.
SMALL = Dims(
    n_mels=80,
    n_audio_ctx=1500,
    n_audio_state=64,
    n_audio_head=2,
    n_audio_layer=2,
    n_vocab=51865,
    n_text_ctx=448,
    n_text_state=64,
    n_text_head=2,
    n_text_layer=2,
)


def tensors(dims: Dims, dtype: Any = np.float32) -> dict[str, NDArray[Any]]:
    """Scrambled weights of every tensor a checkpoint of these dimensions holds."""
    return {name: scrambled(name, shape).astype(dtype) for name, shape in expected_shapes(dims).items()}


# --- Hugging Face ---

_CONFIG = {
    "n_mels": "num_mel_bins",
    "n_audio_ctx": "max_source_positions",
    "n_audio_state": "d_model",
    "n_audio_head": "encoder_attention_heads",
    "n_audio_layer": "encoder_layers",
    "n_vocab": "vocab_size",
    "n_text_ctx": "max_target_positions",
    "n_text_head": "decoder_attention_heads",
    "n_text_layer": "decoder_layers",
}
# In this order: a later pair must not find what an earlier one wrote.
_RENAMED = (
    ("cross_attn_ln", "encoder_attn_layer_norm"),
    ("cross_attn.out", "encoder_attn.out_proj"),
    ("cross_attn.query", "encoder_attn.q_proj"),
    ("cross_attn.key", "encoder_attn.k_proj"),
    ("cross_attn.value", "encoder_attn.v_proj"),
    (".attn_ln", ".self_attn_layer_norm"),
    (".attn.out", ".self_attn.out_proj"),
    (".attn.query", ".self_attn.q_proj"),
    (".attn.key", ".self_attn.k_proj"),
    (".attn.value", ".self_attn.v_proj"),
    ("mlp_ln", "final_layer_norm"),
    ("mlp.0", "fc1"),
    ("mlp.2", "fc2"),
    (".blocks.", ".layers."),
    ("token_embedding", "embed_tokens"),
    ("positional_embedding", "embed_positions.weight"),
    ("encoder.ln_post", "encoder.layer_norm"),
    ("decoder.ln.", "decoder.layer_norm."),
)


def hugging_face_name(name: str) -> str:
    for ours, theirs in _RENAMED:
        name = name.replace(ours, theirs)
    return f"model.{name}"


def config(dims: Dims) -> dict[str, Any]:
    """What Hugging Face's config.json says of these dimensions."""
    values = {theirs: getattr(dims, ours) for ours, theirs in _CONFIG.items()}
    ffn = 4 * dims.n_audio_state
    return {"model_type": "whisper", "encoder_ffn_dim": ffn, "decoder_ffn_dim": ffn, **values}


def hugging_face_folder(folder: Path, dims: Dims, values: Tensors, *, shards: int = 1) -> Path:
    """Writes a folder as `WhisperForConditionalGeneration.save_pretrained` does."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(dims)))
    renamed = {hugging_face_name(name): np.ascontiguousarray(array) for name, array in values.items()}
    if shards == 1:
        save_file(renamed, folder / "model.safetensors")
        return folder
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: renamed[name] for name in sorted(renamed)[shard::shards]}
        save_file(part, folder / file)
        weight_map |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": weight_map})
    )
    return folder


# --- OpenAI's .pt: a zip file of a pickle and raw values ---


@dataclass(frozen=True)
class Global:
    """A class or function that the pickle names."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """A call that the pickle asks for when it is read."""

    function: Global
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Persistent:
    """A reference to stored data."""

    identity: tuple[Any, ...]


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are."""

    opcodes: bytes


def pickled(value: Any) -> bytes:
    """A pickle, protocol 2, whose every opcode this module wrote."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: Any) -> bytes:  # noqa: PLR0911  # one return for each kind of value
    match value:
        case Raw():
            return value.opcodes
        case Global():
            return f"c{value.module}\n{value.name}\n".encode()
        case Call():
            return _opcodes(value.function) + _opcodes(value.arguments) + b"R"
        case Persistent():
            return _opcodes(value.identity) + b"Q"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return (
                b"J" + struct.pack("<i", value)
                if abs(value) < 1 << 31
                else b"\x8a\x08" + struct.pack("<q", value)
            )
        case str():
            encoded = value.encode()
            return b"X" + struct.pack("<I", len(encoded)) + encoded
        case tuple():
            return b"(" + b"".join(map(_opcodes, value)) + b"t"
        case dict():
            return b"}(" + b"".join(_opcodes(k) + _opcodes(v) for k, v in value.items()) + b"u"
    raise TypeError(type(value))


STORAGES = {
    "float16": "HalfStorage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "uint16": "BFloat16Storage",
}


def tensor(key: str, array: NDArray[Any], *, shape: Any = None, strides: Any = None, offset: int = 0) -> Call:
    """torch's description of a tensor over the stored data `key`; uint16 stands for bfloat16."""
    storage = Persistent(("storage", Global("torch", STORAGES[array.dtype.name]), key, "cpu", array.size))
    shape = tuple(array.shape) if shape is None else shape
    strides = tuple(s // array.itemsize for s in array.strides) if strides is None else strides
    no_hooks = Call(Global("collections", "OrderedDict"), ())
    return Call(
        Global("torch._utils", "_rebuild_tensor_v2"), (storage, offset, shape, strides, False, no_hooks)
    )


def openai_tree(dims: Dims | Mapping[str, Any], values: Tensors) -> dict[str, Any]:
    """What `torch.save` is given for a Whisper checkpoint."""
    described = dims.to_dict() if isinstance(dims, Dims) else dict(dims)
    state = {name: tensor(str(key), array) for key, (name, array) in enumerate(values.items())}
    return {"dims": described, "model_state_dict": state}


def openai_file(
    path: Path,
    dims: Dims | Mapping[str, Any],
    values: Tensors,
    *,
    pickle: bytes | None = None,
    compression: int = zipfile.ZIP_STORED,
    extra: Mapping[str, bytes] | None = None,
) -> Path:
    """Writes a `.pt` as `torch.save` does; `pickle` replaces its object tree, `extra` adds entries."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("model/data.pkl", pickle or pickled(openai_tree(dims, values)))
        archive.writestr("model/byteorder", "little")
        for key, array in enumerate(values.values()):
            archive.writestr(f"model/data/{key}", np.ascontiguousarray(array).tobytes())
        archive.writestr("model/version", "3\n")
        for name, data in (extra or {}).items():
            archive.writestr(f"model/{name}", data)
    return path
