"""All inboxes of the box."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from stenobox.access import Users
from stenobox.db import Database
from stenobox.events import EventHub
from stenobox.hotfolder.drops import Drops
from stenobox.hotfolder.finishing import Finisher
from stenobox.hotfolder.inbox import Inbox
from stenobox.hotfolder.taking import Taker
from stenobox.inboxes import InboxSettings
from stenobox.intake.direct import DirectIntake
from stenobox.jobs import Jobs
from stenobox.models import ModelStore
from stenobox.transcripts import Transcripts
from stenobox.types import Event, Identity, Role, User

__all__ = ["HotFolders"]

# Hears of everybody's jobs, and reads the transcripts of those that came through an inbox.
_EVERYBODY = Identity(
    User(id=0, name="hot folders", role=Role.ADMIN, disabled=False, created_at=0.0), via="local"
)


class HotFolders:
    """`await run()` in the application's TaskGroup."""

    def __init__(
        self,
        inboxes: Iterable[InboxSettings],
        *,
        db: Database,
        intake: DirectIntake,
        models: ModelStore,
        users: Users,
        jobs: Jobs,
        transcripts: Transcripts,
        events: EventHub,
    ) -> None:
        self._events = events
        self.inboxes: list[Inbox] = []
        for settings in inboxes:
            drops = Drops(db, settings.name)
            self.inboxes.append(
                Inbox(
                    settings,
                    Taker(settings, drops, intake, models, users),
                    Finisher(settings, drops, jobs, transcripts, _EVERYBODY),
                    drops,
                )
            )

    async def run(self) -> None:
        """Never returns."""
        async with asyncio.TaskGroup() as group:
            for inbox in self.inboxes:
                group.create_task(inbox.run(), name=f"inbox {inbox.settings.name}")
            with self._events.subscribe(_EVERYBODY) as events:
                async for event in events:
                    if _may_end_a_job(event):
                        for inbox in self.inboxes:
                            inbox.job_ended()
            await asyncio.Event().wait()  # the hub is closed: the process ends


def _may_end_a_job(event: Event) -> bool:
    if event.kind == "job":
        return bool(event.data["job"].state.final)
    return event.kind != "segments"
