"""A real samba server on a free loopback port, and two clients: smbclient, and one that does as Windows."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from smbprotocol.connection import Connection
from smbprotocol.file_info import FileEndOfFileInformation
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FileAttributes,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
    SMB2SetInfoRequest,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

USER = pwd.getpwuid(os.getuid()).pw_name
PASSWORD = "folder-password"
PATIENCE_S = 60.0

_SETTINGS = """
[global]
  server role = standalone server
  map to guest = never
  interfaces = 127.0.0.1
  bind interfaces only = yes
  smb ports = {port}
  passdb backend = tdbsam:{private}/passdb.tdb
  private dir = {private}
  lock directory = {private}
  state directory = {private}
  cache directory = {private}
  pid directory = {private}
  ncalrpc dir = {private}/ncalrpc
  log file = {private}/log
  disable spoolss = yes
  load printers = no
  server signing = disabled
  smb encrypt = off
[inbox]
  path = {folder}
  read only = no
  valid users = {user}
"""


class Smbd:
    """A share named `inbox` of one folder: `with Smbd(folder, private) as share: share.put(...)`."""

    def __init__(self, folder: Path, private: Path) -> None:
        private.mkdir(parents=True, exist_ok=True)
        self._config = private / "smb.conf"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self._config.write_text(_SETTINGS.format(port=self.port, private=private, folder=folder, user=USER))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        subprocess.run(
            ["smbpasswd", "-c", str(self._config), "-s", "-a", USER],
            input=f"{PASSWORD}\n{PASSWORD}\n".encode(),
            check=True,
            capture_output=True,
        )
        self._process = subprocess.Popen(
            ["smbd", "--foreground", "--no-process-group", "-s", str(self._config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "smbd did not start"
                assert time.monotonic() < end, "smbd does not answer"
                time.sleep(0.05)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE_S)

    # smbclient.

    def command(self, *lines: str) -> list[str]:
        """The call of smbclient that does these things on the share."""
        return [
            *("smbclient", "//127.0.0.1/inbox", "-p", str(self.port), "-U", f"{USER}%{PASSWORD}"),
            *("-s", str(self._config), "-c", "; ".join(lines)),
        ]

    def run(self, *lines: str) -> None:
        done = subprocess.run(
            self.command(*lines), capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def put(self, source: Path, name: str) -> None:
        self.run(f'put "{source}" "{name}"')

    # A client like Windows.

    def windows(self) -> Windows:
        return Windows(self.port)


class Windows:
    """One connection, which can be cut in the middle of anything."""

    def __init__(self, port: int) -> None:
        self._connection = Connection(uuid.uuid4(), "127.0.0.1", port)
        self._connection.connect()
        self._session = Session(self._connection, USER, PASSWORD, require_encryption=False)
        self._session.connect()
        self._tree = TreeConnect(self._session, r"\\127.0.0.1\inbox")
        self._tree.connect()

    def create(self, name: str, size: int) -> Open:
        """A new file whose size is set before a byte of it is written, as the Explorer does."""
        file = Open(self._tree, name)
        file.create(
            ImpersonationLevel.Impersonation,
            FilePipePrinterAccessMask.GENERIC_READ | FilePipePrinterAccessMask.GENERIC_WRITE,
            FileAttributes.FILE_ATTRIBUTE_NORMAL,
            ShareAccess.FILE_SHARE_READ,
            CreateDisposition.FILE_OVERWRITE_IF,
            CreateOptions.FILE_NON_DIRECTORY_FILE,
        )
        self._set_size(file, size)
        return file

    def write(self, file: Open, offset: int, content: bytes) -> None:
        for at in range(0, len(content), 65_536):
            file.write(content[at : at + 65_536], offset + at)

    def cut(self) -> None:
        """The cable is pulled: the server hears nothing more, and at last drops the connection."""
        transport = self._connection.transport
        transport._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._connection.disconnect(True)

    def _set_size(self, file: Open, size: int) -> None:
        information = FileEndOfFileInformation()
        information["end_of_file"] = size
        request = SMB2SetInfoRequest()
        request["info_type"] = 1  # SMB2_0_INFO_FILE
        request["file_info_class"] = 20  # FileEndOfFileInformation
        request["file_id"] = file.file_id
        request["buffer"] = information
        sent = self._connection.send(request, self._session.session_id, self._tree.tree_connect_id)
        self._connection.receive(sent)
