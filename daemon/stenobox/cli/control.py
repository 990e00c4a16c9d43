"""How a command reaches the accounts: through the running daemon, or directly when none runs.

SQLite has one writing process. So a command first tries to take the data folder's lock; where a daemon
holds it, the command asks the daemon over its control socket, where the kernel says who is calling.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp

from stenobox import errors
from stenobox.access import (
    DEFAULT_SCOPES,
    Accounts,
    KeyInfo,
    Keys,
    Passwords,
    Removal,
    SecondFactors,
    Sessions,
    Users,
)
from stenobox.config import Settings
from stenobox.db import Database
from stenobox.errors import DaemonUnreachable, DataInUse, StenoboxError
from stenobox.files import DataLock
from stenobox.paths import Layout
from stenobox.types import Role, Scope, User


class AccountsOf(Protocol):
    """What both ways offer; see `stenobox.access.accounts.Accounts`, the one implementation of the rules."""

    async def add_user(self, name: str, role: Role, password: str) -> User: ...
    async def list_users(self) -> list[User]: ...
    async def set_password(self, name: str, password: str) -> None: ...
    async def remove_user(self, name: str) -> Removal: ...
    async def change_user(
        self, name: str, role: Role | None = None, disabled: bool | None = None
    ) -> User: ...
    async def end_sessions(self, name: str) -> None: ...
    async def remove_second_factor(self, name: str) -> None: ...
    async def create_key(
        self,
        user_name: str,
        key_name: str,
        scopes: Iterable[Scope] = DEFAULT_SCOPES,
        expires_at: float | None = None,
    ) -> tuple[KeyInfo, str]: ...
    async def list_keys(self, user_name: str | None = None) -> list[KeyInfo]: ...
    async def revoke_key(self, key_id: int) -> None: ...


@contextlib.asynccontextmanager
async def accounts_of(settings: Settings) -> AsyncIterator[AccountsOf]:
    """The accounts of a data folder. Raises DataError, DaemonUnreachable."""
    layout = Layout(settings.data)
    layout.create()
    lock = DataLock(layout.lock)
    try:
        lock.acquire()
    except DataInUse:
        async with _control_session(layout.control_socket) as session:
            yield RemoteAccounts(session, layout.control_socket)
        return
    try:
        database = await Database.open(layout.database)
        try:
            users, keys = Users(database, Passwords()), Keys(database)
            yield Accounts(users, keys, _sessions(database, settings), SecondFactors(database))
        finally:
            await database.close()
    finally:
        lock.release()


async def ask_daemon(socket: Path, method: str, path: str) -> Any:
    """What a running daemon answers in JSON, None when none runs. A refusal is raised as the daemon's error.

    Raises DaemonUnreachable when one listens and does not answer.
    """
    if not await asyncio.to_thread(socket.exists):
        return None
    async with _control_session(socket) as session:
        try:
            async with session.request(method, f"http://localhost{path}") as response:
                answer = await response.json(content_type=None)
                if response.status >= 400:
                    raise problem_as_error(answer)
                return answer
        except aiohttp.ClientConnectorError:
            return None  # a dead process left its socket
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise DaemonUnreachable(socket=socket) from error


class RemoteAccounts:
    """The same, asked of the daemon."""

    def __init__(self, session: aiohttp.ClientSession, socket: Path) -> None:
        self._session = session
        self._socket = socket

    async def add_user(self, name: str, role: Role, password: str) -> User:
        body = {"name": name, "role": role.value, "password": password}
        return _user(await self._call("POST", "/api/users", body))

    async def list_users(self) -> list[User]:
        return [_user(entry) for entry in (await self._call("GET", "/api/users"))["users"]]

    async def set_password(self, name: str, password: str) -> None:
        await self._call("POST", f"/api/users/{quote(name, safe='')}/password", {"password": password})

    async def remove_user(self, name: str) -> Removal:
        answer = await self._call("DELETE", f"/api/users/{quote(name, safe='')}")
        return Removal(answer["outcome"])

    async def change_user(self, name: str, role: Role | None = None, disabled: bool | None = None) -> User:
        body = {"role": None if role is None else role.value, "disabled": disabled}
        change = {field: value for field, value in body.items() if value is not None}
        return _user(await self._call("PATCH", f"/api/users/{quote(name, safe='')}", change))

    async def end_sessions(self, name: str) -> None:
        await self._call("DELETE", f"/api/users/{quote(name, safe='')}/sessions")

    async def remove_second_factor(self, name: str) -> None:
        await self._call("DELETE", f"/api/users/{quote(name, safe='')}/totp")

    async def create_key(
        self,
        user_name: str,
        key_name: str,
        scopes: Iterable[Scope] = DEFAULT_SCOPES,
        expires_at: float | None = None,
    ) -> tuple[KeyInfo, str]:
        body: dict[str, Any] = {"user": user_name, "name": key_name, "scopes": sorted(scopes)}
        if expires_at is not None:
            body["expires_at"] = datetime.fromtimestamp(expires_at, UTC).isoformat()
        answer = await self._call("POST", "/api/keys", body)
        return _key(answer), answer["secret"]

    async def list_keys(self, user_name: str | None = None) -> list[KeyInfo]:
        query = "" if user_name is None else f"?user={quote(user_name, safe='')}"
        return [_key(entry) for entry in (await self._call("GET", f"/api/keys{query}"))["keys"]]

    async def revoke_key(self, key_id: int) -> None:
        await self._call("DELETE", f"/api/keys/{key_id}")

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer's JSON; a problem is raised as the error that the daemon had."""
        try:
            # The host is only a name for the URL: the connector goes to the socket.
            async with self._session.request(method, f"http://localhost{path}", json=body) as response:
                if response.status >= 400:
                    raise problem_as_error(await response.json(content_type=None))
                return await response.json() if response.status != 204 else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise DaemonUnreachable(socket=self._socket) from error


def problem_as_error(problem: dict[str, Any]) -> StenoboxError:
    """A problem of the daemon as the error of the same code, so that a command ends with the same exit
    code.
    """
    code, detail = str(problem.get("code")), str(problem.get("detail"))
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type))
    for kind in kinds:
        if issubclass(kind, StenoboxError) and kind.code == code and kind.exit_code == Refused.exit_code:
            return Refused(detail=detail)
    return Reported(detail=detail)


class Reported(StenoboxError):
    """An error whose sentence the daemon wrote."""

    message = "{detail}"


class Refused(Reported):
    """The same, when the call was wrong."""

    exit_code = 2


@contextlib.asynccontextmanager
async def _control_session(socket: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Connects through the folder's descriptor, since the path may be longer than a socket address allows."""
    folder = await asyncio.to_thread(os.open, socket.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connector = aiohttp.UnixConnector(f"/proc/self/fd/{folder}/{socket.name}")
        async with aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=60)
        ) as session:
            yield session
    finally:
        os.close(folder)


def _sessions(database: Database, settings: Settings) -> Sessions:
    limits = settings.sessions
    return Sessions(database, idle_seconds=limits.idle_seconds, max_seconds=limits.absolute_seconds)


def _user(entry: dict[str, Any]) -> User:
    return User(
        id=entry["id"],
        name=entry["name"],
        role=Role(entry["role"]),
        disabled=entry["disabled"],
        created_at=_seconds(entry["created_at"]) or 0.0,
    )


def _key(entry: dict[str, Any]) -> KeyInfo:
    return KeyInfo(
        id=entry["id"],
        user_id=0,
        user=entry["user"],
        name=entry["name"],
        prefix=entry["prefix"],
        scopes=frozenset(Scope(scope) for scope in entry["scopes"]),
        created_at=_seconds(entry["created_at"]) or 0.0,
        expires_at=_seconds(entry["expires_at"]),
        last_used_at=_seconds(entry["last_used_at"]),
    )


def _seconds(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()
