"""One attempt to deliver a notice to a webhook."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver
from yarl import URL

import stenobox
from stenobox.config import WebhooksSettings
from stenobox.moments import maybe, moment
from stenobox.notices import Allowed, Due
from stenobox.notices.signing import signed_headers
from stenobox.notifying.guarded import AddressRefused, guarded_session, tls_context
from stenobox.notifying.outcome import Outcome

GONE = 410


class Poster:
    """`async with` it: two clients, since HTTP without encryption goes only where the administrator says."""

    def __init__(
        self,
        settings: WebhooksSettings,
        allowed: Allowed,
        clock: Callable[[], float] = time.time,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._settings = settings
        self._allowed = allowed
        self._clock = clock
        self._resolver = resolver
        self._clients: dict[str, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        tls = await asyncio.to_thread(tls_context, self._settings.ca)
        self._clients = {
            "https": guarded_session(self._allowed.allows, tls, self._resolver),
            "http": guarded_session(self._allowed.listed, tls, self._resolver),
        }
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.close()

    async def send(self, notice: Due) -> Outcome:
        """Post it, signed. Any 2xx is success; redirects are not followed; of the answer only the head is
        read. Raises nothing: whatever a stranger's server does is an outcome.
        """
        if not self._settings.enabled:
            return Outcome("Webhooks are switched off on this box.", final=True)
        try:
            return await self._post(notice)
        except Exception as error:
            return Outcome(_problem_of(error))

    async def _post(self, notice: Due) -> Outcome:
        url = URL(str(notice.url))
        body = msgspec.json.encode(payload(notice))
        headers = {
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.USER_AGENT: f"Stenobox/{stenobox.__version__}",
            hdrs.ACCEPT_ENCODING: "identity",
            **signed_headers(str(notice.secret), notice.message_id, int(self._clock()), body),
        }
        request = self._clients[url.scheme].post(url, data=body, headers=headers, allow_redirects=False)
        async with request as answer:
            status, asked = answer.status, retry_after(answer.headers.get(hdrs.RETRY_AFTER), self._clock())
            answer.close()
        if 200 <= status < 300:
            return Outcome(status=status)
        if 300 <= status < 400:
            return Outcome("It answered with a redirect, which is not followed.", status, asked)
        return Outcome(f"It answered with status {status}.", status, asked, gone=status == GONE)


def _problem_of(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, AddressRefused):
        return "Its address is not one that requests may go to."
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "Its certificate is not valid."
    if isinstance(error, aiohttp.ClientConnectorError):
        return "It cannot be reached."
    return f"The request failed ({type(error).__name__})."


def payload(notice: Due) -> dict[str, Any]:
    """Type, time and data, as Standard Webhooks recommends; never the text that was heard."""
    data: dict[str, Any] = {}
    if notice.job_id is not None:
        data = {
            "job_id": notice.job_id,
            "recording_id": notice.recording_id,
            "state": notice.event.removeprefix("job."),
            "error": notice.error,
            "created_at": maybe(notice.queued_at),
            "started_at": maybe(notice.started_at),
            "finished_at": maybe(notice.finished_at),
        }
    if notice.title is not None:
        data["title"] = notice.title
    return {"type": notice.event, "timestamp": moment(notice.created_at), "data": data}


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds of a Retry-After (RFC 9110, section 10.2.3): a number, or a date; None for what is neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    return None
