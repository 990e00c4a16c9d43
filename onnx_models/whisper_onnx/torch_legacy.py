"""torch's format before its zip format: `torch.save(..., _use_new_zipfile_serialization=False)`.

Five pickles one after another (a magic number, the format's version, the machine's properties, the object
tree, the storages' keys in order), then each storage as its number of values (int64) and the raw values.
Format: torch `torch/serialization.py`, `_legacy_save`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from .checkpoint import Described
from .errors import CheckpointError
from .held_file import HeldFile
from .torch_pickle import ITEM_SIZES, MAX_PICKLE, Pickle, Storage, read_pickle
from .torch_tensors import StoredBytes
from .torch_tensors import described as described_tree

__all__ = ["MAGIC", "described"]

MAGIC: Final = b"\x80"  # PROTO, with which a pickle begins
_NUMBER: Final = 0x1950A86A20F9469CFC6C
_VERSION: Final = 1001
_COUNT: Final = struct.Struct("<q")


def described(file: HeldFile) -> Described:
    """Describes the checkpoint in `file`.

    Raises CheckpointError when it is not a checkpoint of openai-whisper, or holds more than data.
    """
    data = file.read(0, min(file.size, MAX_PICKLE))
    number = read_pickle(data)
    if number.tree != _NUMBER:
        raise CheckpointError(f"{file.path.name} is a pickle, but not of torch's; it is no torch checkpoint")
    version = read_pickle(data, number.end)
    machine = read_pickle(data, version.end)
    little_endian = isinstance(machine.tree, dict) and machine.tree.get("little_endian") is True
    if version.tree != _VERSION or not little_endian:
        raise CheckpointError(
            f"{file.path.name} is in a form of torch's old format that is not read; save it again with a "
            "current torch (`torch.save(torch.load(old), new)`)"
        )
    tree = read_pickle(data, machine.end)
    keys = read_pickle(data, tree.end)
    return described_tree(file, tree.tree, _storages(file, keys, tree.storages))


def _storages(file: HeldFile, keys: Pickle, referred: Mapping[str, Storage]) -> dict[str, StoredBytes]:
    """Where each storage's bytes lie; they follow the last pickle in the order of its keys."""
    if not isinstance(keys.tree, list) or not all(isinstance(key, str) for key in keys.tree):
        raise CheckpointError(f"{file.path.name} does not list what it stores; download it again")
    if sorted(keys.tree) != sorted(referred):
        raise CheckpointError(f"{file.path.name} stores other data than it describes; download it again")
    storages: dict[str, StoredBytes] = {}
    position = keys.end
    for key in keys.tree:
        (count,) = _COUNT.unpack(file.read(position, _COUNT.size))
        position += _COUNT.size
        if count != referred[key].length:
            raise CheckpointError(f"{file.path.name} stores other data than it describes; download it again")
        storages[key] = StoredBytes(file, position, count * ITEM_SIZES[referred[key].dtype])
        position += storages[key].size
        if position > file.size:
            raise CheckpointError(f"{file.path.name} ends too early; download it again")
    return storages
