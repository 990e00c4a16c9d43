"""Reads a Whisper checkpoint as named arrays, without torch and without running anything it contains.

openai-whisper's `.pt` in torch's zip format (`torch_zip.py`) and in the one before it (`torch_legacy.py`),
and Hugging Face folders with `config.json` and `*.safetensors` (`hf_folder.py`). Each is described first
(names, shapes, places), checked against the model's dimensions, and only then read, one tensor at a time, so
that a false or damaged file never costs memory and a sound one never more than its largest tensor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .dims import N_VOCAB_ENGLISH, Dims
from .errors import CheckpointError
from .held_file import HeldFile
from .published import ALIGNMENT_HEADS, Heads, default_heads, fits

__all__ = ["Checkpoint", "expected_shapes", "read_checkpoint"]


_MAX_DIMS: Final = 64  # entries of a `dims` dictionary; there should be ten


class StoredTensor(Protocol):
    """One tensor that is described but not yet read."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def read(self) -> NDArray[Any]:
        """The values, of `shape`. Raises CheckpointError when the stored bytes do not hold them."""
        ...


@dataclass(frozen=True)
class Described:
    """What a format's module found: everything but the values. `files` are held open for those."""

    dims: Dims
    stored: Mapping[str, StoredTensor]
    files: tuple[HeldFile, ...]
    alignment_heads: Heads | None = None  # what the checkpoint itself says


class LazyTensors(Mapping[str, NDArray[Any]]):
    """openai-whisper's parameter names -> values, each read from the file and checked when it is asked for.

    Values are new C-contiguous float16, float32 or float64 arrays of the shape that `expected_shapes` names,
    all finite. Nothing is kept, so that one tensor at a time is in memory: keep what is needed twice.
    A value raises CheckpointError when it cannot be read, is not finite, or the checkpoint is closed.
    """

    def __init__(self, dims: Dims, stored: Mapping[str, StoredTensor]) -> None:
        self._stored = {name: stored[name] for name in expected_shapes(dims)}

    def __getitem__(self, name: str) -> NDArray[Any]:
        array = np.ascontiguousarray(self._stored[name].read())
        if not np.isfinite(array).all():
            raise CheckpointError(f"{name} holds NaN or infinity; the checkpoint is damaged")
        return array

    def __contains__(self, name: object) -> bool:
        return name in self._stored  # Mapping's own would read the values

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model's dimensions and weights, with the files open until `close` or the end of the `with` block.

    `tensors`: exactly those of `expected_shapes(dims)`, read at each access (see LazyTensors). `source`:
    format and file name. `files`: what is read.
    """

    dims: Dims
    tensors: Mapping[str, NDArray[Any]]
    source: str
    files: tuple[Path, ...]
    _held: tuple[HeldFile, ...] = field(repr=False)
    _own_heads: Heads | None = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the checkpoint's file, lower-case hexadecimal; of several, over the lines of theirs.

        It is that of the very files which `tensors` are read from: they are hashed through the same open
        descriptors, and a change of one between any two reads is a CheckpointError.
        """
        with ThreadPoolExecutor(max_workers=4) as pool:
            hashes = list(pool.map(HeldFile.sha256, self._held))
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()

    @cached_property
    def alignment_heads(self) -> Heads:
        """(layer, head) of the decoder's cross-attention heads that follow the audio, for word timestamps.

        As the checkpoint says (Hugging Face's generation_config.json); for a file that OpenAI published, as
        openai-whisper says; otherwise every head of the last half of the decoder's layers, its default. The
        first two count only if they name heads of this model: distilled ones come with their teacher's.
        """
        own = ALIGNMENT_HEADS.get(self.sha256) if self._own_heads is None else self._own_heads
        return own if own and fits(own, self.dims) else default_heads(self.dims)

    def close(self) -> None:
        """Closes the files; `tensors` can be read no more."""
        for file in self._held:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_checkpoint(path: Path) -> Checkpoint:
    """Opens the checkpoint at `path`: an OpenAI `.pt` file, or a folder in Hugging Face's layout.

    Everything but the values is read and checked here; those are when `Checkpoint.tensors` is asked for them.
    Raises CheckpointError when it is neither, damaged, unsafe, or does not fit its own dimensions.
    """
    from . import hf_folder  # noqa: PLC0415  # it imports this module's names

    try:
        with ExitStack() as stack:
            if path.is_dir():
                kind, described = "Hugging Face safetensors", hf_folder.described(path, stack)
            else:
                kind, described = "OpenAI checkpoint", _openai(path, stack)
            _check(described)
            stack.pop_all()  # from here on the Checkpoint closes them
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    return Checkpoint(
        dims=described.dims,
        tensors=LazyTensors(described.dims, described.stored),
        source=f"{kind}, {path.name}",
        files=tuple(file.path for file in described.files),
        _held=described.files,
        _own_heads=described.alignment_heads,
    )


def _openai(path: Path, stack: ExitStack) -> Described:
    """The `.pt` file at `path`, in whichever of torch's two formats it begins like."""
    from . import torch_legacy, torch_zip  # noqa: PLC0415  # they import this module's names

    file = HeldFile.open(path)
    stack.callback(file.close)
    head = file.read(0, min(file.size, 9))
    if head.startswith(torch_zip.MAGIC):
        return torch_zip.described(file)
    if head.startswith(torch_legacy.MAGIC):
        return torch_legacy.described(file)
    if head[8:] == b"{":
        raise CheckpointError(f"{path.name} is a safetensors file alone; give its folder with config.json")
    raise CheckpointError(
        f"{path.name} is not a torch checkpoint, neither of the current nor of the old format; if it should "
        "be one, download it again"
    )


def dims_of(values: Mapping[Any, object], where: str) -> Dims:
    """Dims from what a file says. Raises CheckpointError, whatever the values are, and says `where`."""
    if not all(isinstance(name, str) for name in values) or len(values) > _MAX_DIMS:
        raise CheckpointError(f"{where}: the dimensions are not those of a Whisper model")
    for name, value in values.items():
        if type(value) is not int or abs(value) >= 1 << 63:  # the message must not hold what could be huge
            raise CheckpointError(
                f"{where}: {name[:40]} is {'missing' if value is None else 'not a usable number'}"
            )
    try:
        dims = Dims.from_mapping({name[:40]: value for name, value in values.items()})
    except ValueError as error:
        raise CheckpointError(f"{where}: {error}") from error
    if dims.n_vocab > N_VOCAB_ENGLISH + 2:
        raise CheckpointError(
            f"{where}: n_vocab is {dims.n_vocab}, but Whisper's vocabularies have {N_VOCAB_ENGLISH} to "
            f"{N_VOCAB_ENGLISH + 2} tokens; a model with added tokens is not read"
        )
    return dims


def _check(described: Described) -> None:
    expected, stored = expected_shapes(described.dims), described.stored
    if missing := [name for name in expected if name not in stored]:
        raise CheckpointError(
            f"{len(missing)} of {len(expected)} Whisper tensors are missing (first: {missing[0]}); "
            "the file is not a complete Whisper checkpoint"
        )
    if unexpected := sorted(stored.keys() - expected.keys()):
        raise CheckpointError(
            f"{len(unexpected)} tensors are not Whisper's (first: {unexpected[0][:80]!r}); "
            "merge adapters into the model and save it again"
        )
    for name, shape in expected.items():
        if stored[name].shape != shape:
            raise CheckpointError(
                f"{name} has shape {stored[name].shape}, the model's dimensions ask for {shape}; "
                "the checkpoint is damaged or its dimensions are wrong"
            )


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
