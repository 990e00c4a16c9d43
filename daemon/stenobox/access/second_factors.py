"""A second factor beside the password: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

A code is taken once: the time step that it belongs to is kept, and only later ones are taken after it
(RFC 6238, section 5.2; OWASP ASVS 2.8.4). Recovery codes are for the day on which the telephone is lost:
each opens once, and only salted hashes of them are stored (ASVS 2.6.1, 2.6.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

import pyotp

from stenobox.access.ratelimit import AttemptLimiter
from stenobox.audit import Action, record
from stenobox.db import Database, Transaction
from stenobox.errors import SecondFactorState, TotpRequired, WrongCode
from stenobox.types import User

ISSUER = "Stenobox"

STEP_S = 30
DRIFT_STEPS = 1
"""Steps by which a telephone's clock may be off, to either side; RFC 6238 advises at most one."""

RECOVERY_CODES = 10
RECOVERY_BYTES = 10
"""80 bits: too many to be guessed here, or from a copy of the database."""

DIGITS = re.compile(r"[0-9]{6}")

BEGIN = """
INSERT INTO second_factors (user_id, secret, created_at) VALUES (:user_id, :secret, :now)
ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at, last_step = 0
WHERE confirmed_at IS NULL
"""

ONE = "SELECT secret, last_step, confirmed_at FROM second_factors WHERE user_id = ?"

ALL = "SELECT user_id FROM second_factors WHERE confirmed_at IS NOT NULL"

CONFIRM = "UPDATE second_factors SET confirmed_at = ? WHERE user_id = ? AND confirmed_at IS NULL"

# Of two requests with the same code one finds the step taken already.
USE_STEP = "UPDATE second_factors SET last_step = :step WHERE user_id = :user_id AND last_step < :step"

REMOVE = "DELETE FROM second_factors WHERE user_id = ?"

COUNT_CODES = "SELECT COUNT(*) AS n FROM recovery_codes WHERE user_id = ?"

CODES = "SELECT id, salt, sha256 FROM recovery_codes WHERE user_id = ?"

ADD_CODE = "INSERT INTO recovery_codes (user_id, salt, sha256) VALUES (?, ?, ?)"

USE_CODE = "DELETE FROM recovery_codes WHERE id = ?"

CLEAR_CODES = "DELETE FROM recovery_codes WHERE user_id = ?"


@dataclass(frozen=True, slots=True)
class FactorState:
    """`since`: when it was switched on; None while it is off. `recovery_codes`: how many are left."""

    since: float | None
    recovery_codes: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs: the secret in base32, and the same as an `otpauth:` address."""

    secret: str
    uri: str


class SecondFactors:
    """The second factors of all users. Guessing is limited for each user on its own: whoever is kept out by
    it knew the password.
    """

    def __init__(
        self,
        db: Database,
        clock: Callable[[], float] = time.time,
        limiter: AttemptLimiter | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        # Three of a million codes are right at a time: who guesses for a year at this pace finds one with a
        # chance of one in ten. Meanwhile the user gets in with a recovery code.
        self._limiter = limiter or AttemptLimiter(burst=5, seconds_per_token=900.0)

    async def state(self, user_id: int) -> FactorState:
        async with self._db.read() as reader:
            row = await reader.fetch_one(ONE, (user_id,))
            codes = await reader.fetch_one(COUNT_CODES, (user_id,))
        return FactorState(
            since=None if row is None else row["confirmed_at"],
            recovery_codes=0 if codes is None else codes["n"],
        )

    async def users(self) -> frozenset[int]:
        """The ids of all users who have one."""
        async with self._db.read() as reader:
            return frozenset(row["user_id"] for row in await reader.fetch_all(ALL))

    async def begin(self, user: User) -> Enrolment:
        """A new secret, which counts once `confirm` had a code of it.

        Raises SecondFactorState if one is on already.
        """
        secret = pyotp.random_base32()
        async with self._db.write() as tx:
            if not await tx.execute(BEGIN, {"user_id": user.id, "secret": secret, "now": self._clock()}):
                raise SecondFactorState(problem="The second factor is on already. Remove it first.")
        uri = pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name=ISSUER)
        return Enrolment(secret, uri)

    async def confirm(self, user_id: int, code: str) -> list[str]:
        """Switch it on; returns the recovery codes, which cannot be had again.

        Raises SecondFactorState unless one was begun, WrongCode, RateLimited.
        """
        async with self._db.write() as tx:
            row = await tx.fetch_one(ONE, (user_id,))
            if row is None or row["confirmed_at"] is not None:
                raise SecondFactorState(problem="No second factor waits for a code. Begin again.")
            await self._use_totp(tx, user_id, row, _bare(code))
            await tx.execute(CONFIRM, (self._clock(), user_id))
            await record(tx, Action.SECOND_FACTOR_ON, f"user:{user_id}")
            return await self._renew_codes(tx, user_id)

    async def check(self, user_id: int, code: str | None) -> None:
        """Let pass who needs no code, or has one. Raises TotpRequired, WrongCode, RateLimited."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(ONE, (user_id,))
        if row is None or row["confirmed_at"] is None:
            return
        if not code:
            raise TotpRequired
        bare = _bare(code)
        async with self._db.write() as tx:
            if DIGITS.fullmatch(bare):
                await self._use_totp(tx, user_id, row, bare)
            else:
                await self._use_recovery_code(tx, user_id, bare)

    async def renew(self, user_id: int, code: str) -> list[str]:
        """New recovery codes; the old ones end. Raises SecondFactorState while it is off, and as `check`."""
        await self._require(user_id)
        await self.check(user_id, code)
        async with self._db.write() as tx:
            await record(tx, Action.RECOVERY_CODES, f"user:{user_id}")
            return await self._renew_codes(tx, user_id)

    async def remove(self, user_id: int, code: str) -> None:
        """Switch it off. Raises SecondFactorState while it is off, and as `check`."""
        await self._require(user_id)
        await self.check(user_id, code)
        await self.clear(user_id)

    async def clear(self, user_id: int) -> None:
        """Switch it off for somebody who cannot: the telephone is lost, and the recovery codes too."""
        async with self._db.write() as tx:
            if await tx.execute(REMOVE, (user_id,)):
                await record(tx, Action.SECOND_FACTOR_OFF, f"user:{user_id}")

    async def _require(self, user_id: int) -> None:
        if (await self.state(user_id)).since is None:
            raise SecondFactorState(problem="The second factor is off.")

    async def _use_totp(self, tx: Transaction, user_id: int, row: sqlite3.Row, code: str) -> None:
        """Raises WrongCode for a code that is wrong, or was used."""
        key = f"totp of {user_id}"
        self._limiter.take(key)
        step = self._step_of(str(row["secret"]), code)
        if step is None or not await tx.execute(USE_STEP, {"user_id": user_id, "step": step}):
            raise WrongCode
        self._limiter.give_back(key)

    def _step_of(self, secret: str, code: str) -> int | None:
        """The time step that the code belongs to; None if it is of none that counts now."""
        totp, now = pyotp.TOTP(secret, interval=STEP_S), int(self._clock()) // STEP_S
        steps = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
        found = [step for step in steps if hmac.compare_digest(totp.generate_otp(step), code)]
        return found[-1] if found else None

    async def _use_recovery_code(self, tx: Transaction, user_id: int, code: str) -> None:
        """Raises WrongCode; a code that opens is gone afterwards."""
        key = f"recovery code of {user_id}"
        self._limiter.take(key)
        for row in await tx.fetch_all(CODES, (user_id,)):
            if hmac.compare_digest(_hash(row["salt"], code), row["sha256"]):
                await tx.execute(USE_CODE, (row["id"],))
                self._limiter.give_back(key)
                return
        raise WrongCode

    async def _renew_codes(self, tx: Transaction, user_id: int) -> list[str]:
        await tx.execute(CLEAR_CODES, (user_id,))
        codes = [_new_code() for _ in range(RECOVERY_CODES)]
        for code in codes:
            salt = secrets.token_hex(16)
            await tx.execute(ADD_CODE, (user_id, salt, _hash(salt, _bare(code))))
        return codes


def _new_code() -> str:
    """Four groups of four, of letters and digits that nobody takes for one another."""
    text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _bare(code: str) -> str:
    """As people type codes: blanks, hyphens and capitals do not count."""
    return re.sub(r"[\s-]", "", code[:100]).lower()


def _hash(salt: str, code: str) -> str:
    return hashlib.sha256(f"{salt}:{code}".encode("utf-8", "surrogatepass")).hexdigest()
