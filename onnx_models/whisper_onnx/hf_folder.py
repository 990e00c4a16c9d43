"""A Whisper model in Hugging Face's layout: `config.json` and one or several `*.safetensors` files.

Names are mapped to openai-whisper's (source: transformers'
`models/whisper/convert_openai_to_hf.py`, read backwards).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import ml_dtypes  # noqa: F401  # registers bfloat16 with numpy, which safetensors then finds
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from .checkpoint import Described, StoredTensor
from .dims import Dims
from .errors import CheckpointError
from .held_file import HeldFile

_MAX_JSON: Final = 4 << 20  # bytes; config.json has 2 kB, the index of large-v3 0.1 MB
_DTYPES: Final = frozenset({"F16", "F32", "F64", "BF16"})

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
_TIED_OUTPUT: Final = "proj_out.weight"  # the token embedding once more


@dataclass(frozen=True, slots=True)
class _Tensor:
    file: Any  # safetensors' open file
    name: str
    shape: tuple[int, ...]

    def read(self) -> NDArray[Any]:
        array: NDArray[Any] = self.file.get_tensor(self.name)
        return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def described(folder: Path, stack: ExitStack) -> Described:
    """Describes the model in `folder`; `stack` closes the files that its tensors are read from.

    Raises CheckpointError when it is no Whisper model or its files do not fit together.
    """
    dims = _dims(_json(folder / "config.json"))
    held = [_opened(folder / "config.json", stack)]
    stored: dict[str, StoredTensor] = {}
    try:
        for path in _weight_files(folder):
            held.append(_opened(path, stack))
            file = stack.enter_context(safe_open(f"/proc/self/fd/{held[-1].fileno()}", framework="numpy"))
            for name in file.keys():  # noqa: SIM118  # the library's object is not iterable
                _describe(file, name, path, stored)
        _check_tied(stored)
    except SafetensorError as error:
        raise CheckpointError(
            f"the safetensors in {folder.name} are damaged ({error}); download them again"
        ) from error
    return Described(dims, stored, tuple(held))


def _opened(path: Path, stack: ExitStack) -> HeldFile:
    file = HeldFile.open(path)
    stack.callback(file.close)
    return file


def _describe(file: Any, name: str, path: Path, stored: dict[str, StoredTensor]) -> None:
    described = file.get_slice(name)
    if described.get_dtype() not in _DTYPES:
        raise CheckpointError(
            f"{path.name}: {name[:80]!r} is stored as {described.get_dtype()}; quantized models are not "
            "read, use the model's float16 or float32 form"
        )
    own = _openai_name(name)
    if own in stored:
        raise CheckpointError(f"{path.name}: {name[:80]!r} is stored twice; the folder mixes two models")
    stored[own] = _Tensor(file, name, tuple(described.get_shape()))


def _openai_name(name: str) -> str:
    """openai-whisper's name of a Hugging Face tensor; a name that is not Whisper's comes back unchanged."""
    bare = name.removeprefix("model.")
    if match := _BLOCK_NAME.fullmatch(bare):
        side, layer, part, kind = match.groups()
        if part in _BLOCK_PARTS:
            return f"{side}.blocks.{int(layer)}.{_BLOCK_PARTS[part]}.{kind}"
    return _OTHER_PARTS.get(bare, bare)


def _check_tied(stored: dict[str, StoredTensor]) -> None:
    """Drops a stored output projection, after making sure that it is the token embedding."""
    output = stored.pop(_TIED_OUTPUT, None)
    embedding = stored.get("decoder.token_embedding.weight")
    if output is None or embedding is None:
        return
    if output.shape != embedding.shape or not np.array_equal(output.read(), embedding.read()):
        raise CheckpointError("proj_out.weight differs from the token embedding; Whisper models tie the two")


def _weight_files(folder: Path) -> tuple[Path, ...]:
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        single = folder / "model.safetensors"
        if not single.is_file():
            raise CheckpointError(
                f"{folder.name} has no model.safetensors; a pytorch_model.bin is not read, because it may "
                "hold a program: get the model's safetensors form"
            )
        return (single,)
    weight_map = _json(index).get("weight_map")
    names = set(weight_map.values()) if isinstance(weight_map, dict) else set()
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise CheckpointError(f"{index.name} does not list the files of this folder")
    for name in sorted(names):
        if not (folder / name).is_file():
            raise CheckpointError(f"{name} is missing in {folder.name}; download the model again")
    return tuple(folder / name for name in sorted(names))


def _dims(config: Mapping[str, Any]) -> Dims:
    if config.get("model_type") != "whisper":
        raise CheckpointError(f"config.json is of a {config.get('model_type')!r} model, expected 'whisper'")
    if config.get("activation_function", "gelu") != "gelu" or config.get("scale_embedding", False):
        raise CheckpointError("config.json changes Whisper's architecture (activation or embedding scale)")
    try:
        dims = Dims.from_mapping({own: config.get(theirs) for own, theirs in _DIMS.items()})
    except ValueError as error:
        raise CheckpointError(f"config.json: {error}") from error
    for key in ("encoder_ffn_dim", "decoder_ffn_dim"):
        if config.get(key, 4 * dims.n_audio_state) != 4 * dims.n_audio_state:
            raise CheckpointError(f"config.json: {key} is {config[key]}, Whisper's is four times d_model")
    return dims


def _json(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise CheckpointError(
            f"{path.parent.name} has no {path.name}; give a folder in Hugging Face's layout"
        )
    if path.stat().st_size > _MAX_JSON:
        raise CheckpointError(f"{path.name} is larger than {_MAX_JSON} bytes; it is not a model's")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.name} is not JSON ({error}); download it again") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path.name} is not a JSON object; download it again")
    return value
