"""The one-time link with which the first administrator is made.

The token lives in memory only, as its hash: a restart makes a new link, and once a user exists none is valid.
"""

from __future__ import annotations

import hmac

from stenobox.access.secrets import fingerprint, new_secret
from stenobox.access.users import Users
from stenobox.errors import NameTaken, SetupLinkInvalid
from stenobox.types import Role, User


class SetupLink:
    """Open only while the box has no user."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._expected: str | None = None
        self._done = False

    async def needed(self) -> bool:
        """True while there is no account. Once False it stays so: the last administrator is never removed."""
        if not self._done:
            self._done = await self._users.count() > 0
        return not self._done

    def issue(self) -> str:
        """A new token; an earlier one no longer works."""
        token = new_secret()
        self._expected = fingerprint(token)
        return token

    async def redeem(self, token: str, name: str, password: str) -> User:
        """Make the first administrator. Raises SetupLinkInvalid; InvalidRequest or WeakPassword for the
        name or password.

        A wrong name or password leaves the link valid, so that a person can correct it.
        """
        expected = self._expected
        if expected is None or not hmac.compare_digest(fingerprint(token), expected):
            raise SetupLinkInvalid
        try:
            user = await self._users.add(name, Role.ADMIN, password, only_as_first=True)
        except NameTaken as error:
            raise SetupLinkInvalid from error
        self._expected = None
        self._done = True
        return user
