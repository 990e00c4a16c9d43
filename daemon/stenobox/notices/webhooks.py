"""The webhooks of each account, and what became of what was sent to them."""

from __future__ import annotations

import dataclasses
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from yarl import URL

from stenobox.audit import Action, record
from stenobox.db import Database, Reader, Transaction
from stenobox.errors import InvalidRequest, NotFound
from stenobox.idempotency import Note, unnoted
from stenobox.notices.addresses import Allowed
from stenobox.notices.signing import new_signing_secret
from stenobox.paging import before, check_limit
from stenobox.types import Identity

MAX_WEBHOOKS = 20
MAX_URL = 2_000
MAX_PAGE = 200

# A name as name servers know it (international ones in Punycode), or an address.
HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:.]{2,45}")

COLUMNS = """
id, owner_id, url, every_job, on_done, on_failed, on_quarantined, on_cancelled, with_title, created_at,
failing_since, last_success_at, last_error, last_error_at, disabled
"""

LIST = f"SELECT {COLUMNS} FROM webhooks WHERE owner_id = ? ORDER BY created_at, id"  # noqa: S608

GET = f"SELECT {COLUMNS} FROM webhooks WHERE id = ? AND owner_id = ?"  # noqa: S608 - constants, here and below

COUNT = "SELECT COUNT(*) AS n FROM webhooks WHERE owner_id = ?"

INSERT = """
INSERT INTO webhooks (id, owner_id, url, secret, every_job, on_done, on_failed, on_quarantined, on_cancelled,
    with_title, created_at)
VALUES (:id, :owner_id, :url, :secret, :every_job, :on_done, :on_failed, :on_quarantined, :on_cancelled,
    :with_title, :now)
"""

# Whoever switches a webhook on again begins with a clean record.
CHANGE = """
UPDATE webhooks
SET url = :url, every_job = :every_job, on_done = :on_done, on_failed = :on_failed,
    on_quarantined = :on_quarantined, on_cancelled = :on_cancelled, with_title = :with_title,
    disabled = :disabled, failing_since = CASE WHEN disabled IS :disabled THEN failing_since END
WHERE id = :id
"""

REMOVE = "DELETE FROM webhooks WHERE id = ? AND owner_id = ?"

LINK = """
INSERT OR IGNORE INTO job_webhooks (job_id, webhook_id)
SELECT ?, id FROM webhooks WHERE id = ? AND owner_id = ?
"""

DELIVERIES = """
SELECT id, message_id, event, job_id, state, attempts, created_at, due_at, tried_at, status, problem
FROM outbox WHERE webhook_id = :webhook_id AND id < :before ORDER BY id DESC LIMIT :limit
"""

# From the beginning, as if it had just happened; the receiver knows it by its id.
REDELIVER = """
UPDATE outbox SET state = 'waiting', attempts = 0, created_at = :now, due_at = :now
WHERE id = :id AND webhook_id = :webhook_id
RETURNING id, message_id, event, job_id, state, attempts, created_at, due_at, tried_at, status, problem
"""

# Who sends by hand has looked after it: it is tried at once, and its day begins anew.
LOOKED_AFTER = "UPDATE webhooks SET failing_since = NULL WHERE id = ?"

TEST = """
INSERT INTO outbox (message_id, user_id, webhook_id, event, created_at, due_at)
VALUES (:message_id, :user_id, :webhook_id, 'webhook.test', :now, :now)
RETURNING id, message_id, event, job_id, state, attempts, created_at, due_at, tried_at, status, problem
"""


@dataclass(frozen=True, slots=True)
class Wishes:
    """Of which ends of a job somebody wants to hear, and whether with the recording's title."""

    on_done: bool = True
    on_failed: bool = True
    on_quarantined: bool = True
    on_cancelled: bool = False
    with_title: bool = False


@dataclass(frozen=True, slots=True)
class Webhook:
    """`every_job` False: only jobs that name it. `disabled`: `user` (switched off), `failing` (for a day),
    `gone` (it answered 410), or None.
    """

    id: str
    owner_id: int
    url: str
    every_job: bool
    wishes: Wishes
    created_at: float
    failing_since: float | None = None
    last_success_at: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None
    disabled: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way; `status` and `problem` of the last attempt, `due_at` of the next one."""

    id: int
    message_id: str
    event: str
    job_id: str | None
    state: str
    attempts: int
    created_at: float
    due_at: float
    tried_at: float | None
    status: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Some deliveries, newest first; `next` is the cursor of the page after this one, None on the last."""

    deliveries: tuple[Delivery, ...]
    next: str | None


class Webhooks:
    """All webhooks; everybody sees their own alone. `on_due()` is called when something waits to be sent."""

    def __init__(
        self,
        db: Database,
        allowed: Allowed,
        on_due: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._allowed = allowed
        self._on_due = on_due
        self._clock = clock

    async def list(self, identity: Identity) -> list[Webhook]:
        async with self._db.read() as reader:
            return [_webhook_of(row) for row in await reader.fetch_all(LIST, (identity.user.id,))]

    async def create(
        self,
        identity: Identity,
        url: str,
        wishes: Wishes,
        *,
        every_job: bool = True,
        note: Note = unnoted,
    ) -> tuple[Webhook, str]:
        """A new webhook and its signing secret, shown this once. Raises InvalidRequest."""
        address = self.checked(url)
        secret = new_signing_secret()
        made = Webhook(
            f"wh_{secrets.token_hex(12)}", identity.user.id, address, every_job, wishes, self._clock()
        )
        async with self._db.write() as tx:
            count = await tx.fetch_one(COUNT, (identity.user.id,))
            if count is not None and count["n"] >= MAX_WEBHOOKS:
                raise InvalidRequest(problem=f"An account has at most {MAX_WEBHOOKS} webhooks.")
            await tx.execute(INSERT, {**_values(made), "secret": secret, "now": made.created_at})
            await record(tx, Action.WEBHOOK_CREATED, f"webhook:{made.id}")
            await note(tx, f"webhook:{made.id}")
        return made, secret

    async def get(self, webhook_id: str, identity: Identity) -> Webhook:
        """Raises NotFound."""
        async with self._db.read() as reader:
            return await _own(reader, webhook_id, identity)

    async def change(self, webhook_id: str, identity: Identity, changes: dict[str, Any]) -> Webhook:
        """Change `url`, `every_job`, `enabled` or a wish, by name. Raises NotFound, InvalidRequest."""
        values = dict(changes)
        if "url" in values:
            values["url"] = self.checked(values["url"])
        async with self._db.write() as tx:
            webhook = await _own(tx, webhook_id, identity)
            enabled = values.pop("enabled", webhook.disabled is None)
            disabled = None if enabled else webhook.disabled or "user"
            own = {name: values.pop(name) for name in ("url", "every_job") if name in values}
            wishes = dataclasses.replace(webhook.wishes, **values)
            changed = dataclasses.replace(webhook, wishes=wishes, disabled=disabled, **own)
            await tx.execute(CHANGE, _values(changed))
            await record(tx, Action.WEBHOOK_CHANGED, f"webhook:{webhook_id}", enabled=enabled)
            tx.after_commit(self._on_due)
            return await _own(tx, webhook_id, identity)

    async def remove(self, webhook_id: str, identity: Identity) -> None:
        """With all that still waits to be sent to it. Raises NotFound."""
        async with self._db.write() as tx:
            if not await tx.execute(REMOVE, (webhook_id, identity.user.id)):
                raise NotFound(what="webhook")
            await record(tx, Action.WEBHOOK_REMOVED, f"webhook:{webhook_id}")

    async def deliveries(
        self, webhook_id: str, identity: Identity, limit: int = 50, cursor: str | None = None
    ) -> DeliveryPage:
        """What was sent, or waits. Raises NotFound, InvalidRequest."""
        check_limit(limit, MAX_PAGE)
        position = before(cursor)
        values = {
            "webhook_id": webhook_id,
            "before": 2**62 if position is None else position,
            "limit": limit + 1,
        }
        async with self._db.read() as reader:
            if await reader.fetch_one(GET, (webhook_id, identity.user.id)) is None:
                raise NotFound(what="webhook")
            rows = await reader.fetch_all(DELIVERIES, values)
        shown = tuple(Delivery(**dict(row)) for row in rows[:limit])
        return DeliveryPage(shown, str(shown[-1].id) if len(rows) > limit else None)

    async def redeliver(self, webhook_id: str, delivery_id: int, identity: Identity) -> Delivery:
        """Send a notice again, under its old id. Raises NotFound."""
        values = {"id": delivery_id, "webhook_id": webhook_id, "now": self._clock()}
        return await self._sent(webhook_id, identity, REDELIVER, values)

    async def test(self, webhook_id: str, identity: Identity) -> Delivery:
        """Send `webhook.test`, which tells of no job. Raises NotFound."""
        values = {
            "message_id": f"msg_{secrets.token_hex(16)}",
            "user_id": identity.user.id,
            "webhook_id": webhook_id,
            "now": self._clock(),
        }
        return await self._sent(webhook_id, identity, TEST, values)

    def checked(self, url: str) -> str:
        """The address as it is called. Raises InvalidRequest for one that no request may go to; what a name
        resolves to is looked at when it is called, each time.
        """
        try:
            parsed = URL(url)
            host, port = parsed.host, parsed.port
        except ValueError:
            raise InvalidRequest(problem="This is no address of a webhook.") from None
        if (
            len(url) > MAX_URL
            or parsed.scheme not in ("https", "http")
            or not host
            or not port
            or not HOST.fullmatch(parsed.raw_host or "")
        ):
            raise InvalidRequest(problem="A webhook has an address such as https://example.org/hook.")
        if parsed.user is not None or parsed.password is not None or parsed.fragment:
            raise InvalidRequest(problem="The address of a webhook has no name, password or fragment in it.")
        literal = ":" in host or host.replace(".", "").isdigit()
        if literal and not self._allowed.allows(host):
            raise InvalidRequest(
                problem="This address is not public. Administrators allow others with webhooks.allow."
            )
        if parsed.scheme == "http" and literal and not self._allowed.listed(host):
            raise InvalidRequest(problem="Without encryption only addresses of webhooks.allow are called.")
        return str(parsed)

    async def _sent(
        self, webhook_id: str, identity: Identity, statement: str, values: dict[str, object]
    ) -> Delivery:
        async with self._db.write() as tx:
            await _own(tx, webhook_id, identity)
            row = await tx.fetch_one(statement, values)
            if row is None:
                raise NotFound(what="delivery")
            await tx.execute(LOOKED_AFTER, (webhook_id,))
            tx.after_commit(self._on_due)
            return Delivery(**dict(row))


async def link(tx: Transaction, job_id: str, webhook_id: str, owner_id: int) -> None:
    """Have a job told to a webhook of its owner, in the transaction that makes it. Raises InvalidRequest."""
    if not await tx.execute(LINK, (job_id, webhook_id, owner_id)):
        raise InvalidRequest(problem="You have no webhook of that id.")


async def _own(reader: Reader, webhook_id: str, identity: Identity) -> Webhook:
    row = await reader.fetch_one(GET, (webhook_id, identity.user.id))
    if row is None:
        raise NotFound(what="webhook")
    return _webhook_of(row)


def _webhook_of(row: sqlite3.Row) -> Webhook:
    values = dict(row)
    wishes = Wishes(**{field.name: bool(values.pop(field.name)) for field in dataclasses.fields(Wishes)})
    return Webhook(**{**values, "every_job": bool(values["every_job"])}, wishes=wishes)


def _values(webhook: Webhook) -> dict[str, object]:
    values = dataclasses.asdict(webhook)
    return {**values, **values.pop("wishes")}
