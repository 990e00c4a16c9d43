"""Puts a graph's weights into files beside it (ONNX external data), tensor by tensor as the graph is written.

A protobuf message ends at 2 GiB, and a graph that holds its own weights is in memory three times while it is
written and again while onnxruntime loads it (measured for base in fp32: 1.6 s and 801 MiB, against 0.7 s and
678 MiB with the weights outside). So every bundle keeps its weights outside, and a build needs memory for a
few tensors at a time, however large the model is.

Several files of moderate size, not one large one, because SHA-256 of one file cannot be shared among threads.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from .manifest import FileEntry

__all__ = ["WeightFiles", "WeightSink"]

_LARGEST: Final = 128 << 20  # bytes of a file; a larger tensor gets a file of its own
_EMBEDDED: Final = 1024  # bytes; what is smaller stays in the graph, where shape inference may need it
_ALIGNMENT: Final = 64  # bytes; every element type and vector register likes it


class WeightSink(Protocol):
    """Where a graph's constants go."""

    def add(self, values: NDArray[Any], name: str) -> onnx.TensorProto:
        """Keeps C-contiguous `values`; the initializer of that name that stands for them in the graph."""
        ...


class WeightFiles:
    """A WeightSink that writes `ROLE.data`, `ROLE.1.data`, ... into a folder; the same input gives the same
    bytes.

    Use as a context manager; on leaving it without an exception, everything is on the disk and `files` says
    what. Raises OSError when the disk does not take it.
    """

    def __init__(self, folder: Path, role: str, largest: int = _LARGEST) -> None:
        self.files: dict[str, FileEntry] = {}
        self._folder = folder
        self._role = role
        self._largest = largest
        self._file: BinaryIO | None = None
        self._name = ""
        self._size = 0
        self._digest = hashlib.sha256()

    def __enter__(self) -> WeightFiles:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            self._finish()
        elif self._file is not None:
            self._file.close()

    def add(self, values: NDArray[Any], name: str) -> onnx.TensorProto:
        if values.nbytes < _EMBEDDED:
            return numpy_helper.from_array(values, name)
        if self._file is None or self._size + values.nbytes > self._largest:
            self._finish()
            self._begin()
        self._append(bytes(-self._size % _ALIGNMENT))
        tensor = onnx.TensorProto(
            name=name,
            dims=values.shape,
            data_type=helper.np_dtype_to_tensor_dtype(values.dtype),
            data_location=onnx.TensorProto.EXTERNAL,
        )
        for key, value in (("location", self._name), ("offset", self._size), ("length", values.nbytes)):
            tensor.external_data.add(key=key, value=str(value))
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)  # as ONNX stores them everywhere
        self._append(little.reshape(-1).view(np.uint8).data)
        return tensor

    def _begin(self) -> None:
        count = len(self.files)
        self._name = f"{self._role}.{count}.data" if count else f"{self._role}.data"
        self._file = (self._folder / self._name).open("xb", buffering=0)
        self._size = 0
        self._digest = hashlib.sha256()

    def _append(self, data: bytes | memoryview) -> None:
        assert self._file is not None  # noqa: S101
        self._digest.update(data)
        view = memoryview(data)
        while view:  # an unbuffered write may take a part
            view = view[self._file.write(view) :]
        self._size += len(data)

    def _finish(self) -> None:
        if self._file is None:
            return
        with self._file as file:
            os.fsync(file.fileno())
        self.files[self._name] = FileEntry(self._digest.hexdigest(), self._size)
        self._file = None
