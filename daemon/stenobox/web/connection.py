"""One connection from the network: the framework's protocol, with deadlines for those who do nothing.

The framework closes a connection that is idle. What it does not look at: a head or a body that comes byte by
byte (slowloris, RUDY). A reader that takes nothing is the kernel's to cut, see `stenobox.listening`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from stenobox.config import LimitsSettings
from stenobox.log import get_logger
from stenobox.web import problems
from stenobox.web.expect import INVITED
from stenobox.web.headers import add_headers
from stenobox.web.rules import Handler

MAX_HEADERS: Final = 64
MAX_LINE_BYTES: Final = 8_190
"""Of the request line, and of each header."""

LINGER_SECONDS: Final = 30.0
"""How long the rest of a body is read and dropped after a refusal, so that the sender sees the answer."""

MIN_BYTES_PER_SECOND: Final = 100
"""Of a body, over `limits.stall_seconds`. The slowest modem was quicker."""

log = get_logger(__name__)


class Connection(web.RequestHandler):
    """`lost` is called once when the connection is over."""

    __slots__ = ("_begun", "_deadline", "_limits", "_lost", "_received", "_request")

    def __init__(
        self,
        server: web.Server,
        limits: LimitsSettings,
        lost: Callable[[], None],
        *,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # the framework's own way to have none
            keepalive_timeout=limits.idle_seconds,
            lingering_time=LINGER_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
        )
        self._limits = limits
        self._lost = lost
        self._deadline: asyncio.TimerHandle | None = None
        self._request: web.BaseRequest | None = None
        self._begun = False
        self._received = 0

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if data and self._deadline is None and not self._begun and self._is_between_requests():
            self._expect_head()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._disarm()
        self._request = None
        super().connection_lost(exc)
        self._lost()

    # Called by the middleware.

    def begin(self, request: web.BaseRequest) -> None:
        """The head of a request is complete; from here on its body has to come."""
        self._begun, self._request = True, request
        self._disarm()
        if not request.content.is_eof():
            self._expect_body()

    def end(self) -> None:
        """The handler is through. What is left of the body has LINGER_SECONDS."""
        self._begun = False
        self._disarm()

    # Deadlines.

    def _is_between_requests(self) -> bool:
        return self._request is None or self._request.content.is_eof()

    def _expect_head(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._limits.header_seconds, self._cut, "slow_head")

    def _expect_body(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._limits.stall_seconds, self._look_at_body, self._received)

    def _look_at_body(self, before: int) -> None:
        request, transport = self._request, self.transport
        if request is None or transport is None or request.content.is_eof():
            self._deadline = None
            return
        waits_for_us = not transport.is_reading() or (
            hdrs.EXPECT in request.headers and not request.get(INVITED, False)
        )
        if waits_for_us or self._received - before >= MIN_BYTES_PER_SECOND * self._limits.stall_seconds:
            self._expect_body()
        else:
            self._cut("slow_body")

    def _cut(self, event: str) -> None:
        self._deadline = None
        log.info(event)
        if self.transport is not None:
            self.transport.abort()

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # Answers that no route gives.

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What the framework answers by itself, in the form of all our answers and with their headers.

        Its own would tell the log what was sent.
        """
        log.debug("malformed_request", status=status, kind=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, it cannot become another")
        detail = "This is no request that HTTP knows." if status == 400 else "The request failed."
        if isinstance(exc, HttpProcessingError) and type(exc).__name__ == "LineTooLong":
            detail = f"A line of the request has more than {MAX_LINE_BYTES} bytes."
        problem = problems.Problem(status, f"http_{status}", "Bad Request", detail)
        response = problems.render(problem, secrets.token_hex(8))
        add_headers(response)
        response.force_close()
        return response


@web.middleware
async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tells the connection when its request begins and ends."""
    connection: Any = request.protocol
    if not isinstance(connection, Connection):
        return await handler(request)  # the control socket: who may connect to it may do everything
    connection.begin(request)
    try:
        return await handler(request)
    finally:
        connection.end()
