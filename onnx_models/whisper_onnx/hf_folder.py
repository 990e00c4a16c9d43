"""A Whisper model in Hugging Face's layout: a folder with `config.json` and one or several `*.safetensors`.

`generation_config.json` (alignment heads) and `tokenizer.json` are used where they are there. Names are
mapped to openai-whisper's (source: transformers' `models/whisper/convert_openai_to_hf.py`, read backwards).

Every file is opened through the folder's own descriptor by a plain name, and a link is followed only in the
layout of Hugging Face's download cache, where each file of a snapshot links to one of `blobs/`.
"""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .checkpoint import Described, StoredTensor, dims_of
from .dims import Dims
from .errors import CheckpointError
from .held_file import HeldFile
from .hf_vocabulary import alignment_heads, check_generation_config, check_tokenizer
from .safetensors_file import object_of, tensors_of

__all__ = ["described"]

_MAX_JSON: Final = 4 << 20  # bytes; config.json has 2 kB, the index of large-v3 0.1 MB
_MAX_TOKENIZER: Final = 8 << 20  # bytes; large-v3's has 2.5 MB
_MAX_SHARDS: Final = 128  # each is an open file; large-v3 in float32 has 2
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")

_DIMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "n_mels": "num_mel_bins",
        "n_audio_ctx": "max_source_positions",
        "n_audio_state": "d_model",
        "n_audio_head": "encoder_attention_heads",
        "n_audio_layer": "encoder_layers",
        "n_vocab": "vocab_size",
        "n_text_ctx": "max_target_positions",
        "n_text_state": "d_model",
        "n_text_head": "decoder_attention_heads",
        "n_text_layer": "decoder_layers",
    }
)

# Hugging Face's part of a name -> OpenAI's, inside a block and outside of one.
_BLOCK_PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "self_attn.q_proj": "attn.query",
        "self_attn.k_proj": "attn.key",
        "self_attn.v_proj": "attn.value",
        "self_attn.out_proj": "attn.out",
        "self_attn_layer_norm": "attn_ln",
        "encoder_attn.q_proj": "cross_attn.query",
        "encoder_attn.k_proj": "cross_attn.key",
        "encoder_attn.v_proj": "cross_attn.value",
        "encoder_attn.out_proj": "cross_attn.out",
        "encoder_attn_layer_norm": "cross_attn_ln",
        "fc1": "mlp.0",
        "fc2": "mlp.2",
        "final_layer_norm": "mlp_ln",
    }
)
_OTHER_PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "encoder.conv1.weight": "encoder.conv1.weight",
        "encoder.conv1.bias": "encoder.conv1.bias",
        "encoder.conv2.weight": "encoder.conv2.weight",
        "encoder.conv2.bias": "encoder.conv2.bias",
        "encoder.embed_positions.weight": "encoder.positional_embedding",
        "encoder.layer_norm.weight": "encoder.ln_post.weight",
        "encoder.layer_norm.bias": "encoder.ln_post.bias",
        "decoder.embed_tokens.weight": "decoder.token_embedding.weight",
        "decoder.embed_positions.weight": "decoder.positional_embedding",
        "decoder.layer_norm.weight": "decoder.ln.weight",
        "decoder.layer_norm.bias": "decoder.ln.bias",
    }
)
_BLOCK_NAME: Final = re.compile(r"(encoder|decoder)\.layers\.(\d{1,3})\.(.+)\.(weight|bias)", re.ASCII)
_INDEX: Final = "model.safetensors.index.json"
_TIED_OUTPUT: Final = "proj_out.weight"
_EMBEDDING: Final = "decoder.token_embedding.weight"
_POSITIONS: Final = "encoder.positional_embedding"


@dataclass(frozen=True, slots=True)
class _Sinusoids:
    """The encoder's position embedding, which is the same in every Whisper, for files that leave it out."""

    shape: tuple[int, ...]

    def read(self) -> NDArray[np.float32]:
        """Sines and cosines as float32, as openai-whisper's `model.sinusoids` computes them."""
        length, channels = self.shape
        steps = max(1, channels // 2 - 1)  # a model of width 2 has one rate
        rates = np.exp(-np.log(10_000) / steps * np.arange(channels // 2)).astype(np.float32)
        angles = np.arange(length, dtype=np.float32)[:, None] * rates
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


class _Folder:
    """The folder's files, each held open once it was asked for; `stack` closes them after a failure."""

    def __init__(self, path: Path, descriptor: int, stack: ExitStack) -> None:
        self.path: Final = path
        self._descriptor = descriptor
        self._stack = stack
        self.files: Final[list[HeldFile]] = []

    def open(self, name: str) -> HeldFile | None:
        """Opens the file; None if there is none of this name."""
        try:
            file = HeldFile.open_in(self._descriptor, self.path / name)
        except FileNotFoundError:
            return None
        self._stack.callback(file.close)
        self.files.append(file)
        return file

    def json(self, name: str, limit: int = _MAX_JSON) -> dict[str, Any] | None:
        """The JSON object in the file; None if there is none of this name."""
        if (file := self.open(name)) is None:
            return None
        if file.size > limit:
            raise CheckpointError(f"{name} is larger than {limit} bytes; it is not a model's")
        return object_of(file.read(0, file.size), name)


def described(path: Path, stack: ExitStack) -> Described:
    """Describes the model in the folder; `stack` closes the files that its tensors are read from.

    Raises CheckpointError when it is no Whisper model or its files do not fit together.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        folder = _Folder(path, descriptor, stack)
        config = folder.json("config.json")
        if config is None:
            raise CheckpointError(f"{path.name} has no config.json; give a folder in Hugging Face's layout")
        dims = _dims(config)
        generation = folder.json("generation_config.json") or {}
        check_generation_config(generation, dims)
        if (tokenizer := folder.json("tokenizer.json", _MAX_TOKENIZER)) is not None:
            check_tokenizer(tokenizer, dims)
        stored = _stored(folder, dims)
    finally:
        os.close(descriptor)
    return Described(dims, stored, tuple(folder.files), alignment_heads(generation))


def _stored(folder: _Folder, dims: Dims) -> dict[str, StoredTensor]:
    stored: dict[str, StoredTensor] = {}
    for file, names in _weight_files(folder):
        tensors = tensors_of(file)
        if names is not None and names != tensors.keys():
            raise CheckpointError(f"{file.path.name} holds other tensors than {_INDEX} says")
        for name, tensor in tensors.items():
            own = _openai_name(name)
            if own in stored:
                raise CheckpointError(
                    f"{file.path.name}: {name[:80]!r} is stored twice; the folder mixes two models"
                )
            stored[own] = tensor
    _tie_output(stored)
    stored.setdefault(_POSITIONS, _Sinusoids((dims.n_audio_ctx, dims.n_audio_state)))
    return stored


def _openai_name(name: str) -> str:
    """openai-whisper's name of a Hugging Face tensor; a name that is not Whisper's comes back unchanged."""
    bare = name.removeprefix("model.")
    if match := _BLOCK_NAME.fullmatch(bare):
        side, layer, part, kind = match.groups()
        if part in _BLOCK_PARTS:
            return f"{side}.blocks.{int(layer)}.{_BLOCK_PARTS[part]}.{kind}"
    return _OTHER_PARTS.get(bare, bare)


def _tie_output(stored: dict[str, StoredTensor]) -> None:
    """Drops a stored output projection, which is the token embedding once more, or takes it for that."""
    output = stored.pop(_TIED_OUTPUT, None)
    embedding = stored.get(_EMBEDDING)
    if output is None:
        return
    if embedding is None:
        stored[_EMBEDDING] = output
    elif output.shape != embedding.shape or not np.array_equal(output.read(), embedding.read()):
        raise CheckpointError("proj_out.weight differs from the token embedding; Whisper models tie the two")


def _weight_files(folder: _Folder) -> Iterator[tuple[HeldFile, set[str] | None]]:
    """Each file with weights, and the tensors that the index says it holds (None without an index)."""
    index = folder.json(_INDEX)
    if index is None:
        if (single := folder.open("model.safetensors")) is None:
            raise CheckpointError(
                f"{folder.path.name} has no model.safetensors; a pytorch_model.bin is not read, because it "
                "may hold a program: get the model's safetensors form"
            )
        yield single, None
        return
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{_INDEX} does not list the files of this folder")
    shards: dict[str, set[str]] = {}
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not _NAME.fullmatch(shard):
            raise CheckpointError(f"{_INDEX} names {reprlib.repr(shard)}, which is no file of this folder")
        shards.setdefault(shard, set()).add(name)
    if len(shards) > _MAX_SHARDS:
        raise CheckpointError(f"{_INDEX} lists {len(shards)} files, a model has at most {_MAX_SHARDS}")
    for shard in sorted(shards):
        if (file := folder.open(shard)) is None:
            raise CheckpointError(f"{shard} is missing in {folder.path.name}; download the model again")
        yield file, shards[shard]


def _dims(config: Mapping[str, Any]) -> Dims:
    if config.get("model_type") != "whisper":
        raise CheckpointError(
            f"config.json is of a model of type {reprlib.repr(config.get('model_type'))}, expected 'whisper'"
        )
    if config.get("activation_function", "gelu") != "gelu" or config.get("scale_embedding", False):
        raise CheckpointError("config.json changes Whisper's architecture (activation or embedding scale)")
    if not config.get("tie_word_embeddings", True):
        raise CheckpointError("config.json unties the output from the token embedding; Whisper ties the two")
    dims = dims_of({own: config.get(theirs) for own, theirs in _DIMS.items()}, "config.json")
    for key in ("encoder_ffn_dim", "decoder_ffn_dim"):
        if (width := config.get(key, 4 * dims.n_audio_state)) != 4 * dims.n_audio_state:
            raise CheckpointError(
                f"config.json: {key} is {reprlib.repr(width)}, Whisper's is four times d_model"
            )
    return dims
