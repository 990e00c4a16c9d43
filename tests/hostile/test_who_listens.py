"""The operator's socket and the addresses listened on. Every test's name states a security property."""

from __future__ import annotations

from pathlib import Path

import pytest

from stenobox.config import ListenSettings, Settings


async def test_the_operators_socket_is_only_for_its_owner_and_owns_no_jobs(tmp_path: Path) -> None:
    from stenobox.serving import control_listener

    listener = control_listener(tmp_path / "control.sock")
    try:
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
    finally:
        listener.close()


@pytest.mark.parametrize(("uid", "let_in"), [(0, True), (1234, True), (1235, False), (65534, False)])
def test_the_operators_socket_believes_the_kernel_about_who_calls(
    monkeypatch: pytest.MonkeyPatch, uid: int, let_in: bool
) -> None:
    import socket
    import struct

    from stenobox.web.peer import operator_of

    class Peer:
        """A connected Unix socket as the kernel describes its other end; no test can be another user."""

        family = socket.AF_UNIX

        def getsockopt(self, level: int, option: int, size: int) -> bytes:
            assert (level, option, size) == (socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return struct.pack("3i", 1, uid, 0)

    class Request:
        @property
        def transport(self) -> Request:
            return self

        def get_extra_info(self, _name: str) -> Peer:
            return Peer()

    monkeypatch.setattr("os.geteuid", lambda: 1234)
    identity = operator_of(Request())  # type: ignore[arg-type]
    assert (identity is not None) is let_in
    assert identity is None or identity.via == "local"


def test_a_network_address_is_refused_without_an_explicit_word(tmp_path: Path) -> None:
    from stenobox.errors import SettingsError
    from stenobox.serving import refuse_bare_network

    with pytest.raises(SettingsError):
        refuse_bare_network(Settings(data=tmp_path, listen=ListenSettings(host="0.0.0.0")), encrypted=False)
    refuse_bare_network(Settings(data=tmp_path, listen=ListenSettings(host="0.0.0.0")), encrypted=True)
    insecure = ListenSettings(host="0.0.0.0", insecure_http=True)
    refuse_bare_network(Settings(data=tmp_path, listen=insecure), encrypted=False)
    refuse_bare_network(Settings(data=tmp_path, listen=ListenSettings(host="::1")), encrypted=False)
