"""Argon2id hashes of passwords (RFC 9106), made in threads and at most two at a time.

One hash takes 64 MiB for about a tenth of a second: without the limit a burst of log-ins would take the
box's memory.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret_raw

from stenobox.access.passphrases import MAX_LENGTH, check_guessable, check_length, normalised

TIME_COST = 3
MEMORY_KIB = 64 * 2**10
LANES = 2
"""The second recommended option of RFC 9106, section 4, on the two cores that the smallest box has: about
100 ms for a log-in. `make bench-passwords` measures it.
"""

HASHES_AT_ONCE = 2


class Passwords:
    """Makes and checks hashes. One per process, so that its limit counts all of them."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(
            time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=LANES
        )
        self._turn = asyncio.Semaphore(HASHES_AT_ONCE)
        self._decoy: str | None = None

    async def hash(self, password: str, about: Iterable[str] = ()) -> str:
        """The encoded hash of a new password. Raises InvalidRequest for a length that is not allowed, and
        WeakPassword for one that is easy to guess; `about` are words that belong to its user.
        """
        check_length(password)
        async with self._turn:
            await asyncio.to_thread(check_guessable, password, tuple(about))
        return await self.encode(password)

    async def encode(self, password: str) -> str:
        """The encoded hash of a password that was taken before."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, normalised(password))

    async def stretched(self, password: str, about: str) -> str:
        """64 hexadecimal digits that are the same for the same two texts, and as slow to guess a password
        from as a hash is.
        """
        async with self._turn:
            return await asyncio.to_thread(self._stretched, password, about)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether `password` made `encoded`. None (no such user) does the same work and is False.

        Otherwise the time of an answer would tell which names exist (OWASP, Authentication Cheat Sheet).
        """
        password = normalised(password)
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

    def _stretched(self, password: str, about: str) -> str:
        return hash_secret_raw(
            normalised(password).encode("utf-8", "surrogatepass"),
            salt=hashlib.sha256(about.encode()).digest(),
            time_cost=self._hasher.time_cost,
            memory_cost=self._hasher.memory_cost,
            parallelism=self._hasher.parallelism,
            hash_len=32,
            type=Type.ID,
        ).hex()

    def _verify(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _a_decoy(self) -> str:
        if self._decoy is None:
            self._decoy = await self.encode("a password of nobody")
        return self._decoy
