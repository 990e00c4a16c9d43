"""A mail server: keeps what it is given, and refuses what the test says."""

from __future__ import annotations

import queue
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from harness.daemon import PATIENCE_S


class _Controller(Controller):
    """On a free port: the library's own looks for the server at the port that it asked for."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


class MailServer:
    """`answer` to DATA, such as `250 OK` or `451 Later`; `refused` to RCPT; `user` and `password`: who may
    send, anybody when there are none; `tls`: offers STARTTLS, and requires it.
    """

    def __init__(
        self,
        answer: str = "250 OK",
        refused: str | None = None,
        login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.mails: queue.SimpleQueue[EmailMessage] = queue.SimpleQueue()
        self.answer, self.refused, self.login = answer, refused, login
        options: dict[str, Any] = {}
        if tls is not None:
            options |= {"tls_context": tls, "require_starttls": True}
        if login is not None:
            options |= {"authenticator": self._known, "auth_required": True}
            options["auth_require_tls"] = tls is not None
        self._controller = _Controller(
            self, hostname="127.0.0.1", port=0, server_hostname="mail.test", **options
        )

    @property
    def port(self) -> int:
        return int(self._controller.port)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if self.refused is not None:
            return self.refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.mails.put(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return self.answer

    def next(self) -> EmailMessage:
        """The next mail; waits for it."""
        return self.mails.get(timeout=PATIENCE_S)

    def _known(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login.decode(), data.password.decode()) == self.login, handled=False)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()
