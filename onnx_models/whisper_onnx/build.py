"""Makes a bundle from a checkpoint: reads it, writes the graphs, hashes them, and then names the folder.

Weights go from the checkpoint to the disk tensor by tensor, so that large-v3 builds in the memory of its
largest tensor a few times over (`tests/bench/bench_build.py` measures it).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from .alignment_graph import alignment_graph
from .bundle import Bundle
from .checkpoint import Checkpoint, read_checkpoint
from .errors import BundleError
from .graph import decoder_graph, encoder_graph
from .graph_writer import Weights
from .manifest import MANIFEST, ROLES, TARGETS, FileEntry, Manifest
from .published import Heads
from .weight_files import WeightFiles

__all__ = ["Reading", "build"]

Reading = Callable[[int, int], None]  # tensors read so far, and of how many

_WEIGHTY: Final = {"encoder": encoder_graph, "decoder": decoder_graph}


def build(
    checkpoint_path: Path,
    folder: Path,
    *,
    target: str = "cpu-fp32",
    weights: Weights = "exact",
    name: str | None = None,
    licence: str = "unknown",
    source: str | None = None,
    on_read: Reading | None = None,
) -> Bundle:
    """Builds the bundle `folder` from the checkpoint; the same checkpoint and arguments give the same bytes.

    The folder appears complete or not at all: everything is written to a temporary folder beside it, synced,
    checked against its own manifest and renamed; one that a killed build left has a name that starts with a
    dot and no manifest. `weights`: how weights that compute in float32 are stored, "exact" being fp16 for
    each tensor where that loses nothing. `name` defaults to the folder's, `source` to the checkpoint's format
    and file name. `on_read` hears of every tensor read. Raises CheckpointError for a bad checkpoint,
    BundleError when the folder exists already, cannot be written, or the target is unknown.
    """
    if target not in TARGETS:
        raise BundleError(f"unknown target {target!r}; this version builds {', '.join(TARGETS)}")
    folder = folder.absolute()
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise BundleError(f"{folder} exists already; remove it first, or choose another folder")
    with read_checkpoint(checkpoint_path) as checkpoint:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.building-", dir=folder.parent))
            try:
                files, data = _write_graphs(checkpoint, temporary, target, weights, on_read)
                manifest = Manifest(
                    name=name or folder.name,
                    target=target,
                    weights=weights,
                    source=source or checkpoint.source,
                    licence=licence,
                    created_by=_created_by(),
                    checkpoint_sha256=checkpoint.sha256,
                    alignment_heads=_heads(checkpoint),
                    dims=checkpoint.dims,
                    graphs={role: f"{role}.onnx" for role in ROLES},
                    data=data,
                    files=files,
                )
                _publish(manifest, temporary, folder)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        except OSError as error:
            raise BundleError(f"cannot write {folder}: {error.strerror or error}") from error
    return Bundle.load(folder, verify=False)


def _write_graphs(
    checkpoint: Checkpoint, folder: Path, target: str, weights: Weights, on_read: Reading | None
) -> tuple[dict[str, FileEntry], dict[str, tuple[str, ...]]]:
    """Writes all graphs with their weights: (every file written, the files of weights by role)."""
    files: dict[str, FileEntry] = {}
    data: dict[str, tuple[str, ...]] = {}
    tensors = checkpoint.tensors if on_read is None else _Counted(checkpoint.tensors, on_read)
    compute = TARGETS[target].compute
    keys_are_int8 = False
    for role in ROLES:
        with WeightFiles(folder, role) as sink:
            if (write := _WEIGHTY.get(role)) is not None:
                model = write(checkpoint.dims, tensors, compute=compute, weights=weights, data=sink)
            else:
                model = alignment_graph(
                    checkpoint.dims, _heads(checkpoint), compute=compute, int8_keys=keys_are_int8
                )
        keys_are_int8 = _has_int8_keys(model)
        data[role] = tuple(sink.files)
        name = f"{role}.onnx"
        content = model.SerializeToString(deterministic=True)
        _write(folder / name, content)
        onnx.checker.check_model(str(folder / name))  # by its path, for the files of weights beside it
        files |= {**sink.files, name: FileEntry(hashlib.sha256(content).hexdigest(), len(content))}
    return files, data


def _heads(checkpoint: Checkpoint) -> Heads:
    return tuple(sorted(set(checkpoint.alignment_heads)))


def _has_int8_keys(decoder: onnx.ModelProto) -> bool:
    kinds = {value.name: value.type.tensor_type.elem_type for value in decoder.graph.input}
    return kinds.get("cross_k_0") == onnx.TensorProto.INT8


class _Counted(Mapping[str, NDArray[Any]]):
    """A checkpoint's tensors, telling of each that is read for the first time."""

    def __init__(self, tensors: Mapping[str, NDArray[np.floating]], on_read: Reading) -> None:
        self._tensors = tensors
        self._on_read = on_read
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> NDArray[Any]:
        array = self._tensors[name]
        if name not in self._read:
            self._read.add(name)
            self._on_read(len(self._read), len(self._tensors))
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def _publish(manifest: Manifest, temporary: Path, folder: Path) -> None:
    """Completes the temporary folder and gives it its name, in an order that a crash cannot spoil."""
    _sync(temporary)  # the graphs' names; a manifest on the disk must find them there
    _write(temporary / MANIFEST, manifest.to_toml().encode())
    Bundle.load(temporary)
    temporary.chmod(0o755)  # mkdtemp's 0700 would hide the model from the service's user
    _sync(temporary)
    temporary.rename(folder)
    _sync(folder.parent)


def _created_by() -> str:
    try:
        own = version("stenobox")
    except PackageNotFoundError:  # run from a source tree that was never installed
        own = "from source"
    return f"whisper_onnx ({own}), onnx {onnx.__version__}"


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
