"""What `stenobox push` remembers between two calls: how far each file has come, and the job it became."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from stenobox.files import make_dir, write_durable

KEPT_SECONDS = 365 * 86_400.0
"""After a year without the file, it would be sent again; the server then still knows its bytes."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """`url` of the upload on the server, and the `job` once there is one."""

    url: str
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file as it was at one moment: another size or time of change means other bytes."""

    path: Path
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Raises OSError."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)


class Receipts:
    """One small file for each upload in a folder of the user's own; it holds no file names and no key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> Self:
        """In the place that the XDG base directory specification names for state."""
        home = environment.get("XDG_STATE_HOME")
        base = Path(home) if home and Path(home).is_absolute() else Path.home() / ".local" / "state"
        return cls(base / "stenobox" / "push")

    def prune(self, now: float) -> None:
        """Forget what was not looked at for KEPT_SECONDS; `now` in Unix seconds. A folder that cannot be read
        is left alone.
        """
        with contextlib.suppress(OSError):
            for path in self._folder.glob("*.json"):
                if path.stat().st_mtime < now - KEPT_SECONDS:
                    path.unlink(missing_ok=True)

    def find(self, key: str) -> Receipt | None:
        """What is known under a key; a receipt that cannot be read counts as none."""
        path = self._path(key)
        try:
            receipt = msgspec.json.decode(path.read_bytes(), type=Receipt)
            os.utime(path)
            return receipt
        except (OSError, msgspec.DecodeError):
            return None

    def keep(self, key: str, receipt: Receipt) -> None:
        """Durable when this returns. Raises OSError, DiskFull."""
        make_dir(self._folder)
        write_durable(self._path(key), msgspec.json.encode(receipt))

    def drop(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def key_of(server: str, file: Snapshot, wishes: Mapping[str, str]) -> str:
    """Names one upload: these bytes, with these wishes, to this server.

    Not the bytes themselves: reading a large file twice would cost more than it tells, and the beginning of
    a recording, which tus clients like to hash, is often the same silence.
    """
    place = os.fsencode(file.path.resolve()).hex()
    parts = [server, place, file.size, file.changed_ns, sorted(wishes.items())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
