"""Who wants e-mail about their jobs, and where to."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from stenobox.audit import Action, record
from stenobox.db import Database
from stenobox.errors import InvalidRequest
from stenobox.notices.webhooks import Wishes
from stenobox.types import Identity

# HTML Standard, "valid email address": what browsers take, and nothing that could end a header.
ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)

GET = """
SELECT address, on_done, on_failed, on_quarantined, on_cancelled, with_title
FROM mail_notices WHERE user_id = ?
"""

SET = """
INSERT OR REPLACE INTO mail_notices
    (user_id, address, on_done, on_failed, on_quarantined, on_cancelled, with_title)
VALUES (:user_id, :address, :on_done, :on_failed, :on_quarantined, :on_cancelled, :with_title)
"""

REMOVE = "DELETE FROM mail_notices WHERE user_id = ?"

# What waits for a person who wants no more mail is not sent.
DROP_WAITING = "DELETE FROM outbox WHERE user_id = ? AND webhook_id IS NULL AND state = 'waiting'"


@dataclass(frozen=True, slots=True)
class MailNotice:
    """Where to, and about what."""

    address: str
    wishes: Wishes


class MailNotices:
    """Everybody's own."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, identity: Identity) -> MailNotice | None:
        """None for who wants none."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(GET, (identity.user.id,))
        if row is None:
            return None
        values = dict(row)
        address = values.pop("address")
        return MailNotice(address, Wishes(**{name: bool(value) for name, value in values.items()}))

    async def set(self, identity: Identity, notice: MailNotice) -> None:
        """Raises InvalidRequest for what is no address."""
        if len(notice.address) > 254 or not ADDRESS.fullmatch(notice.address):
            raise InvalidRequest(problem="This is no e-mail address.")
        async with self._db.write() as tx:
            await tx.execute(
                SET,
                {
                    "user_id": identity.user.id,
                    "address": notice.address,
                    **dataclasses.asdict(notice.wishes),
                },
            )
            await record(tx, Action.MAIL_CHANGED, f"user:{identity.user.id}", wanted=True)

    async def remove(self, identity: Identity) -> None:
        """No more mail; harmless when there was none."""
        async with self._db.write() as tx:
            if await tx.execute(REMOVE, (identity.user.id,)):
                await tx.execute(DROP_WAITING, (identity.user.id,))
                await record(tx, Action.MAIL_CHANGED, f"user:{identity.user.id}", wanted=False)
