"""What an administrator does with accounts, in one place for the HTTP interface and the command line."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from stenobox.access.keys import KeyInfo, Keys
from stenobox.access.sessions import Sessions
from stenobox.access.users import Users
from stenobox.types import Role, User


class Removal(StrEnum):
    """What became of an account. DISABLED: recordings belong to it; deleting those is another decision."""

    REMOVED = "removed"
    DISABLED = "disabled"


class Accounts:
    """Users go by name here, as people name them. `on_ended(user_id)` hears of accounts that lost access."""

    def __init__(
        self, users: Users, keys: Keys, sessions: Sessions, on_ended: Callable[[int], None] = lambda _id: None
    ) -> None:
        self._users = users
        self._keys = keys
        self._sessions = sessions
        self._on_ended = on_ended

    async def add_user(self, name: str, role: Role, password: str) -> User:
        """Raises InvalidRequest, WeakPassword, NameTaken."""
        return await self._users.add(name, role, password)

    async def list_users(self) -> list[User]:
        return await self._users.list()

    async def set_password(self, name: str, password: str) -> None:
        """Set a new password and end all sessions of the user.

        Raises NotFound, InvalidRequest, WeakPassword.
        """
        user = await self._users.find(name)
        await self._users.set_password(user.id, password)
        await self._sessions.revoke_all(user.id)
        self._on_ended(user.id)

    async def remove_user(self, name: str) -> Removal:
        """End the user's access at once. Raises NotFound, LastAdmin."""
        user = await self._users.find(name)
        removed = await self._users.remove(user.id)
        if not removed:
            await self._sessions.revoke_all(user.id)
        self._on_ended(user.id)
        return Removal.REMOVED if removed else Removal.DISABLED

    async def create_key(self, user_name: str, key_name: str) -> tuple[KeyInfo, str]:
        """A key and its secret, shown this once. Raises NotFound, InvalidRequest."""
        user = await self._users.find(user_name)
        return await self._keys.create(user.id, key_name)

    async def list_keys(self, user_name: str | None = None) -> list[KeyInfo]:
        """Raises NotFound."""
        user_id = None if user_name is None else (await self._users.find(user_name)).id
        return await self._keys.list(user_id)

    async def revoke_key(self, key_id: int) -> None:
        """Raises NotFound."""
        await self._keys.revoke(key_id)
