"""Writes whisper.cpp's model file (the legacy "ggml" format) from a checkpoint's tensors.

The layout is that of whisper.cpp's `models/convert-pt-to-ggml.py` and of its `quantize` tool: a header, the
mel filters, the vocabulary, and then each tensor with its type. Matrices are 16-bit floats, or in blocks of
32 with one 16-bit scale (q8_0); vectors, the convolutions' biases and the positions stay 32-bit.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray

from whisper_onnx.dims import Dims

Kind = Literal["f16", "q8_0"]

_MAGIC: Final = 0x67676D6C
_FILE_TYPES: Final[Mapping[Kind, int]] = {"f16": 1, "q8_0": 2007}  # 2: version of the quantisation
_F32, _F16, _Q8_0 = 0, 1, 8
_BLOCK: Final = 32  # values that share a scale in q8_0


def write_ggml(
    path: Path,
    dims: Dims,
    tensors: Mapping[str, NDArray[Any]],
    *,
    filters: NDArray[np.float32],
    vocabulary: Sequence[bytes],
    kind: Kind,
) -> None:
    """`tensors`: by OpenAI's names; `filters`: (n_mels, 201); `vocabulary`: the ordinary tokens, in order."""
    with path.open("wb") as file:
        d = dims
        header = (
            d.n_vocab, d.n_audio_ctx, d.n_audio_state, d.n_audio_head, d.n_audio_layer,
            d.n_text_ctx, d.n_text_state, d.n_text_head, d.n_text_layer, d.n_mels, _FILE_TYPES[kind],
        )  # fmt: skip
        file.write(struct.pack("<I11i", _MAGIC, *header))
        file.write(struct.pack("<2i", *filters.shape))
        file.write(filters.astype("<f4").tobytes())
        file.write(struct.pack("<i", len(vocabulary)))
        for token in vocabulary:
            file.write(struct.pack("<i", len(token)) + token)
        for name, array in tensors.items():
            _write_tensor(file, name, np.asarray(array, dtype=np.float32), kind)


def _write_tensor(file: BinaryIO, name: str, array: NDArray[np.float32], kind: Kind) -> None:
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        array = array[:, np.newaxis]  # to be added to (channels, frames)
    keep = array.ndim < 2 or array.shape[-1] == 1 or name.endswith("positional_embedding")
    if keep:
        code, data = _F32, array.astype("<f4").tobytes()
    elif kind == "q8_0" and array.ndim == 2:
        code, data = _Q8_0, q8_0(array)
    else:
        code, data = _F16, array.astype("<f2").tobytes()
    encoded = name.encode()
    file.write(struct.pack("<3i", array.ndim, len(encoded), code))
    file.write(struct.pack(f"<{array.ndim}i", *reversed(array.shape)))
    file.write(encoded + data)


def q8_0(matrix: NDArray[np.float32]) -> bytes:
    """Rows in blocks of 32: a 16-bit scale, the largest magnitude / 127, and 32 signed bytes."""
    blocks = matrix.reshape(-1, _BLOCK)
    scales = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127.0)
    inverse = np.divide(np.float32(1.0), scales, out=np.zeros_like(scales), where=scales > 0)
    packed = np.empty(len(blocks), dtype=[("scale", "<f2"), ("values", "i1", _BLOCK)])
    packed["scale"] = scales[:, 0].astype("<f2")
    packed["values"] = np.rint(blocks * inverse).astype(np.int8)
    return packed.tobytes()
