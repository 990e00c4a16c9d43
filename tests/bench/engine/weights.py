"""The same weights in every engine's format, made once and kept in a cache folder.

The weights of an official shape look random (golden/scrambled.py): they cost the same as trained ones. `demo`
is the demonstration model, its weights read back out of the bundle that ships. Making a model is not
measured.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import whisper_onnx
from making_checkpoints import tensors
from parity.bundle_weights import bundle_weights
from parity.cases import DEMO as DEMO_BUNDLE
from parity.cases import Case
from whisper_onnx.build import build
from whisper_onnx.features import mel_filters

from .ggml import Kind, write_ggml
from .shapes import dims_of

DEMO: Final = "demo"
_ENGINE: Final = Path(whisper_onnx.__file__).parent


@dataclass(frozen=True)
class Source:
    """The weights of a shape, in a cache; they are only computed when something is to be made of them."""

    shape: str
    cache: Path

    @cached_property
    def folder(self) -> Path:
        """Where the models of this shape are kept; the demo model may change, the random ones do not."""
        if self.shape != DEMO:
            return self.cache / self.shape
        manifest = (DEMO_BUNDLE / "model.toml").read_bytes()
        return self.cache / f"demo-{hashlib.sha256(manifest).hexdigest()[:8]}"

    @cached_property
    def case(self) -> Case:
        if self.shape == DEMO:
            return Case(DEMO, *bundle_weights(DEMO_BUNDLE), self.folder)
        dims = dims_of(self.shape)
        return Case(self.shape, dims, tensors(dims), self.folder)


def model(source: Source, kind: str) -> Path:
    """The model in one of FORMATS, made now unless it is there.

    Ours is named for the sources that build it, so that it is never an old one.
    """
    source.folder.mkdir(parents=True, exist_ok=True)
    ours = kind.startswith("ours-")
    path = source.folder / (f"{kind}-{_sources_hash()}" if ours else kind)
    if not path.exists():
        for old in source.folder.glob(f"{kind}-????????"):
            shutil.rmtree(old)
        made = FORMATS[kind](source)
        if ours:
            made.rename(path)
        else:
            path.symlink_to(made.relative_to(path.parent))
    return path


def _sources_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted(_ENGINE.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


def _openai(source: Source) -> Path:
    return source.case.checkpoint


def _ours(source: Source, target: str) -> Path:
    path = source.folder / f".{target}"
    shutil.rmtree(path, ignore_errors=True)
    build(model(source, "openai"), path, target=target, name=source.shape, licence="none", source="benchmark")
    return path


def _hugging_face(source: Source) -> Path:
    from parity.converting import hf_folder

    return hf_folder(source.case)


def _ctranslate2(source: Source, quantisation: Any) -> Path:
    from parity.converting import ctranslate2_folder

    return ctranslate2_folder(source.case, quantisation)


def _ggml(source: Source, kind: Kind) -> Path:
    lines = (_ENGINE / "vocab" / "multilingual.tiktoken").read_bytes().splitlines()
    case = source.case
    path = case.made / f"ggml-{kind}.bin"
    case.made.mkdir(parents=True, exist_ok=True)
    write_ggml(
        path.with_suffix(".part"),
        case.dims,
        case.weights,
        filters=mel_filters(case.dims.n_mels),
        vocabulary=[base64.b64decode(line.split()[0]) for line in lines],
        kind=kind,
    )
    return path.with_suffix(".part").rename(path)


FORMATS: Final[Mapping[str, Callable[[Source], Path]]] = MappingProxyType(
    {
        "openai": _openai,
        "hf": _hugging_face,
        **{
            f"ours-{target}": partial(_ours, target=target)
            for target in ("cpu-int8", "cpu-fp32", "cuda-fp16")
        },
        **{
            f"ct2-{kind}": partial(_ctranslate2, quantisation=kind) for kind in ("int8", "float32", "float16")
        },
        "ggml-f16": partial(_ggml, kind="f16"),
        "ggml-q8_0": partial(_ggml, kind="q8_0"),
    }
)
