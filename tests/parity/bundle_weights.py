"""The checkpoint inside a bundle: openai-whisper's state dict, read back from the two graphs' initializers.

The repository ships the demo model as a bundle alone. Its weights are the checkpoint's own fp16 numbers, laid
out as the operators want them; this module undoes that layout, so that anyone can hand the very same weights
to openai-whisper, faster-whisper and transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from whisper_onnx.bundle import Bundle
from whisper_onnx.checkpoint import expected_shapes
from whisper_onnx.dims import Dims

__all__ = ["bundle_weights"]

Arrays = Mapping[str, NDArray[Any]]
_PARTS = ("query", "key", "value")


def bundle_weights(folder: Path) -> tuple[Dims, dict[str, NDArray[Any]]]:
    """Dimensions, and every tensor of openai-whisper's state dict in the type the bundle stores.

    Raises KeyError when the graphs lack a weight: then they no longer follow graph.py's naming, or their
    weights are quantised and the checkpoint cannot be had from them.
    """
    bundle = Bundle.load(folder)
    stored: dict[str, NDArray[Any]] = {}
    for name in bundle.graphs.values():
        graph = onnx.load(folder / name).graph
        stored |= {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    found = {name: _tensor(name, stored) for name in expected_shapes(bundle.dims)}
    for name, shape in expected_shapes(bundle.dims).items():
        if found[name].shape != shape:
            raise ValueError(f"{name} came out as {found[name].shape}, not {shape}")
    return bundle.dims, found


def _tensor(name: str, stored: Arrays) -> NDArray[Any]:
    if name in stored:
        return stored[name]
    if f"{name}_t" in stored:  # a Linear's weight, transposed for MatMul
        return np.ascontiguousarray(stored[f"{name}_t"].T)
    owner, part, kind = name.rsplit(".", 2)  # "...attn", "query", "weight": three projections side by side
    packed = stored[f"{owner}.qkv.weight_t" if kind == "weight" else f"{owner}.qkv_bias"]
    third = packed.shape[-1] // len(_PARTS)
    start = _PARTS.index(part) * third
    return np.ascontiguousarray(packed[..., start : start + third].T)
