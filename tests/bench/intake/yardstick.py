"""The yardstick: nginx storing a file by WebDAV PUT on the same disk, as Debian packages it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import urlsplit

from harness.nginx import Nginx

from .sending import put_file


class Store(Nginx):
    """What it is sent lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, f"root {folder}/files; location / {{ dav_methods PUT; }}")
        (folder / "files").mkdir(parents=True)

    def receive(self, source: Path) -> float:
        """Seconds until the file is there and synced: its bytes and its folder's entry, as we promise them.

        nginx itself syncs nothing, so that is done here, after its answer.
        """
        stored = self.folder / "files" / source.name
        started = time.perf_counter()
        put_file(urlsplit(f"http://127.0.0.1:{self.port}/{source.name}"), source)
        for path in (stored, stored.parent):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        seconds = time.perf_counter() - started
        stored.unlink()
        return seconds
