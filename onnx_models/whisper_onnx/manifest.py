"""`model.toml`, the manifest of a model folder: what the model is, and the SHA-256 of every file of it.

    format = 2
    name = "demo"
    target = "cpu-fp32"
    weights = "exact"            how the weights are stored (build.py)
    source = "..."               where the checkpoint came from
    licence = "..."
    created_by = "..."
    checkpoint_sha256 = "..."
    alignment_heads = [[3, 0]]   (layer, head) of the decoder's cross-attention heads that follow the audio
    [dims]                       the ten dimensions of dims.py
    [graphs]                     role -> file name; see ROLES
    [data]                       role -> names of the files that hold the graph's weights (ONNX external data)
    [files."NAME"]               sha256, size in bytes: every file that may be read, each used exactly once

Reading is strict: an unknown or missing key, a wrong type or a name that could leave the folder is a
BundleError.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, Self

from .dims import Dims
from .errors import BundleError
from .published import Heads

__all__ = ["MANIFEST", "TARGETS", "Compute", "FileEntry", "Manifest", "Target"]

MANIFEST: Final = "model.toml"
FORMAT: Final = 2
ROLES: Final = ("encoder", "decoder", "alignment")

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TEXTS: Final = ("name", "target", "weights", "source", "licence", "created_by", "checkpoint_sha256")
_ADVICE: Final = "install or build the model again"


# int8: matrices of 8-bit weights, everything else in float32.
Compute = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a bundle's graphs are written for."""

    provider: Literal["cpu", "cuda"]
    compute: Compute


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        "cpu-fp32": Target("cpu", "fp32"),
        "cpu-int8": Target("cpu", "int8"),
        "cuda-fp16": Target("cuda", "fp16"),
    }
)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What the manifest says about one file."""

    sha256: str  # lower-case hexadecimal
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of `model.toml`."""

    name: str
    target: str
    weights: str
    source: str
    licence: str
    created_by: str
    checkpoint_sha256: str
    alignment_heads: Heads  # (layer, head), rising
    dims: Dims
    graphs: Mapping[str, str]  # role -> file name
    data: Mapping[str, tuple[str, ...]]  # role -> names of the files with its weights
    files: Mapping[str, FileEntry]

    @classmethod
    def from_toml(cls, data: bytes) -> Self:
        """Reads a manifest. Raises BundleError that names what is wrong in it."""
        try:
            tree = tomllib.loads(data.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise BundleError(f"{MANIFEST} is not TOML ({error}); {_ADVICE}") from error
        if tree.get("format") != FORMAT:
            raise BundleError(
                f"{MANIFEST} has format {tree.get('format')!r}, this version reads format {FORMAT}; "
                "update the program, or build the model again"
            )
        _check_keys(tree, ("format", *_TEXTS, "alignment_heads", "dims", "graphs", "data", "files"), "")
        texts = {key: _typed(tree, key, str, "") for key in _TEXTS}
        if not texts["name"].strip():
            raise BundleError(f"{MANIFEST}: name is empty; {_ADVICE}")
        if texts["target"] not in TARGETS:
            raise BundleError(
                f"{MANIFEST}: target is {texts['target']!r}, this version knows {', '.join(TARGETS)}; "
                "update the program, or build the model for one of these"
            )
        files = _files(_typed(tree, "files", dict, ""))
        try:
            dims = Dims.from_mapping(_typed(tree, "dims", dict, ""))
        except ValueError as error:
            raise BundleError(f"{MANIFEST}: [dims]: {error}; {_ADVICE}") from error
        graphs, held = _typed(tree, "graphs", dict, ""), _typed(tree, "data", dict, "")
        _check_uses(graphs, held, files)
        return cls(
            alignment_heads=_heads(_typed(tree, "alignment_heads", list, ""), dims),
            dims=dims,
            graphs=MappingProxyType({role: graphs[role] for role in ROLES}),
            data=MappingProxyType({role: tuple(held[role]) for role in ROLES}),
            files=files,
            **texts,
        )

    def to_toml(self) -> str:
        """The manifest's text: the same for the same contents, read back equal by `from_toml`."""
        lines = [f"format = {FORMAT}", *(f"{key} = {_quoted(getattr(self, key))}" for key in _TEXTS)]
        lines += [f"alignment_heads = {[list(head) for head in self.alignment_heads]}"]
        lines += ["", "[dims]", *(f"{key} = {value}" for key, value in self.dims.to_dict().items())]
        lines += ["", "[graphs]", *(f"{role} = {_quoted(self.graphs[role])}" for role in ROLES)]
        lines += ["", "[data]", *(f"{role} = [{', '.join(map(_quoted, self.data[role]))}]" for role in ROLES)]
        for name, entry in sorted(self.files.items()):
            lines += ["", f"[files.{_quoted(name)}]"]
            lines += [f"sha256 = {_quoted(entry.sha256)}", f"size = {entry.size}"]
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _files(table: Mapping[str, Any]) -> Mapping[str, FileEntry]:
    files: dict[str, FileEntry] = {}
    for name, value in table.items():
        where = f'files."{name}".'
        if not _FILE_NAME.fullmatch(name) or name == MANIFEST:
            raise BundleError(
                f"{MANIFEST}: {name!r} is not the name of a file in the model's folder; {_ADVICE}"
            )
        if not isinstance(value, dict):
            raise BundleError(f'{MANIFEST}: files."{name}" is not a table; {_ADVICE}')
        _check_keys(value, ("sha256", "size"), where)
        entry = FileEntry(_typed(value, "sha256", str, where), _typed(value, "size", int, where))
        if not _SHA256.fullmatch(entry.sha256) or entry.size < 0:
            raise BundleError(f"{MANIFEST}: {where}sha256 or size has an impossible value; {_ADVICE}")
        files[name] = entry
    return MappingProxyType(files)


def _check_uses(graphs: Mapping[str, Any], data: Mapping[str, Any], files: Mapping[str, FileEntry]) -> None:
    """The tables `graphs` and `data` together name every listed file exactly once."""
    _check_keys(graphs, ROLES, "graphs.")
    _check_keys(data, ROLES, "data.")
    unused = set(files)
    for where, names in [(f"graphs.{role}", [graphs[role]]) for role in ROLES] + [
        (f"data.{role}", _typed(data, role, list, "data.")) for role in ROLES
    ]:
        for name in names:
            if not isinstance(name, str) or name not in files:
                raise BundleError(f"{MANIFEST}: {where} is not one of the files listed; {_ADVICE}")
            if name not in unused:
                raise BundleError(f"{MANIFEST}: {where} names {name!r}, which has a use already; {_ADVICE}")
            unused.remove(name)
    if unused:
        raise BundleError(f"{MANIFEST}: nothing uses the file {min(unused)!r}; {_ADVICE}")


def _heads(pairs: list[Any], dims: Dims) -> Heads:
    heads = tuple(tuple(pair) if isinstance(pair, list) else pair for pair in pairs)
    for pair in heads:
        if (
            not isinstance(pair, tuple)
            or [type(number) for number in pair] != [int, int]
            or not (0 <= pair[0] < dims.n_text_layer and 0 <= pair[1] < dims.n_text_head)
        ):
            raise BundleError(
                f"{MANIFEST}: alignment_heads holds {pair!r}, which is no [layer, head]; {_ADVICE}"
            )
    if not heads or list(heads) != sorted(set(heads)):
        raise BundleError(f"{MANIFEST}: alignment_heads is empty or not in rising order; {_ADVICE}")
    return heads


def _check_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    if unknown := sorted(table.keys() - set(known)):
        raise BundleError(
            f"{MANIFEST}: unknown key {where}{unknown[0]}; it may come from a newer version: update the "
            f"program, or {_ADVICE}"
        )
    if missing := sorted(set(known) - table.keys()):
        raise BundleError(f"{MANIFEST}: {where}{missing[0]} is missing; {_ADVICE}")


def _typed(table: Mapping[str, Any], key: str, kind: type[Any], where: str) -> Any:
    value = table[key]
    if type(value) is not kind:
        raise BundleError(f"{MANIFEST}: {where}{key} is not a {_TYPES[kind]}; {_ADVICE}")
    return value


_TYPES: Final[Mapping[type[Any], str]] = MappingProxyType(
    {str: "text", int: "whole number", list: "list", dict: "table"}
)
