"""openai-whisper's `.pt`: torch's zip format, read by an unpickler that can only describe tensors.

The archive holds `NAME/data.pkl` (the object tree; tensors as references) and `NAME/data/KEY` (raw
little-endian values, stored uncompressed). Format: torch `torch/serialization.py` and `caffe2/serialize`.

What keeps a hostile file harmless: only stored (uncompressed) entries that together fit the file are read,
so nothing inflates; the pickle's opcodes are checked before it runs (none that imports by a computed name or
creates objects by class, no memo larger than the pickle); `find_class` knows a fixed list and never imports.
"""

from __future__ import annotations

import errno
import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .checkpoint import Described, StoredTensor
from .dims import Dims
from .errors import CheckpointError
from .held_file import HeldFile

_MAX_PICKLE: Final = 16 << 20  # bytes; large-v3's is about 0.2 MB
_MAX_ENTRIES: Final = 16_384
_LEGACY_MAGIC: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

# torch's storage classes -> numpy's names of the stored values; bfloat16 is widened after reading.
_STORAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "HalfStorage": "<f2",
        "FloatStorage": "<f4",
        "DoubleStorage": "<f8",
        "BFloat16Storage": "bfloat16",
        "LongStorage": "<i8",
        "BoolStorage": "|b1",
        "ByteStorage": "|u1",
    }
)

# fmt: off
_OPCODES: Final = frozenset({
    "PROTO", "FRAME", "STOP", "MARK", "POP_MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "MEMOIZE", "PUT",
    "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE", "BININT",
    "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "EMPTY_DICT", "DICT",
    "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1",
    "TUPLE2", "TUPLE3",
})
# fmt: on


def described(path: Path, stack: ExitStack) -> Described:
    """Describes the checkpoint at `path`; `stack` closes the file that its tensors are read from.

    Raises CheckpointError when it is not a checkpoint of openai-whisper, or holds more than data.
    """
    held = HeldFile.open(path)
    stack.callback(held.close)
    if held.size >= len(_LEGACY_MAGIC) and held.read(0, len(_LEGACY_MAGIC)) == _LEGACY_MAGIC:
        raise CheckpointError(
            f"{path.name} is in torch's format from before 1.6, which is not read; save it again with a "
            "current torch (`torch.save(torch.load(old), new)`)"
        )
    try:
        archive = zipfile.ZipFile(_Stream(held))
        entries = _checked_entries(archive, path)
        tree = _unpickled(archive, entries, path)
        dims, tensors = _described(tree, path)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise CheckpointError(
            f"{path.name} is not a complete torch zip file ({error}); download it again, or use the "
            "safetensors form of the model"
        ) from error
    return Described(dims, tensors, (held,))


class _Stream(io.RawIOBase):
    """A held file as the stream that zipfile reads."""

    def __init__(self, file: HeldFile) -> None:
        self._file = file
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = offset + (0, self._position, self._file.size)[whence]
        if position < 0:
            raise OSError(errno.EINVAL, "seek before the file's beginning")
        self._position = position
        return position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._file.size - self._position)
        length = left if size is None or size < 0 else min(size, left)
        data = self._file.read(self._position, length)
        self._position += length
        return data


def _checked_entries(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Entries by their name below the archive's one top folder."""
    infos = archive.infolist()
    if len(infos) > _MAX_ENTRIES:
        raise CheckpointError(
            f"{path.name} has {len(infos)} entries, a checkpoint has at most {_MAX_ENTRIES}"
        )
    size = path.stat().st_size
    if any("/code/" in info.filename for info in infos):
        raise CheckpointError(
            f"{path.name} is a TorchScript program, not a checkpoint; use the original weights"
        )
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        raise CheckpointError(
            f"{path.name} has compressed entries; torch writes none, so this is not its file"
        )
    if any(info.file_size != info.compress_size for info in infos) or sum(i.file_size for i in infos) > size:
        raise CheckpointError(f"{path.name} claims more data than it has bytes; the file is damaged or false")
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        entries[info.filename.partition("/")[2]] = info
    if len(entries) != len(infos):
        raise CheckpointError(f"{path.name} has two entries of one name; the file is damaged or false")
    if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
        raise CheckpointError(f"{path.name} was saved on a big-endian machine, which is not read")
    return entries


def _unpickled(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], path: Path) -> object:
    info = entries.get("data.pkl")
    if info is None:
        raise CheckpointError(f"{path.name} is a zip file without data.pkl; it is not a torch checkpoint")
    if info.file_size > _MAX_PICKLE:
        raise CheckpointError(f"{path.name}: data.pkl has {info.file_size} bytes, allowed are {_MAX_PICKLE}")
    data = archive.read(info)
    try:
        _check_opcodes(data)
        return _Unpickler(io.BytesIO(data), archive, entries).load()
    except CheckpointError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything; all of it means the same
        raise CheckpointError(
            f"{path.name}: its object tree cannot be read ({type(error).__name__}: {error}); get it again"
        ) from error


def _check_opcodes(data: bytes) -> None:
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name not in _OPCODES:
            raise CheckpointError(
                f"the pickle uses {opcode.name}, which no Whisper checkpoint does; it may hold a program: "
                "do not load this file anywhere, get the model from its publisher"
            )
        # The C unpickler allocates its memo up to the index given, so that must not exceed the pickle's size.
        if "PUT" in opcode.name and not 0 <= int(argument or 0) <= len(data):
            raise CheckpointError("the pickle names an impossible memo index; the file is damaged or false")


class _Storage(NamedTuple):
    dtype: str
    entry: zipfile.ZipInfo
    length: int  # values


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A strided view of a storage, not yet read. Lengths, offset and strides count values."""

    archive: zipfile.ZipFile
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self) -> NDArray[Any]:
        dtype = np.dtype("<u2" if self.storage.dtype == "bfloat16" else self.storage.dtype)
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        held = self.storage.entry.file_size // dtype.itemsize
        if 0 in self.shape or last >= min(held, self.storage.length):
            raise CheckpointError(
                f"{self.storage.entry.filename} holds {held} values, its tensor of shape {self.shape} needs "
                f"{last + 1}; the checkpoint is damaged, download it again"
            )
        # read() checks the entry's CRC-32.
        try:
            data = self.archive.read(self.storage.entry)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise CheckpointError(f"the checkpoint is damaged ({error}); download it again") from error
        values = np.frombuffer(data, dtype=dtype)
        if self.storage.dtype == "bfloat16":
            values = (values.astype("<u4") << 16).view("<f4")
        view = np.lib.stride_tricks.as_strided(
            values[self.offset :],
            shape=self.shape,
            strides=tuple(stride * values.itemsize for stride in self.strides),
            writeable=False,
        )
        return np.ascontiguousarray(view)


class _Unused:
    """Stands for a value that the engine does not need: a sparse tensor (`alignment_heads`), a layout."""


class _Unpickler(pickle.Unpickler):
    def __init__(
        self, stream: IO[bytes], archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]
    ) -> None:
        super().__init__(stream)
        self._archive = archive
        self._entries = entries

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
            ("torch._utils", "_rebuild_sparse_tensor"): lambda *_: _Unused(),
            ("torch.serialization", "_get_layout"): lambda *_: _Unused(),
            ("torch", "Size"): tuple,
        }
        if (module, name) not in allowed:
            raise CheckpointError(
                f"the pickle asks for {module}.{name}, which a Whisper checkpoint never does; it may hold a "
                "program: do not load this file anywhere, get the model from its publisher"
            )
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, length = pid
        entry = self._entries.get(f"data/{key}")
        if kind != "storage" or dtype not in _STORAGES.values() or type(length) is not int or entry is None:
            raise CheckpointError(
                f"the pickle refers to stored data {str(key)[:40]!r} that the file does not hold"
            )
        return _Storage(dtype, entry, length)

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, _Storage) or len(shape) != len(strides):
            raise CheckpointError("the pickle describes a tensor that refers to no stored data")
        if any(type(number) is not int or number < 0 for number in numbers):
            raise CheckpointError("the pickle describes a tensor with an impossible shape")
        return _Tensor(self._archive, storage, offset, tuple(shape), tuple(strides))


def _described(tree: object, path: Path) -> tuple[Dims, dict[str, StoredTensor]]:
    if not isinstance(tree, dict) or not {"dims", "model_state_dict"} <= tree.keys():
        raise CheckpointError(
            f"{path.name} has no `dims` and `model_state_dict`, so it is not openai-whisper's; for a Hugging "
            "Face model give its folder with config.json and model.safetensors"
        )
    dims, state = tree["dims"], tree["model_state_dict"]
    if not isinstance(dims, dict) or not isinstance(state, dict):
        raise CheckpointError(f"{path.name}: `dims` and `model_state_dict` are not dictionaries")
    try:
        read_dims = Dims.from_mapping(dims)
    except ValueError as error:
        raise CheckpointError(f"{path.name}: {error}") from error
    tensors: dict[str, StoredTensor] = {}
    for name, value in state.items():
        if name == "alignment_heads" or isinstance(value, _Unused):
            continue
        if not isinstance(name, str) or not isinstance(value, _Tensor) or value.storage.dtype[1:2] in "iub":
            raise CheckpointError(
                f"{path.name}: {str(name)[:80]!r} is not a tensor of floating-point numbers"
            )
        tensors[name] = value
    return read_dims, tensors
