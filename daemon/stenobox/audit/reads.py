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

Kind = Literal["transcript", "audio"]

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
        self._told: OrderedDict[tuple[str, Action, str], float] = OrderedDict()

    async def note(
        self,
        identity: Identity,
        what: Kind,
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
        what: Kind,
        owners: Mapping[str, int],
        *,
        download: bool,
    ) -> None:
        """The same for several targets, each with its owner, in one transaction."""
        await self._note(
            f"user:{identity.user.id}",
            _ACTIONS[what, download],
            {target: owner for target, owner in owners.items() if download or owner != identity.user.id},
        )

    async def note_by_link(
        self,
        share_id: str,
        what: Kind,
        target: str,
        owner_id: int,
        *,
        download: bool,
    ) -> None:
        """The same for whoever has a link: `share_id` is all that is known of them."""
        await self._note(f"share:{share_id}", _ACTIONS[what, download], {target: owner_id}, share_id)

    async def note_opened(self, share_id: str, owner_id: int) -> None:
        """Whoever has a link looked at what it leads to."""
        await self._note(f"share:{share_id}", Action.SHARE_OPENED, {f"share:{share_id}": owner_id})

    async def _note(
        self, who: str, action: Action, owners: Mapping[str, int], share_id: str | None = None
    ) -> None:
        details = {} if share_id is None else {"share": share_id}
        now = self._clock()
        news = {
            (who, action, target): owner_id
            for target, owner_id in owners.items()
            if not self._is_told((who, action, target), now)
        }
        if not news:
            return
        async with self._db.write() as tx:
            for (_, _, target), owner_id in news.items():
                await record(tx, action, target, actor=None, owner=owner_id, **details)
        for key in news:
            self._told[key] = now
            self._told.move_to_end(key)
        while len(self._told) > MAX_REMEMBERED:
            self._told.popitem(last=False)

    def _is_told(self, key: tuple[str, Action, str], now: float) -> bool:
        return key in self._told and now - self._told[key] < WINDOW_S
