"""A model folder: ONNX graphs beside `model.toml`, which names the SHA-256 of each (manifest.py).

Invariant: only bytes whose SHA-256 stands in the manifest leave this module. A file is read into memory first
and hashed there, and those very bytes are handed out, so nothing can change in between. A file of the folder
that the manifest does not name is never read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Final, Self

from .dims import Dims
from .errors import BundleError, BundleHashError
from .manifest import MANIFEST, FileEntry, Manifest
from .published import Heads

__all__ = ["Bundle", "GraphBytes", "verify_bundle"]

_MAX_MANIFEST: Final = 1 << 20  # bytes; a manifest has about 1 kB
_BLOCK: Final = 1 << 20  # bytes hashed at once when only the hash is wanted
_ADVICE: Final = "install or build the model again"


@dataclass(frozen=True, slots=True)
class GraphBytes:
    """A graph as onnxruntime takes it: the ONNX file, and the files of weights that it names."""

    model: bytes
    data: Mapping[str, bytearray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """An open model folder. `sha256` is the manifest's, and so stands for every byte of the model."""

    folder: Path
    manifest: Manifest
    sha256: str

    @classmethod
    def load(cls, folder: Path, verify: bool = True) -> Self:
        """Opens the bundle in `folder`; with `verify`, hashes every file of it, in parallel threads.

        Without `verify`, a changed file is found when it is read. Raises BundleError when the folder is no
        bundle or incomplete, BundleHashError when a file is not the one that the manifest names.
        """
        bundle = cls._opened(folder)
        for problem in bundle._problems(contents=verify):
            raise problem
        return bundle

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def dims(self) -> Dims:
        return self.manifest.dims

    @property
    def target(self) -> str:
        """A key of `manifest.TARGETS`, such as cpu-fp32."""
        return self.manifest.target

    @property
    def graphs(self) -> Mapping[str, str]:
        """Role (one of manifest.ROLES) -> file name."""
        return self.manifest.graphs

    @property
    def alignment_heads(self) -> Heads:
        """(layer, head) of the decoder's cross-attention heads that follow the audio."""
        return self.manifest.alignment_heads

    @property
    def licence(self) -> str:
        return self.manifest.licence

    @property
    def source(self) -> str:
        return self.manifest.source

    def read_bytes(self, name: str) -> bytearray:
        """The contents of a file that the manifest names.

        Raises BundleError for any other name, BundleHashError when the bytes read are not the manifest's.
        """
        entry = self.manifest.files.get(name)
        if entry is None:
            raise BundleError(f"{MANIFEST} of {self.name} does not name {name!r}, so it is not read")
        with _open(self.folder, name) as file:
            self._check_size(name, entry, os.fstat(file.fileno()).st_size)
            data = bytearray(entry.size)
            done = 0
            with memoryview(data) as view:
                while count := file.readinto(view[done:]):
                    done += count
        self._check_size(name, entry, done)
        self._check_hash(name, entry, hashlib.sha256(data).hexdigest())
        return data

    def read_graph(self, role: str) -> GraphBytes:
        """A graph and the files of its weights, read and hashed in parallel threads. Raises as
        `read_bytes`.
        """
        names = (self.manifest.graphs[role], *self.manifest.data[role])
        with ThreadPoolExecutor(max_workers=min(len(names), os.cpu_count() or 1)) as pool:
            graph, *data = pool.map(self.read_bytes, names)
        return GraphBytes(bytes(graph), dict(zip(names[1:], data, strict=True)))

    def size(self, role: str) -> int:
        """Bytes of a graph with its weights."""
        names = (self.manifest.graphs[role], *self.manifest.data[role])
        return sum(self.manifest.files[name].size for name in names)

    @classmethod
    def _opened(cls, folder: Path) -> Self:
        data = _read_manifest(folder)
        return cls(folder=folder, manifest=Manifest.from_toml(data), sha256=hashlib.sha256(data).hexdigest())

    def _problems(self, *, contents: bool) -> list[BundleError]:
        files = self.manifest.files
        with ThreadPoolExecutor(max_workers=min(len(files), os.cpu_count() or 1)) as pool:
            found = pool.map(lambda name: self._problem(name, files[name], contents), files)
        return [problem for problem in found if problem is not None]

    def _problem(self, name: str, entry: FileEntry, contents: bool) -> BundleError | None:
        try:
            with _open(self.folder, name) as file:
                self._check_size(name, entry, os.fstat(file.fileno()).st_size)
                if contents:
                    digest = hashlib.sha256()
                    while block := file.read(_BLOCK):
                        digest.update(block)
                    self._check_hash(name, entry, digest.hexdigest())
        except BundleError as problem:
            return problem
        return None

    def _check_size(self, name: str, entry: FileEntry, size: int) -> None:
        if size != entry.size:
            raise BundleHashError(
                f"{name} of {self.name} has {size} bytes, {MANIFEST} says {entry.size}, so it is not loaded; "
                f"{_ADVICE}",
                file=name,
            )

    def _check_hash(self, name: str, entry: FileEntry, sha256: str) -> None:
        if sha256 != entry.sha256:
            raise BundleHashError(
                f"{name} of {self.name} is not the file that {MANIFEST} names (SHA-256 {sha256[:16]}..., "
                f"expected {entry.sha256[:16]}...), so it is not loaded; {_ADVICE}",
                file=name,
            )


def verify_bundle(folder: Path) -> list[str]:
    """Every problem of the bundle in `folder`, as sentences for an operator; empty when it is sound."""
    try:
        bundle = Bundle._opened(folder)
    except BundleError as problem:
        return [str(problem)]
    return [str(problem) for problem in bundle._problems(contents=True)]


def _read_manifest(folder: Path) -> bytes:
    if not folder.is_dir():
        raise BundleError(f"there is no model folder {folder}; `python -m whisper_onnx build` makes one")
    with _open(folder, MANIFEST) as file:
        data = file.read(_MAX_MANIFEST + 1)
    if len(data) > _MAX_MANIFEST:
        raise BundleError(f"{MANIFEST} in {folder} is larger than {_MAX_MANIFEST} bytes; {_ADVICE}")
    return data


def _open(folder: Path, name: str) -> BufferedReader:
    """Opens a regular file of the folder; a link, which could lead out of it, or a pipe is refused."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BundleError(f"{name} is missing in {folder}; {_ADVICE}") from None
    except OSError as error:
        raise BundleError(f"cannot read {name} in {folder} ({error.strerror}); {_ADVICE}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BundleError(f"{name} in {folder} is not a regular file; {_ADVICE}")
    return os.fdopen(descriptor, "rb")
