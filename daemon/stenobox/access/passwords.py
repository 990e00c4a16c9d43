"""Argon2id hashes of passwords (RFC 9106), made in threads and at most two at a time.

One hash takes 64 MiB for some tens of milliseconds: without the limit a burst of log-ins would take the box's
memory.
"""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from stenobox.errors import InvalidRequest

MIN_LENGTH = 8
MAX_LENGTH = 128
"""Longer ones only make the server work (OWASP, Password Storage Cheat Sheet)."""

HASHES_AT_ONCE = 2


class Passwords:
    """Makes and checks hashes. One per process, so that its limit counts all of them."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(HASHES_AT_ONCE)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded hash to store. Raises InvalidRequest for a length that is not allowed."""
        check_length(password)
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether `password` made `encoded`. None (no such user) does the same work and is False.

        Otherwise the time of an answer would tell which names exist (OWASP, Authentication Cheat Sheet).
        """
        if len(password) > MAX_LENGTH:
            return False
        if encoded is None:
            await self._matches(await self._a_decoy(), password)
            return False
        return await self._matches(encoded, password)

    def outdated(self, encoded: str) -> bool:
        """True when the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    async def _matches(self, encoded: str, password: str) -> bool:
        async with self._turn:
            return await asyncio.to_thread(self._verify, encoded, password)

    def _verify(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _a_decoy(self) -> str:
        if self._decoy is None:
            self._decoy = await self.hash("a password of nobody")
        return self._decoy


def check_length(password: str) -> None:
    """Raises InvalidRequest unless the password has 8 to 128 characters."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidRequest(problem=f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.")
