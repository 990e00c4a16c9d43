"""Whose account a person of the provider is.

A person is known by issuer and subject, which a provider never gives to another (OpenID Connect Core 1.0,
section 5.7); names may be. So a name decides only the first time, and only as the settings say.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from stenobox.access.secrets import new_secret
from stenobox.access.users import Users
from stenobox.config import OidcSettings
from stenobox.db import Database
from stenobox.errors import InvalidRequest, NameTaken, NotFound, OidcNoAccount
from stenobox.types import Role, User

FIND = "SELECT user_id FROM oidc_identities WHERE issuer = ? AND subject = ?"

LINK = "INSERT INTO oidc_identities (issuer, subject, user_id, created_at) VALUES (?, ?, ?, ?)"


class Identities:
    """The accounts of those who come from a provider."""

    def __init__(
        self, db: Database, users: Users, settings: OidcSettings, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = db
        self._users = users
        self._settings = settings
        self._clock = clock

    async def user_of(self, subject: str, name: object) -> User:
        """The account; made or found by `name` at the first time, as the settings allow.

        Raises OidcNoAccount, also for a disabled account.
        """
        user = await self._known(subject) or await self._first_time(subject, name)
        if user.disabled:
            raise OidcNoAccount
        return user

    async def _known(self, subject: str) -> User | None:
        async with self._db.read() as reader:
            row = await reader.fetch_one(FIND, (self._settings.issuer, subject))
        return None if row is None else await self._users.get(row["user_id"])

    async def _first_time(self, subject: str, name: object) -> User:
        if not isinstance(name, str):
            raise OidcNoAccount
        user = await self._same_name(name) or await self._new(name)
        try:
            async with self._db.write() as tx:
                await tx.execute(LINK, (self._settings.issuer, subject, user.id, self._clock()))
        except sqlite3.IntegrityError as error:
            # The same person came by two ways at once, and the other was quicker.
            known = await self._known(subject)
            if known is None:
                raise OidcNoAccount from error
            return known
        return user

    async def _same_name(self, name: str) -> User | None:
        """Letter for letter: a provider may tell Anna from anna."""
        if not self._settings.match_names:
            return None
        try:
            user = await self._users.find(name)
        except NotFound:
            return None
        return user if user.name == name and not user.disabled else None

    async def _new(self, name: str) -> User:
        """With a password that nobody knows."""
        if self._settings.create_role == "none":
            raise OidcNoAccount
        try:
            return await self._users.add(name, Role(self._settings.create_role), new_secret())
        except (NameTaken, InvalidRequest) as error:
            raise OidcNoAccount from error
