"""The yardstick: nginx storing a file by WebDAV PUT on the same disk, as Debian packages it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from .sending import free_port, put_file

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
{user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/incoming;
  proxy_temp_path {folder}/unused;
  fastcgi_temp_path {folder}/unused;
  uwsgi_temp_path {folder}/unused;
  scgi_temp_path {folder}/unused;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/files;
    location / {{ dav_methods PUT; }}
  }}
}}
"""


class Nginx:
    """One process on a free loopback port; what it is sent lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for name in ("files", "incoming"):
            (self._folder / name).mkdir(parents=True)
        configuration = self._folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self._folder, port=self._port, user="user root;" if os.geteuid() == 0 else ""
            )
        )
        self._process = subprocess.Popen(["nginx", "-p", str(self._folder), "-c", str(configuration)])
        while not (self._folder / "pid").exists():
            if self._process.poll() is not None:
                raise RuntimeError("nginx did not start")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)

    def receive(self, source: Path) -> float:
        """Seconds until the file is there and synced: its bytes and its folder's entry, as we promise them.

        nginx itself syncs nothing, so that is done here, after its answer.
        """
        stored = self._folder / "files" / source.name
        started = time.perf_counter()
        put_file(urlsplit(f"http://127.0.0.1:{self._port}/{source.name}"), source)
        for path in (stored, stored.parent):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        seconds = time.perf_counter() - started
        stored.unlink()
        return seconds
