"""A real nginx on a free loopback port."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.certificates import Authority, ec_key, key_pem, pem
from harness.daemon import PATIENCE_S

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
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/unused;
  uwsgi_temp_path {folder}/unused;
  scgi_temp_path {folder}/unused;
  server {{
    listen 127.0.0.1:{port}{tls};
    {server}
  }}
}}
"""

_ENCRYPTED = """
    ssl_certificate {folder}/chain.pem;
    ssl_certificate_key {folder}/key.pem;
"""

# As daemon/README.md tells people to set it up.
_PROXY = """
    location / {{
      proxy_pass {box};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 300s;
    }}
"""


class Nginx:
    """One process with one server, of the lines `server`; what it needs lies in `folder`, which is made."""

    def __init__(self, folder: Path, server: str, *, encrypted: bool = False) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.folder = folder
        self._server = _ENCRYPTED.format(folder=folder) + server if encrypted else server
        self._tls = " ssl" if encrypted else ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self.folder,
                port=self.port,
                tls=self._tls,
                server=self._server,
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        command = ["nginx", "-p", str(self.folder), "-c", str(configuration)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while True:
            assert self._process.poll() is None and time.monotonic() < end, "nginx did not start"
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except ConnectionRefusedError:
                time.sleep(0.05)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE_S)


class Proxy(Nginx):
    """With HTTPS in front of the box at `box`; answers at `url`, and `trust` verifies it."""

    def __init__(self, folder: Path, box: str) -> None:
        super().__init__(folder, _PROXY.format(box=box), encrypted=True)
        authority, key = Authority.new(), ec_key()
        folder.mkdir()
        (folder / "chain.pem").write_bytes(pem(authority.server(key)))
        (folder / "key.pem").write_bytes(key_pem(key))
        self.trust = ssl.create_default_context(cadata=pem(authority.root).decode())
        self.url = f"https://127.0.0.1:{self.port}"
