"""openai-whisper's checkpoint as torch stores it: strided views of storages, in whichever file format.

`torch_zip.py` and `torch_legacy.py` say where in the file each storage lies; the object tree that both hold
is `{"dims": {...}, "model_state_dict": {name: tensor}}`.
"""

from __future__ import annotations

import math
import reprlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .checkpoint import Described, dims_of
from .errors import CheckpointError
from .held_file import HeldFile
from .torch_pickle import ITEM_SIZES, TensorView, Unused

__all__ = ["StoredBytes", "described"]

_CHUNK: Final = 1 << 20  # bytes checked at a time
# A view may spread over at most so many times its own values. Whisper's are dense; columns cut out of a fused
# matrix are spread threefold. Without a limit a small tensor could make a whole file be read into memory.
_MAX_SPREAD: Final = 16


@dataclass(slots=True)
class StoredBytes:
    """One storage's place in the file. `crc32`, where the format has one, is checked before the first use."""

    file: HeldFile
    offset: int  # bytes
    size: int  # bytes
    crc32: int | None = None
    _checked: bool = field(default=False, init=False)

    def read(self, start: int, buffer: memoryview) -> None:
        """Fills `buffer` with the bytes from `start` on, which must lie inside."""
        if self.crc32 is not None and not self._checked:
            self._check_crc32(self.crc32)
        self.file.read_into(self.offset + start, buffer)

    def _check_crc32(self, expected: int) -> None:
        crc32, buffer = 0, memoryview(bytearray(min(_CHUNK, self.size)))
        for start in range(0, self.size, _CHUNK):
            part = buffer[: min(_CHUNK, self.size - start)]
            self.file.read_into(self.offset + start, part)
            crc32 = zlib.crc32(part, crc32)
        if crc32 != expected:
            raise CheckpointError(f"{self.file.path.name} is damaged (bad CRC-32); download it again")
        self._checked = True


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage that was found to lie inside it."""

    stored: StoredBytes
    dtype: str
    first: int  # the first value's place in the storage
    span: int  # values from the first to the last
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of its values in the file."""
        return math.prod(self.shape) * ITEM_SIZES[self.dtype]

    def read(self) -> NDArray[Any]:
        size = ITEM_SIZES[self.dtype]
        values = np.empty(self.span, "<u2" if self.dtype == "bfloat16" else self.dtype)
        self.stored.read(self.first * size, values.view(np.uint8).data)
        if self.dtype == "bfloat16":  # the upper half of a float32
            values = (values.astype("<u4") << 16).view("<f4")
        strides = tuple(stride * values.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(values, self.shape, strides, writeable=False)


def described(file: HeldFile, tree: object, storages: Mapping[str, StoredBytes]) -> Described:
    """The checkpoint that the tree describes. Raises CheckpointError when it is not openai-whisper's."""
    name = file.path.name
    if not isinstance(tree, dict) or not {"dims", "model_state_dict"} <= tree.keys():
        raise CheckpointError(
            f"{name} has no `dims` and `model_state_dict`, so it is not openai-whisper's; for a Hugging Face "
            "model give its folder with config.json and model.safetensors"
        )
    dims, state = tree["dims"], tree["model_state_dict"]
    if not isinstance(dims, dict) or not isinstance(state, dict):
        raise CheckpointError(f"{name}: `dims` and `model_state_dict` are not dictionaries")
    tensors: dict[str, _Tensor] = {}
    for key, value in state.items():
        if key == "alignment_heads" or isinstance(value, Unused):
            continue  # saved by some versions as a buffer; see published.py
        if not isinstance(key, str) or not isinstance(value, TensorView):
            raise CheckpointError(f"{name}: {reprlib.repr(key)} is not a tensor of floating-point numbers")
        tensors[key] = _tensor(key, value, storages)
    # Parts may share a storage, but each value is of one part; else a small file could describe a huge model.
    if sum(tensor.size for tensor in tensors.values()) > file.size:
        raise CheckpointError(f"{name} describes more than the file holds; it is damaged or false")
    return Described(dims_of(dims, name), tensors, (file,))


def _tensor(name: str, view: TensorView, storages: Mapping[str, StoredBytes]) -> _Tensor:
    dtype = view.storage.dtype
    if dtype[1] in "iub":
        raise CheckpointError(f"{name[:80]!r} is not a tensor of floating-point numbers")
    stored = storages.get(view.storage.key)
    if stored is None:
        raise CheckpointError(f"{name[:80]!r} refers to stored data that the file does not hold")
    if 0 in view.shape:
        raise CheckpointError(f"{name[:80]!r} has the impossible shape {view.shape}")
    span = 1 + sum((n - 1) * stride for n, stride in zip(view.shape, view.strides, strict=True))
    held = min(view.storage.length, stored.size // ITEM_SIZES[dtype] - view.storage.start)
    if view.offset + span > held:
        raise CheckpointError(
            f"{name[:80]!r} needs {view.offset + span} stored values, the file holds {max(0, held)} for it; "
            "the checkpoint is damaged, download it again"
        )
    count = math.prod(view.shape)
    if span < count:
        raise CheckpointError(f"{name[:80]!r} repeats its stored values; save it as a tensor of its own")
    if span > _MAX_SPREAD * count:
        raise CheckpointError(f"{name[:80]!r} is spread over {span} values; save it contiguously")
    return _Tensor(stored, dtype, view.storage.start + view.offset, span, view.shape, view.strides)
