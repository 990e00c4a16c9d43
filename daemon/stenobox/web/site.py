"""The page's files, read once at the start.

A request is looked up among the names that were found then. No path is ever made from what a request says,
so there is nothing to traverse; a changed file shows after a restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from stenobox.errors import SettingsError

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""Also the list of what is served: another file in the folder is none of the page's."""

INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Asset:
    """`etag` is strong: it changes with any byte (RFC 9110, section 8.8.3)."""

    body: bytes
    content_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Site:
    """Relative name with slashes -> file."""

    assets: Mapping[str, Asset]

    @classmethod
    def load(cls, folder: Path | None) -> Site:
        """Read the files of `folder`, or of the page that ships. Blocks. Raises SettingsError without
        index.html.
        """
        root = folder or shipped_page()
        assets: dict[str, Asset] = {}
        for path in sorted(root.rglob("*")) if root is not None else ():
            name = path.relative_to(root or "").as_posix()
            kind = TYPES.get(path.suffix)
            if kind is None or not path.is_file() or any(part.startswith(".") for part in name.split("/")):
                continue
            body = path.read_bytes()
            assets[name] = Asset(body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
        if folder is not None and INDEX not in assets:
            raise SettingsError(source="webui", problem=f"there is no {INDEX} in {folder}.")
        return cls(assets)


def shipped_page() -> Path | None:
    """The page inside the installed package, else in the source checkout beside it; None if neither is
    there.
    """
    package = Path(str(resources.files("stenobox")))
    for folder in (package / "webui", package.parents[1] / "webui"):
        if (folder / INDEX).is_file():
            return folder
    return None
