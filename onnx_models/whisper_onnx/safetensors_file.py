"""A safetensors file: a JSON header that says where each tensor lies, then the raw little-endian values.

Format: Hugging Face `safetensors`, README, "Format". Read here rather than by its library, because that maps
the file into memory (a file that shrinks then ends the process), and believes a header of up to 100 MB.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import ml_dtypes  # noqa: F401  # registers bfloat16 with numpy
import numpy as np
from numpy.typing import NDArray

from .errors import CheckpointError
from .held_file import HeldFile

__all__ = ["FileTensor", "object_of", "tensors_of"]

_MAX_HEADER: Final = 4 << 20  # bytes; large-v3's has 0.2 MB
_MAX_TENSORS: Final = 8_192  # large-v3 has 1,260
_MAX_RANK: Final = 8
_LENGTH: Final = struct.Struct("<Q")
# The format's names of types -> numpy's. The others are integers and quantized numbers.
_DTYPES: Final[Mapping[str, str]] = MappingProxyType(
    {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "bfloat16"}
)


@dataclass(frozen=True, slots=True)
class FileTensor:
    """One tensor of a file, not yet read."""

    file: HeldFile
    dtype: str
    shape: tuple[int, ...]
    begin: int  # of its bytes, counted from the end of the header
    end: int
    data: int  # where in the file the header ends

    def read(self) -> NDArray[Any]:
        """The values as float16, float32 or float64; bfloat16 is widened to float32."""
        values = np.empty(self.shape, self.dtype)
        self.file.read_into(self.data + self.begin, values.reshape(-1).view(np.uint8).data)
        return values.astype(np.float32) if self.dtype == "bfloat16" else values


def tensors_of(file: HeldFile) -> dict[str, FileTensor]:
    """What the file holds, by name. Raises CheckpointError when it is damaged or holds other than floats."""
    name = file.path.name
    if file.size < _LENGTH.size:
        raise CheckpointError(f"{name} ends too early; download it again")
    (length,) = _LENGTH.unpack(file.read(0, _LENGTH.size))
    data = _LENGTH.size + length
    if length > _MAX_HEADER:
        raise CheckpointError(f"{name} has a header of {length} bytes; the file is damaged or false")
    if data > file.size:
        raise CheckpointError(f"{name} ends too early; download it again")
    header = object_of(file.read(_LENGTH.size, length), f"the header of {name}")
    header.pop("__metadata__", None)
    if len(header) > _MAX_TENSORS:
        raise CheckpointError(f"{name} has {len(header)} tensors, a model has at most {_MAX_TENSORS}")
    tensors = {key: _tensor(file, key, entry, data) for key, entry in header.items()}
    places = sorted((tensor.begin, tensor.end) for tensor in tensors.values())
    together = all(before[1] == after[0] for before, after in pairwise(places))
    if places and (not together or places[0][0] != 0 or places[-1][1] != file.size - data):
        raise CheckpointError(
            f"{name}: its tensors overlap, or do not fill the file; it is damaged, download it again"
        )
    return tensors


def _tensor(file: HeldFile, name: str, entry: object, data: int) -> FileTensor:
    where = f"{file.path.name}: {name[:80]!r}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{where} is not described as a tensor; download it again")
    dtype, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise CheckpointError(
            f"{where} is stored as {str(dtype)[:20] if isinstance(dtype, str) else 'no type'!r}; quantized "
            "models are not read, use the model's float16 or float32 form"
        )
    if not _are_counts(shape, _MAX_RANK) or not _are_counts(place, 2) or len(place) != 2:
        raise CheckpointError(f"{where} has an impossible shape or place; download it again")
    size = np.dtype(_DTYPES[dtype]).itemsize * math.prod(shape)
    if size != place[1] - place[0] or data + place[1] > file.size:
        raise CheckpointError(f"{where} does not lie where the header says; download it again")
    return FileTensor(file, _DTYPES[dtype], tuple(shape), place[0], place[1], data)


def _are_counts(values: object, most: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= most
        and all(type(value) is int and 0 <= value < 1 << 48 for value in values)
    )


def object_of(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `data`. Raises CheckpointError when it is something else or names a key twice."""
    try:
        value = json.loads(data, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{what} is not JSON ({str(error)[:100]}); download it again") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{what} is not a JSON object; download it again")
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(values := dict(pairs)) != len(pairs):
        raise ValueError("a key is there twice")
    return values
