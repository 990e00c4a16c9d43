"""The models that are compared, each as every engine wants it, made from one set of weights.

The demo model's weights come out of the bundle that ships; those of OpenAI's official shapes are scrambled
(tests/golden/scrambled.py), the same on every machine. A case's folder lies in the cache under the hash of
what it is made from: `openai.pt` for our builder, `hf/` for transformers, `ct2-float32/` and `ct2-int8/` for
faster-whisper, and our own bundles, which are always built anew.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from making_checkpoints import OFFICIAL, openai_file, tensors
from parity.bundle_weights import bundle_weights
from whisper_onnx.build import build
from whisper_onnx.dims import Dims

__all__ = ["DEMO", "SHAPES", "Case", "demo_case", "plain_case", "shape_case"]

DEMO: Final = Path(__file__).parents[2] / "onnx_models" / "demo"
SHAPES: Final = ("tiny", "tiny.en", "base", "base.en", "small")


@dataclass(frozen=True)
class Case:
    """One model: its name, dimensions and weights, and a folder for what is made from them."""

    name: str
    dims: Dims
    weights: Mapping[str, NDArray[Any]]
    folder: Path

    @property
    def trained(self) -> bool:
        """Whether it understands speech: only the demo model does."""
        return self.name == "demo"

    @cached_property
    def sha256(self) -> str:
        """Of the dimensions and every weight, in the order of their names."""
        digest = hashlib.sha256(repr(self.dims).encode())
        for name in sorted(self.weights):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.weights[name]).tobytes())
        return digest.hexdigest()

    @property
    def made(self) -> Path:
        """Where the forms of these very weights are kept."""
        return self.folder / f"{self.name}-{self.sha256[:16]}"

    @property
    def checkpoint(self) -> Path:
        """The weights as openai-whisper's `.pt`, written when it is first asked for."""
        path = self.made / "openai.pt"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            openai_file(path.with_suffix(".part"), self.dims, self.weights).rename(path)
        return path

    def bundle(self, target: str) -> Path:
        """Our bundle for a target, built by this checkout's builder."""
        folder = self.made / target
        shutil.rmtree(folder, ignore_errors=True)
        build(self.checkpoint, folder, target=target, name=self.name, licence="none", source="parity")
        return folder


def demo_case(folder: Path) -> Case:
    dims, weights = bundle_weights(DEMO)
    return Case("demo", dims, weights, folder)


def plain_case(name: str, folder: Path) -> Case:
    """An official shape with weights that are random and nothing else."""
    return Case(f"{name}-plain", OFFICIAL[name], tensors(OFFICIAL[name]), folder)


def shape_case(name: str, folder: Path) -> Case:
    """An official shape with scrambled weights, of which some are larger.

    With plain random weights the token just read is the likeliest next one, for ever: any engine would agree
    with any other. Larger positions and sharper attention make the text change from token to token.
    """
    weights = tensors(OFFICIAL[name])
    weights["decoder.positional_embedding"] *= 4
    for key in weights:
        if key.startswith("decoder.") and key.endswith((".query.weight", ".key.weight")):
            weights[key] *= 4
    return Case(name, OFFICIAL[name], weights, folder)
