"""One server, one key, one connection that is kept, and what the server's answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from stenobox.errors import InvalidRequest, ServerRefused, ServerUnreachable

BLOCK_BYTES = 2**18
"""Given to the socket at once."""

TIMEOUTS_S = (30.0, 300.0)
"""For a connection and for each block; for an answer, since the server syncs its disk before it answers."""

PASSING = frozenset({408, 409, 423, 425, 429, 460, 500, 502, 503, 504})
"""Statuses after which the same upload may succeed: locks, limits, restarts, a wrong offset."""

NO_LONGER = frozenset({404, 410})
REFUSED_CALLER = frozenset({401, 403})
REFUSED_WISHES = REFUSED_CALLER | {400}
"""When an upload is begun: what is wrong then is wrong for every other file too."""


class Trouble(Exception):
    """What may pass; the text says what it is."""


class Gone(Exception):
    """The server knows nothing of the upload any more."""


class Link:
    """A server, a key, and one connection that is kept."""

    def __init__(self, server: str, key: str, ca_file: Path | None = None) -> None:
        self.server = server
        self._key = key
        self._session = requests.Session()
        # A key must reach its server and nobody else: no proxy, no ~/.netrc out of the environment.
        self._session.trust_env = False
        if ca_file is not None:
            self._session.verify = str(ca_file)
        adapter = _WideAdapter()
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        data: Any = None,
        *,
        wrong_call: frozenset[int] = REFUSED_CALLER,
    ) -> Any:
        """The answer, which is 2xx. Raises Trouble, Gone, ServerRefused, or InvalidRequest for statuses in
        `wrong_call`.
        """
        if urlsplit(url)[:2] != urlsplit(self.server)[:2]:
            raise ServerRefused(problem=f"{self.server} sends its callers to another server.")
        sent = dict(headers) | {"Authorization": f"Bearer {self._key}"}
        try:
            answer = self._session.request(
                method, url, headers=sent, data=data, timeout=TIMEOUTS_S, allow_redirects=False
            )
        except requests.exceptions.SSLError as error:
            raise ServerRefused(problem=f"The server's certificate is not trusted: {error}") from error
        except requests.exceptions.RequestException as error:
            raise Trouble(f"{self.server} does not answer or was cut off.") from error
        if not 200 <= answer.status_code < 300:
            _refuse(answer, wrong_call)
        return answer

    def check(self) -> None:
        """Raises ServerUnreachable or ServerRefused unless a box answers there."""
        try:
            self.call("GET", f"{self.server}/livez", {})
        except Trouble as trouble:
            raise ServerUnreachable(problem=str(trouble)) from trouble
        except Gone as gone:
            raise ServerRefused(problem=f"{self.server} is no Stenobox.") from gone

    def knows(self, job: str) -> bool:
        """Whether the server still has a job. Raises ServerUnreachable, ServerRefused."""
        try:
            self.call("GET", f"{self.server}/api/jobs/{job}", {})
        except Trouble as trouble:
            raise ServerUnreachable(problem=str(trouble)) from trouble
        except Gone:
            return False
        return True

    def close(self) -> None:
        self._session.close()


class _WideAdapter(HTTPAdapter):
    """Gives the socket larger blocks than 16 KiB, which would cost more than the sending."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, blocksize=BLOCK_BYTES)


def _refuse(answer: Any, wrong_call: frozenset[int]) -> NoReturn:
    """Raise what an answer other than 2xx means."""
    status = answer.status_code
    detail = f"The server answered {status}."
    with suppress(ValueError, KeyError, TypeError):
        detail = str(answer.json()["detail"])
    if status in NO_LONGER:
        raise Gone
    if status in PASSING:
        raise Trouble(detail)
    if status in wrong_call:
        raise InvalidRequest(problem=detail)
    if 300 <= status < 400:
        detail = f"The server sends its callers to {answer.headers.get('Location')}: use that as --server."
    raise ServerRefused(problem=detail)
