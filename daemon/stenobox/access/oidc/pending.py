"""Sign-ins that are under way at the provider, in memory: a restart only means to begin again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from stenobox.access.secrets import fingerprint, new_secret

LIFE_S = 600.0
MAX_PENDING = 1_000
"""Memory stays bounded when somebody only ever begins: the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class Begun:
    """`state` comes back with the browser, `nonce` in the ID token; `verifier` proves to the provider that
    who began is who asks for the token (PKCE, RFC 7636).
    """

    state: str
    nonce: str
    verifier: str
    browser_sha256: str
    at: float

    @property
    def challenge(self) -> str:
        """RFC 7636, section 4.2, method S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Pending:
    """Each is taken once, by the browser that began it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: OrderedDict[str, Begun] = OrderedDict()

    def begin(self) -> tuple[Begun, str]:
        """A new one, and the secret that its browser keeps in a cookie."""
        browser = new_secret()
        begun = Begun(new_secret(), new_secret(), new_secret(), fingerprint(browser), self._clock())
        self._begun[begun.state] = begun
        while len(self._begun) > MAX_PENDING:
            self._begun.popitem(last=False)
        return begun, browser

    def take(self, state: str, browser: str) -> Begun | None:
        """None if it is unknown, over, taken before, or another browser's: somebody who makes a person open
        a link would otherwise have them work in an account of the sender's (RFC 6749, section 10.12).
        """
        begun = self._begun.pop(state, None)
        if begun is None or self._clock() - begun.at > LIFE_S:
            return None
        return begun if hmac.compare_digest(begun.browser_sha256, fingerprint(browser)) else None
