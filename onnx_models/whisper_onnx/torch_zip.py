"""torch's zip format, as `torch.save` writes since torch 1.6.

The archive holds `NAME/data.pkl` (the object tree; tensors as references) and `NAME/data/KEY` (raw
little-endian values, stored uncompressed). Format: torch `torch/serialization.py` and `caffe2/serialize`.

Only the directory is read by zipfile, and not more of it than a checkpoint's can have. Entries must be stored
uncompressed and lie apart from each other in the file, so that nothing inflates and nothing is read twice.
"""

from __future__ import annotations

import errno
import io
import struct
import zipfile
from typing import Final

from .checkpoint import Described
from .errors import CheckpointError
from .held_file import HeldFile
from .torch_pickle import MAX_PICKLE, read_pickle
from .torch_tensors import StoredBytes
from .torch_tensors import described as described_tree

__all__ = ["MAGIC", "described"]

MAGIC: Final = b"PK\x03\x04"
_MAX_ENTRIES: Final = 8_192  # large-v3 has 1,300
_MAX_DIRECTORY: Final = 2 << 20  # bytes; large-v3's has 0.1 MB
_LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")  # PKWARE's APPNOTE, 4.3.7


def described(file: HeldFile) -> Described:
    """Describes the checkpoint in `file`.

    Raises CheckpointError when it is not a checkpoint of openai-whisper, or holds more than data.
    """
    entries = _entries(file)
    tree = entries.get("data.pkl")
    if tree is None:
        raise CheckpointError(f"{file.path.name} is a zip file without data.pkl; it is no torch checkpoint")
    if tree.size > MAX_PICKLE:
        raise CheckpointError(f"{file.path.name}: data.pkl has {tree.size} bytes, allowed are {MAX_PICKLE}")
    if (order := entries.get("byteorder")) is not None and _content(order, 16) != b"little":
        raise CheckpointError(f"{file.path.name} was saved on a big-endian machine, which is not read")
    storages = {name.removeprefix("data/"): e for name, e in entries.items() if name.startswith("data/")}
    return described_tree(file, read_pickle(_content(tree, MAX_PICKLE)).tree, storages)


def _content(entry: StoredBytes, limit: int) -> bytes:
    buffer = bytearray(min(entry.size, limit))
    entry.read(0, memoryview(buffer))
    return bytes(buffer)


def _entries(file: HeldFile) -> dict[str, StoredBytes]:
    """Where each entry's bytes lie, by its name below the archive's one top folder."""
    name = file.path.name
    try:
        with zipfile.ZipFile(_Stream(file)) as archive:
            infos, end = archive.infolist(), archive.start_dir
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise CheckpointError(
            f"{name} is not a complete torch zip file ({error}); download it again, or use the safetensors "
            "form of the model"
        ) from error
    if len(infos) > _MAX_ENTRIES:
        raise CheckpointError(f"{name} has {len(infos)} entries, a checkpoint has at most {_MAX_ENTRIES}")
    if any("/code/" in info.filename for info in infos):
        raise CheckpointError(f"{name} is a TorchScript program, not a checkpoint; use the original weights")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in infos):
        raise CheckpointError(
            f"{name} has compressed or encrypted entries; torch writes none, so this is not its file"
        )
    entries: dict[str, StoredBytes] = {}
    previous = 0  # the end of the entry before
    for info in sorted(infos, key=lambda info: info.header_offset):
        start = _data_start(file, info)
        if info.header_offset < previous or start + info.file_size > end:
            raise CheckpointError(f"{name} has entries that overlap; the file is damaged or false")
        if info.file_size != info.compress_size:
            raise CheckpointError(f"{name} has an entry of two sizes; the file is damaged or false")
        previous = start + info.file_size
        entries[info.filename.partition("/")[2]] = StoredBytes(file, start, info.file_size, info.CRC)
    if len(entries) != len(infos):
        raise CheckpointError(f"{name} has two entries of one name; the file is damaged or false")
    return entries


def _data_start(file: HeldFile, info: zipfile.ZipInfo) -> int:
    """Where the entry's bytes begin: after the local header, whose length only that header tells."""
    if not 0 <= info.header_offset <= file.size - _LOCAL_HEADER.size:
        raise CheckpointError(f"{file.path.name} has an entry outside of the file; download it again")
    header = _LOCAL_HEADER.unpack(file.read(info.header_offset, _LOCAL_HEADER.size))
    magic, name_length, extra_length = header[0], header[9], header[10]
    if magic != MAGIC:
        raise CheckpointError(f"{file.path.name} has an entry without header; download it again")
    return info.header_offset + _LOCAL_HEADER.size + int(name_length) + int(extra_length)


class _Stream(io.RawIOBase):
    """A held file as the stream that zipfile reads its directory from, never much at a time."""

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
        if length > _MAX_DIRECTORY:
            raise zipfile.BadZipFile(f"its directory has more than {_MAX_DIRECTORY} bytes")
        data = self._file.read(self._position, length)
        self._position += length
        return data
