"""`stenobox models remove`: by the running daemon, which knows what it needs, or directly when none runs."""

from __future__ import annotations

from urllib.parse import quote

from stenobox.audit import OPERATOR, acting
from stenobox.cli.control import ask_daemon
from stenobox.config import Settings
from stenobox.db import Database
from stenobox.errors import DaemonUnreachable, DataInUse
from stenobox.files import DataLock
from stenobox.installed import InstalledModels
from stenobox.models import ModelStore
from stenobox.paths import Layout


async def remove(settings: Settings, store: ModelStore, name: str) -> None:
    """Raises as `InstalledModels.remove`, DataError, and DaemonUnreachable."""
    layout = Layout(settings.data)
    layout.create()
    lock = DataLock(layout.lock)
    try:
        lock.acquire()
    except DataInUse:
        if await ask_daemon(layout.control_socket, "GET", "/livez") is None:
            raise DaemonUnreachable(socket=layout.control_socket) from None
        await ask_daemon(layout.control_socket, "DELETE", f"/api/admin/models/{quote(name, safe='')}")
        return
    try:
        database = await Database.open(layout.database)
        try:
            with acting(OPERATOR):
                await InstalledModels(store, database, tuple).remove(name)
        finally:
            await database.close()
    finally:
        lock.release()
