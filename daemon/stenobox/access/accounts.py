"""What an administrator does with accounts, in one place for the HTTP interface and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from stenobox.access.keys import DEFAULT_SCOPES, KeyInfo, Keys
from stenobox.access.second_factors import SecondFactors
from stenobox.access.sessions import Sessions
from stenobox.access.users import Users
from stenobox.idempotency import Note, unnoted
from stenobox.types import Role, Scope, User


class Removal(StrEnum):
    """What became of an account. DISABLED: recordings belong to it; deleting those is another decision."""

    REMOVED = "removed"
    DISABLED = "disabled"


class Accounts:
    """Users go by name here, as people name them. `on_ended(user_id)` hears of accounts that lost access."""

    def __init__(
        self,
        users: Users,
        keys: Keys,
        sessions: Sessions,
        factors: SecondFactors,
        on_ended: Callable[[int], None] = lambda _id: None,
    ) -> None:
        self._users = users
        self._keys = keys
        self._sessions = sessions
        self._factors = factors
        self._on_ended = on_ended

    async def add_user(self, name: str, role: Role, password: str, note: Note = unnoted) -> User:
        """Raises InvalidRequest, WeakPassword, NameTaken."""
        return await self._users.add(name, role, password, note=note)

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
        self._on_ended(user.id)
        return Removal.REMOVED if removed else Removal.DISABLED

    async def change_user(self, name: str, role: Role | None = None, disabled: bool | None = None) -> User:
        """Another role, or no access for a while, from now on. Raises NotFound, LastAdmin."""
        user = await self._users.find(name)
        changed = await self._users.change(user.id, role, disabled)
        # A stream was opened by what its user could do then; a page connects again by itself.
        self._on_ended(user.id)
        return changed

    async def end_sessions(self, name: str) -> None:
        """Sign a user out everywhere. Raises NotFound."""
        user = await self._users.find(name)
        await self._sessions.revoke_all(user.id)
        self._on_ended(user.id)

    async def remove_second_factor(self, name: str) -> None:
        """For somebody who lost the telephone and the recovery codes. Raises NotFound."""
        await self._factors.clear((await self._users.find(name)).id)

    async def create_key(
        self,
        user_name: str,
        key_name: str,
        scopes: Iterable[Scope] = DEFAULT_SCOPES,
        expires_at: float | None = None,
        note: Note = unnoted,
    ) -> tuple[KeyInfo, str]:
        """A key and its secret, shown this once. Raises NotFound, InvalidRequest."""
        user = await self._users.find(user_name)
        return await self._keys.create(user.id, key_name, scopes, expires_at, note)

    async def list_keys(self, user_name: str | None = None) -> list[KeyInfo]:
        """Raises NotFound."""
        user_id = None if user_name is None else (await self._users.find(user_name)).id
        return await self._keys.list(user_id)

    async def revoke_key(self, key_id: int, user_id: int | None = None) -> None:
        """End a key, and what it holds open. With `user_id`, only a key of that user. Raises NotFound."""
        self._on_ended(await self._keys.revoke(key_id, user_id))
