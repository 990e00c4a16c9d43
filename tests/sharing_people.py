"""Who shares what with whom, for tests of sharing."""

from __future__ import annotations

from collections.abc import Awaitable

from stenobox.errors import NotFound
from stenobox.library import Change, Filter
from stenobox.search.finding import Wish
from stenobox.sharing.links import Links
from stenobox.sharing.shares import Shares, Thing
from stenobox.sharingsettings import SharingSettings
from stenobox.types import Identity, Job
from storing import Store, finished


class People:
    """Anna owns a recording with a transcript; Ben and Carla have nothing."""

    def __init__(self, store: Store, anna: Identity, ben: Identity, carla: Identity, job: Job) -> None:
        self.store, self.anna, self.ben, self.carla, self.job = store, anna, ben, carla, job
        self.shares = Shares(store.db, store.events, SharingSettings())
        self.links = Links(store.db, store.recordings, SharingSettings())
        self.recording = Thing(recording_id=job.recording_id)

    async def tagged(self, *names: str, job: Job | None = None) -> None:
        recording_id = (job or self.job).recording_id
        await self.store.library.change(recording_id, self.anna, Change(tags=names))

    async def over(self) -> None:
        """Have all shares end."""
        async with self.store.db.write() as tx:
            await tx.execute("UPDATE shares SET expires_at = 1")

    async def sees(self, who: Identity, job: Job | None = None) -> bool:
        """Whether they see a job, by every way that there is; all ways agree."""
        job = job or self.job
        found = [
            await works(self.store.jobs.get(job.id, who)),
            await works(self.store.transcripts.get(job.id, who)),
            await works(self.store.versions.list(job.id, who)),
            await works(self.store.recordings.get_for(job.recording_id, who)),
            await works(self.store.library.get(job.recording_id, who)),
            job.id in [each.id for each in (await self.store.jobs.list(who, shared=True)).jobs],
            job.recording_id in await self.listed(who),
            job.id in [hit.job_id for hit in (await self.store.finder.find(who, Wish("hello"))).hits],
        ]
        assert len(set(found)) == 1, found
        return found[0]

    async def listed(self, who: Identity) -> list[str]:
        page = await self.store.library.list(who, Filter(shared=True))
        return [entry.recording.id for entry in page.entries]


async def works(call: Awaitable[object]) -> bool:
    """Whether it finds something."""
    try:
        await call
    except NotFound:
        return False
    return True


async def people_of(store: Store) -> People:
    anna, ben, carla = [await store.user(name) for name in ("anna", "ben", "carla")]
    return People(store, anna, ben, carla, await finished(store, anna))
