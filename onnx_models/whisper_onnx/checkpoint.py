"""Reads a Whisper checkpoint into named arrays, without torch and without running anything it contains.

Two formats: openai-whisper's `.pt` (torch's zip format, `torch_zip.py`) and a Hugging Face folder with
`config.json` and `*.safetensors` (`hf_folder.py`). Both are described first (names, shapes, places), checked
against the model's dimensions, and only then read, so that a false or damaged file never costs memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .dims import Dims
from .errors import CheckpointError

__all__ = ["Checkpoint", "expected_shapes", "read_checkpoint"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model's dimensions and weights.

    `tensors`: openai-whisper's parameter names -> C-contiguous float16, float32 or float64 arrays, exactly
    those of `expected_shapes(dims)`, all finite. `source`: format and file name. `files`: what was read.
    """

    dims: Dims
    tensors: Mapping[str, NDArray[Any]]
    source: str
    files: tuple[Path, ...]


class StoredTensor(Protocol):
    """One tensor that is described but not yet read."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def read(self) -> NDArray[Any]:
        """The values, of `shape`. Raises CheckpointError when the stored bytes do not hold them."""
        ...


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads the checkpoint at `path`: an OpenAI `.pt` file, or a folder in Hugging Face's layout.

    Raises CheckpointError when it is neither, damaged, unsafe, or does not fit its own dimensions.
    """
    from . import hf_folder, torch_zip  # noqa: PLC0415  # they import this module's names

    try:
        if path.is_dir():
            with hf_folder.opened(path) as (dims, stored, files):
                return _read(dims, stored, f"Hugging Face safetensors, {path.name}", files)
        with torch_zip.opened(path) as (dims, stored):
            return _read(dims, stored, f"OpenAI checkpoint, {path.name}", (path,))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error


def _read(dims: Dims, stored: Mapping[str, StoredTensor], source: str, files: tuple[Path, ...]) -> Checkpoint:
    expected = expected_shapes(dims)
    if missing := [name for name in expected if name not in stored]:
        raise CheckpointError(
            f"{len(missing)} of {len(expected)} Whisper tensors are missing (first: {missing[0]}); "
            "the file is not a complete Whisper checkpoint"
        )
    if unexpected := sorted(stored.keys() - expected.keys()):
        raise CheckpointError(
            f"{len(unexpected)} tensors are not Whisper's (first: {unexpected[0]!r}); "
            "merge adapters into the model and save it again"
        )
    for name, shape in expected.items():
        if stored[name].shape != shape:
            raise CheckpointError(
                f"{name} has shape {stored[name].shape}, the model's dimensions ask for {shape}; "
                "the checkpoint is damaged or its dimensions are wrong"
            )
    tensors = {name: _finite(name, stored[name].read()) for name in expected}
    return Checkpoint(dims=dims, tensors=tensors, source=source, files=files)


def _finite(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(array).all():
        raise CheckpointError(f"{name} holds NaN or infinity; the checkpoint is damaged")
    return np.ascontiguousarray(array)


def expected_shapes(dims: Dims) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every parameter of openai-whisper's `Whisper(dims)` (its `state_dict`)."""
    d = dims.n_audio_state
    return dict(
        [
            ("encoder.conv1.weight", (d, dims.n_mels, 3)),
            ("encoder.conv1.bias", (d,)),
            ("encoder.conv2.weight", (d, d, 3)),
            ("encoder.conv2.bias", (d,)),
            ("encoder.positional_embedding", (dims.n_audio_ctx, d)),
            *_blocks("encoder", dims.n_audio_layer, d, cross=False),
            *_layer_norm("encoder.ln_post", d),
            ("decoder.token_embedding.weight", (dims.n_vocab, d)),
            ("decoder.positional_embedding", (dims.n_text_ctx, d)),
            *_blocks("decoder", dims.n_text_layer, d, cross=True),
            *_layer_norm("decoder.ln", d),
        ]
    )


_Shapes: TypeAlias = Iterator[tuple[str, tuple[int, ...]]]


def _blocks(side: str, layers: int, d: int, *, cross: bool) -> _Shapes:
    for layer in range(layers):
        block = f"{side}.blocks.{layer}"
        for attention in ("attn", "cross_attn") if cross else ("attn",):
            yield from _layer_norm(f"{block}.{attention}_ln", d)
            for projection in ("query", "key", "value", "out"):
                yield f"{block}.{attention}.{projection}.weight", (d, d)
                if projection != "key":  # a bias of the key changes no softmax; Whisper has none
                    yield f"{block}.{attention}.{projection}.bias", (d,)
        yield from _layer_norm(f"{block}.mlp_ln", d)
        yield f"{block}.mlp.0.weight", (4 * d, d)
        yield f"{block}.mlp.0.bias", (4 * d,)
        yield f"{block}.mlp.2.weight", (d, 4 * d)
        yield f"{block}.mlp.2.bias", (d,)


def _layer_norm(name: str, d: int) -> _Shapes:
    yield f"{name}.weight", (d,)
    yield f"{name}.bias", (d,)
