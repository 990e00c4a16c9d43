"""The background part that sends what is due: several receivers at a time, each of them one notice after the
other, so that a slow one holds up only itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from stenobox.errors import Unavailable
from stenobox.events import EventHub
from stenobox.log import get_logger
from stenobox.notices import Due, Outbox
from stenobox.notifying.mailing import Mailer
from stenobox.notifying.outcome import Outcome
from stenobox.notifying.posting import Poster
from stenobox.types import Identity, Role, User

AT_ONCE = 8
LOOK_S = 5.0
"""How often the outbox is looked at when nothing says that there is something in it."""

SWEEP_S = 3_600.0
PAUSE_S = 60.0
"""After the disk refused to record an outcome."""

EAR = Identity(User(0, "notices", Role.ADMIN, disabled=False, created_at=0.0), "local")

log = get_logger(__name__)


class Notifier:
    """`counts` of attempts by (road, outcome): delivered, failed, given_up."""

    def __init__(
        self,
        outbox: Outbox,
        poster: Poster,
        mailer: Mailer,
        events: EventHub,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._poster = poster
        self._mailer = mailer
        self._events = events
        self._clock = clock
        self._wake = asyncio.Event()
        self._busy: set[str] = set()
        self.counts: Counter[tuple[str, str]] = Counter()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    async def run(self) -> None:
        """Never returns. What is on its way at the stop is sent again after the next start."""
        async with self._poster, asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            swept = -SWEEP_S
            while True:
                self._wake.clear()
                try:
                    if self._clock() - swept >= SWEEP_S:
                        await self._outbox.sweep()
                        swept = self._clock()
                    await self._start(group)
                    wait = await self._outbox.wait_s(LOOK_S)
                except Unavailable as error:
                    log.warning("notices_put_off", code=error.code)
                    wait = PAUSE_S
                try:
                    async with asyncio.timeout(max(wait, 0.05)):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def _listen(self) -> None:
        """Jobs that are over are told to the pages too; whatever is not told is found by LOOK_S."""
        with self._events.subscribe(EAR) as events:
            async for event in events:
                if event.kind == "job" and event.data["job"].state.final:
                    self.wake()

    async def _start(self, group: asyncio.TaskGroup) -> None:
        free = AT_ONCE - len(self._busy)
        if free <= 0:
            return
        for notice in await self._outbox.due(free, self._busy):
            self._busy.add(notice.receiver)
            group.create_task(self._deliver(notice))

    async def _deliver(self, notice: Due) -> None:
        road = "mail" if notice.webhook_id is None else "webhook"
        try:
            if notice.disabled:
                outcome = Outcome("The account was disabled.", final=True)
            else:
                outcome = await (self._mailer if road == "mail" else self._poster).send(notice)
            said = await self._record(notice, outcome)
            self.counts[road, said] += 1
            log.info("notice", road=road, message=notice.message_id, outcome=said, status=outcome.status)
        except Unavailable as error:
            log.warning("notices_put_off", code=error.code)
            await asyncio.sleep(PAUSE_S)
        finally:
            self._busy.discard(notice.receiver)
            self.wake()

    async def _record(self, notice: Due, outcome: Outcome) -> str:
        if outcome.problem is None:
            await self._outbox.delivered(notice, outcome.status)
            return "delivered"
        over = await self._outbox.failed(
            notice,
            outcome.problem,
            outcome.status,
            asked=outcome.asked,
            final=outcome.final,
            gone=outcome.gone,
        )
        return "given_up" if over else "failed"
