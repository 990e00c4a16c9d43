"""Makes a bundle from a checkpoint: reads it, writes the graphs, hashes them, and then names the folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import onnx

from .bundle import Bundle
from .checkpoint import Checkpoint, read_checkpoint
from .errors import BundleError
from .graph import decoder_graph, encoder_graph
from .graph_writer import Weights
from .manifest import MANIFEST, ROLES, TARGETS, FileEntry, Manifest

__all__ = ["build"]

_MAX_GRAPH: Final = (2 << 30) - (1 << 20)  # bytes; protobuf's limit is 2 GiB, less room for the nodes


def build(
    checkpoint_path: Path,
    folder: Path,
    *,
    target: str = "cpu-fp32",
    weights: Weights = "fp32",
    name: str | None = None,
    licence: str = "unknown",
    source: str | None = None,
) -> Bundle:
    """Builds the bundle `folder` from the checkpoint; the same checkpoint and arguments give the same bytes.

    The folder appears complete or not at all: everything is written to a temporary folder beside it, synced,
    checked against its own manifest and renamed. `name` defaults to the folder's, `source` to the
    checkpoint's format and file name. Raises CheckpointError for a bad checkpoint, BundleError when the
    folder exists already, cannot be written, the target is unknown or a graph would exceed what one ONNX file
    holds.
    """
    if target not in TARGETS:
        raise BundleError(f"unknown target {target!r}; this version builds {', '.join(TARGETS)}")
    folder = folder.absolute()
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise BundleError(f"{folder} exists already; remove it first, or choose another folder")
    checkpoint = read_checkpoint(checkpoint_path)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.building-", dir=folder.parent))
        try:
            files = _write_graphs(checkpoint, temporary, target, weights)
            manifest = Manifest(
                name=name or folder.name,
                target=target,
                weights=weights,
                source=source or checkpoint.source,
                licence=licence,
                created_by=_created_by(),
                checkpoint_sha256=checkpoint.sha256,
                dims=checkpoint.dims,
                graphs={role: f"{role}.onnx" for role in ROLES},
                files=files,
            )
            _write(temporary / MANIFEST, manifest.to_toml().encode())
            Bundle.load(temporary)
            temporary.chmod(0o755)  # mkdtemp's 0700 would hide the model from the service's user
            _sync(temporary)
            temporary.rename(folder)
            _sync(folder.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except OSError as error:
        raise BundleError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        checkpoint.close()
    return Bundle.load(folder, verify=False)


def _write_graphs(
    checkpoint: Checkpoint, folder: Path, target: str, weights: Weights
) -> dict[str, FileEntry]:
    files: dict[str, FileEntry] = {}
    for role, write in zip(ROLES, (encoder_graph, decoder_graph), strict=True):
        model = write(checkpoint.dims, checkpoint.tensors, compute=TARGETS[target].compute, weights=weights)
        size = sum(len(initializer.raw_data) for initializer in model.graph.initializer)
        if size > _MAX_GRAPH:
            raise BundleError(
                f"the {role} has {size >> 20} MiB of weights, more than one ONNX file holds; "
                'build it with weights="fp16" (--weights fp16)'
            )
        onnx.checker.check_model(model)
        data = model.SerializeToString(deterministic=True)
        _write(folder / f"{role}.onnx", data)
        files[f"{role}.onnx"] = FileEntry(hashlib.sha256(data).hexdigest(), len(data))
        del model, data  # before the next graph is made: each holds as much as the weights
    return files


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
