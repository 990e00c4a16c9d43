"""Who read what belongs to somebody else, and what was downloaded by anyone.

Reading one's own is no event: the owner would drown what matters. A player asks for the same recording many
times, so the same person, thing and action make one row in WINDOW_S.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Literal

from stenobox.audit.actions import Action
from stenobox.audit.chain import record
from stenobox.db import Database
from stenobox.types import Identity

WINDOW_S = 600.0
MAX_REMEMBERED = 10_000

_ACTIONS = {
    ("transcript", False): Action.TRANSCRIPT_READ,
    ("transcript", True): Action.TRANSCRIPT_EXPORTED,
    ("audio", False): Action.AUDIO_READ,
    ("audio", True): Action.AUDIO_EXPORTED,
}


class Reads:
    """`clock` in seconds; only differences count."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._told: OrderedDict[tuple[int, Action, str], float] = OrderedDict()

    async def note(
        self,
        identity: Identity,
        what: Literal["transcript", "audio"],
        target: str,
        owner_id: int,
        *,
        download: bool,
    ) -> None:
        """Before anything of it is sent: what cannot be recorded is not given away (DiskFull)."""
        await self.note_all(identity, what, {target: owner_id}, download=download)

    async def note_all(
        self,
        identity: Identity,
        what: Literal["transcript", "audio"],
        owners: Mapping[str, int],
        *,
        download: bool,
    ) -> None:
        """The same for several targets, each with its owner, in one transaction."""
        action, now = _ACTIONS[what, download], self._clock()
        news = {
            (identity.user.id, action, target): owner_id
            for target, owner_id in owners.items()
            if (download or owner_id != identity.user.id)
            and not self._is_told((identity.user.id, action, target), now)
        }
        if not news:
            return
        async with self._db.write() as tx:
            for (_, _, target), owner_id in news.items():
                await record(tx, action, target, owner=owner_id)
        for key in news:
            self._told[key] = now
            self._told.move_to_end(key)
        while len(self._told) > MAX_REMEMBERED:
            self._told.popitem(last=False)

    def _is_told(self, key: tuple[int, Action, str], now: float) -> bool:
        return key in self._told and now - self._told[key] < WINDOW_S
