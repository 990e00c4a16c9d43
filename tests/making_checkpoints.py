"""Checkpoints for tests, written without torch: OpenAI's `.pt` in both of torch's formats, and Hugging Face
folders; good and bad.

That torch and transformers write the same is held by tests/parity/check_checkpoints.py.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from golden.scrambled import scrambled
from whisper_onnx.checkpoint import expected_shapes
from whisper_onnx.dims import Dims
from whisper_onnx.tokenizer import load_vocabulary

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


def _official(n_mels: int, state: int, encoder: int, n_vocab: int, decoder: int) -> Dims:
    heads = state // 64
    return Dims(n_mels, 1500, state, heads, encoder, n_vocab, 448, state, heads, decoder)


ENGLISH, MULTILINGUAL, WITH_CANTONESE = 51864, 51865, 51866

# Every published model (openai-whisper's model card; distil-whisper's config.json files).
OFFICIAL = {
    "tiny": _official(80, 384, 4, MULTILINGUAL, 4),
    "tiny.en": _official(80, 384, 4, ENGLISH, 4),
    "base": _official(80, 512, 6, MULTILINGUAL, 6),
    "base.en": _official(80, 512, 6, ENGLISH, 6),
    "small": _official(80, 768, 12, MULTILINGUAL, 12),
    "small.en": _official(80, 768, 12, ENGLISH, 12),
    "medium": _official(80, 1024, 24, MULTILINGUAL, 24),
    "medium.en": _official(80, 1024, 24, ENGLISH, 24),
    "large-v1": _official(80, 1280, 32, MULTILINGUAL, 32),
    "large-v2": _official(80, 1280, 32, MULTILINGUAL, 32),
    "large-v3": _official(128, 1280, 32, WITH_CANTONESE, 32),
    "turbo": _official(128, 1280, 32, WITH_CANTONESE, 4),
    "distil-small.en": _official(80, 768, 12, ENGLISH, 4),
    "distil-medium.en": _official(80, 1024, 24, ENGLISH, 2),
    "distil-large-v2": _official(80, 1280, 32, MULTILINGUAL, 2),
    "distil-large-v3": _official(128, 1280, 32, WITH_CANTONESE, 2),
    "distil-large-v3.5": _official(128, 1280, 32, WITH_CANTONESE, 2),
}

# One small model of each family: its vocabulary, its mel bands, and layers that differ where the family's do.
FAMILIES = {
    "multilingual": _official(80, 128, 2, MULTILINGUAL, 2),
    "english": _official(80, 128, 2, ENGLISH, 2),
    "large-v3": _official(128, 128, 2, WITH_CANTONESE, 2),
    "turbo": _official(128, 128, 3, WITH_CANTONESE, 2),
    "distilled": _official(80, 128, 3, MULTILINGUAL, 1),
    "distilled english": _official(80, 128, 3, ENGLISH, 1),
    "distilled large-v3": _official(128, 128, 3, WITH_CANTONESE, 1),
}


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


def byte_letters() -> dict[int, str]:
    """The character that stands for each byte in a byte-level vocabulary: itself, or one from U+0100 on."""
    shown = {b for b in range(256) if chr(b).isprintable() and not chr(b).isspace()} - {0xAD}
    hidden = [b for b in range(256) if b not in shown]
    return {b: chr(b) for b in shown} | {b: chr(256 + i) for i, b in enumerate(hidden)}


def tokenizer_json(dims: Dims) -> dict[str, Any]:
    """What Hugging Face's tokenizer.json says of the vocabulary of these dimensions."""
    name: Literal["multilingual", "gpt2"] = "multilingual" if dims.is_multilingual else "gpt2"
    vocabulary = load_vocabulary(name, dims.num_languages)
    letters = byte_letters()
    texts = {"".join(letters[b] for b in piece): rank for piece, rank in vocabulary.ranks.items()}
    added = [{"id": rank, "content": text, "special": True} for text, rank in vocabulary.special.items()]
    return {"version": "1.0", "added_tokens": added, "model": {"type": "BPE", "vocab": texts, "merges": []}}


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
        case None:
            return b"N"
        case int() if abs(value) < 1 << 31:
            return b"J" + struct.pack("<i", value)
        case int():
            return b"\x8a\x0a" + value.to_bytes(10, "little", signed=True)
        case str():
            encoded = value.encode()
            return b"X" + struct.pack("<I", len(encoded)) + encoded
        case tuple():
            return b"(" + b"".join(map(_opcodes, value)) + b"t"
        case list():
            return b"](" + b"".join(map(_opcodes, value)) + b"e"
        case dict():
            return b"}(" + b"".join(_opcodes(k) + _opcodes(v) for k, v in value.items()) + b"u"
    raise TypeError(type(value))


STORAGES = {
    "float16": "HalfStorage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "uint16": "BFloat16Storage",
}


def tensor(
    key: str,
    array: NDArray[Any],
    *,
    shape: Any = None,
    strides: Any = None,
    offset: int = 0,
    view: tuple[Any, ...] = (),
) -> Call:
    """torch's description of a tensor over the stored data `key`; uint16 stands for bfloat16.

    `view`: the sixth part of a storage's identity in the old format, `(None,)` or a view of the storage.
    """
    kind = Global("torch", STORAGES[array.dtype.name])
    storage = Persistent(("storage", kind, key, "cpu", array.size, *view))
    shape = tuple(array.shape) if shape is None else shape
    strides = tuple(s // array.itemsize for s in array.strides) if strides is None else strides
    no_hooks = Call(Global("collections", "OrderedDict"), ())
    return Call(
        Global("torch._utils", "_rebuild_tensor_v2"), (storage, offset, shape, strides, False, no_hooks)
    )


def openai_tree(
    dims: Dims | Mapping[str, Any], values: Tensors, *, view: tuple[Any, ...] = ()
) -> dict[str, Any]:
    """What `torch.save` is given for a Whisper checkpoint."""
    described = dims.to_dict() if isinstance(dims, Dims) else dict(dims)
    state = {name: tensor(str(key), array, view=view) for key, (name, array) in enumerate(values.items())}
    return {"dims": described, "model_state_dict": state}


def openai_file(
    path: Path,
    dims: Dims | Mapping[str, Any],
    values: Tensors,
    *,
    pickle: bytes | None = None,
    compression: int = zipfile.ZIP_STORED,
    extra: Mapping[str, bytes] | None = None,
    byteorder: str = "little",
) -> Path:
    """Writes a `.pt` as `torch.save` does; `pickle` replaces its object tree, `extra` adds entries."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("model/data.pkl", pickle or pickled(openai_tree(dims, values)))
        archive.writestr("model/byteorder", byteorder)
        for key, array in enumerate(values.values()):
            archive.writestr(f"model/data/{key}", np.ascontiguousarray(array).tobytes())
        archive.writestr("model/version", "3\n")
        for name, data in (extra or {}).items():
            archive.writestr(f"model/{name}", data)
    return path


LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def legacy_file(
    path: Path,
    dims: Dims | Mapping[str, Any],
    values: Tensors,
    *,
    pickle: bytes | None = None,
    system: Mapping[str, Any] = SYSTEM,
    keys: list[str] | None = None,
) -> Path:
    """Writes a `.pt` in torch's format before its zip format; the storages follow in the order of `keys`."""
    arrays = {str(key): np.ascontiguousarray(array) for key, array in enumerate(values.values())}
    keys = sorted(arrays) if keys is None else keys
    with path.open("wb") as file:
        for value in (LEGACY_MAGIC, 1001, dict(system)):
            file.write(pickled(value))
        file.write(pickle or pickled(openai_tree(dims, values, view=(None,))))
        file.write(pickled(keys))
        for key in keys:
            file.write(struct.pack("<q", arrays[key].size) + arrays[key].tobytes())
    return path
