"""Which speech models this box has, and the one way to load one.

Folders are searched in this order, and the first bundle of a name wins: `models/` in the data folder, the
folders of the setting `models.path` (each is a bundle or holds bundles), the demo model that ships with the
program. Everything here blocks on the disk: call it in a thread from the event loop.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import whisper_onnx
from stenobox.config import Settings
from stenobox.errors import InvalidRequest, ModelError, ModelNotRemovable, NoModel, UnknownModel
from stenobox.files import fsync_dir
from stenobox.paths import Layout
from whisper_onnx.bundle import Bundle, verify_bundle
from whisper_onnx.errors import BundleError, WhisperError
from whisper_onnx.manifest import MANIFEST, TARGETS, Manifest
from whisper_onnx.providers import check_provider

if TYPE_CHECKING:
    from whisper_onnx import WhisperModel

DEMO = "demo"

REMOVED = ".removed-"
"""In the names of folders that were set aside; with a dot in front no search finds them."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model folder. `ok` False means that it will not be loaded, and `problem` says why and what to do.

    `size` in bytes; `sha256` is the manifest's and so names every byte of the model. Both, and `target`, are
    empty where the manifest cannot be read.
    """

    name: str
    folder: Path
    target: str = ""
    size: int = 0
    sha256: str = ""
    licence: str = ""
    source: str = ""
    multilingual: bool = True
    ok: bool = True
    problem: str = ""


def shipped_demo() -> Path | None:
    """The demo bundle: inside the installed package, else beside it in a source checkout; None if it is not
    there.
    """
    for folder in (
        Path(str(resources.files(whisper_onnx) / DEMO)),
        Path(str(resources.files(whisper_onnx))).parent / DEMO,
    ):
        if (folder / MANIFEST).is_file():
            return folder
    return None


class ModelStore:
    """Finds, checks and loads model bundles."""

    def __init__(self, settings: Settings, layout: Layout) -> None:
        self._settings = settings.models
        self._layout = layout

    @property
    def default(self) -> str:
        """The name of the model of a job that names none."""
        return self._settings.default

    def searched(self) -> list[Path]:
        """The folders that are looked at, in order, for a message that says where to put a model."""
        demo = shipped_demo()
        return [self._layout.models, *self._settings.path, *([demo] if demo else [])]

    def make_room_for(self, name: str) -> Path:
        """Where a new model of that name goes; the data folder is made if it is missing.

        Raises InvalidRequest for a name that is no folder's, DataError when the data folder cannot be used.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise InvalidRequest(problem=f"{name!r} is no name for a model: use letters, digits, . _ and -.")
        self._layout.create()
        return self._layout.models / name

    def provider_problem(self, info: ModelInfo) -> str:
        """Why a whole model cannot run here with the setting `models.provider`; "" when it can."""
        try:
            # Only here, and never onnxruntime itself: it would report to its maker.
            from whisper_onnx.runtime import installation  # noqa: PLC0415

            provider = self._settings.provider
            wanted = TARGETS[info.target].provider if provider == "auto" else provider
            check_provider(Bundle.load(info.folder, verify=False), wanted, installation()[1])
        except ImportError:
            return "onnxruntime is not usable. Run 'stenobox doctor' on the box."
        except WhisperError as error:
            return _sentence(error)
        return ""

    def set_aside(self, info: ModelInfo) -> Path:
        """Take a model out of those that are found, by one rename; returns where its files are now.

        Raises ModelNotRemovable for one that is not in the data folder.
        """
        if info.folder.parent != self._layout.models:
            raise ModelNotRemovable
        aside = info.folder.with_name(f".{info.folder.name}{REMOVED}{secrets.token_hex(4)}")
        info.folder.rename(aside)
        fsync_dir(self._layout.models)
        return aside

    def sweep(self) -> None:
        """Delete what was set aside, now or before a power cut."""
        for aside in self._layout.models.glob(f".*{REMOVED}*"):
            if aside.is_symlink():
                aside.unlink(missing_ok=True)
            else:
                shutil.rmtree(aside, ignore_errors=True)

    def list(self, verify: bool = False) -> list[ModelInfo]:
        """Every model by name, usable or not. With `verify` every byte is hashed, else only sizes are
        compared.
        """
        found: dict[str, ModelInfo] = {}
        for folder in self._folders():
            info = _examine(folder, verify)
            found.setdefault(info.name, info)
        return sorted(found.values(), key=lambda info: info.name)

    def find(self, name: str | None) -> ModelInfo:
        """The model of that name, or the default one. Raises NoModel, UnknownModel, or ModelError for a
        broken one.
        """
        wanted = self._settings.default if name is None else name
        known = {info.name: info for info in self.list()}
        if not known:
            raise NoModel
        if wanted not in known:
            raise UnknownModel(model=wanted, installed=", ".join(known))
        info = known[wanted]
        if not info.ok:
            raise ModelError(model=wanted, problem=info.problem)
        return info

    def resolve(self, name: str | None) -> Path:
        """The folder of a model; see `find` for what is raised."""
        return self.find(name).folder

    def load(self, name: str | None, slots: int | None = None) -> WhisperModel:
        """Hash every byte of a model and start its sessions; `slots` windows are decoded side by side.

        Raises as `find`, and ModelError for a wrong hash or a provider that this machine does not have.
        """
        info = self.find(name)
        try:
            # Only here: everything else about models can be told without the runtime.
            from whisper_onnx.model import WhisperModel  # noqa: PLC0415

            return WhisperModel(
                Bundle.load(info.folder, verify=False),  # every byte is hashed as the runtime reads it
                provider=self._settings.provider,
                threads=self._settings.threads or None,
                slots=slots or self._settings.slots,
            )
        except WhisperError as error:
            raise ModelError(model=info.name, problem=_sentence(error)) from error
        except ImportError as error:
            problem = (
                "onnxruntime is not usable. Install 'stenobox[cpu]', or 'stenobox[gpu]' for an NVIDIA GPU."
            )
            raise ModelError(model=info.name, problem=problem) from error

    def _folders(self) -> Iterator[Path]:
        for place in (self._layout.models, *self._settings.path):
            yield from _bundles_in(place)
        if (demo := shipped_demo()) is not None:
            yield demo


def _bundles_in(place: Path) -> list[Path]:
    """The place itself if it is a bundle, else the folders in it; none where we may not look."""
    try:
        if (place / MANIFEST).is_file():
            return [place]
        # A name that starts with a dot is a build that has not finished.
        return sorted(p for p in place.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        return []


def _examine(folder: Path, verify: bool) -> ModelInfo:
    try:
        bundle = Bundle.load(folder, verify=False)
    except BundleError as error:
        return ModelInfo(name=_declared_name(folder), folder=folder, ok=False, problem=_sentence(error))
    problems = verify_bundle(folder) if verify else []
    return ModelInfo(
        name=bundle.name,
        folder=folder,
        target=bundle.target,
        size=sum(entry.size for entry in bundle.manifest.files.values()),
        sha256=bundle.sha256,
        licence=bundle.licence,
        source=bundle.source,
        multilingual=bundle.dims.is_multilingual,
        ok=not problems,
        problem=" ".join(map(_sentence, problems)),
    )


def _declared_name(folder: Path) -> str:
    """What a broken bundle calls itself, so that it is refused under the name that people ask for."""
    try:
        return Manifest.from_toml((folder / MANIFEST).read_bytes()).name
    except (OSError, BundleError):
        return folder.name


def _sentence(problem: object) -> str:
    text = str(problem)
    return text if text.endswith(".") else f"{text}."
