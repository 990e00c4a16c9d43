"""Received files that become a job each, and no second one when their request is sent again."""

from __future__ import annotations

from stenobox.db import Transaction
from stenobox.idempotency import Named, Note, Once, fingerprint, unnoted
from stenobox.intake.direct import DirectIntake, Received
from stenobox.joboptions import Order
from stenobox.jobs import Jobs
from stenobox.jobs.page import encode_options
from stenobox.types import Identity, Job


class OnceIntake:
    """Accepts through `DirectIntake`."""

    def __init__(self, once: Once, intake: DirectIntake, jobs: Jobs) -> None:
        self._once = once
        self._intake = intake
        self._jobs = jobs

    async def accept(
        self, identity: Identity, received: Received, order: Order, *, key: str | None, part: int = 0
    ) -> Job:
        """As `DirectIntake.accept`; with a key once for the file number `part` of the request.

        Raises KeyReused besides, and NotFound when the job of before is in the trash.
        """

        async def make(note: Note) -> Job:
            async def also(tx: Transaction, job: Job) -> None:
                await note(tx, f"job:{job.id}")

            return await self._intake.accept(identity, received, order.options, order.priority, also=also)

        async def again(job_id: str) -> Job:
            await self._intake.discard(received)
            return await self._jobs.get(job_id, identity)

        if key is None:
            return await make(unnoted)
        wishes = f"{received.sha256} {int(order.priority)} {encode_options(order.options)}"
        return await self._once.do(Named(identity.user.id, key, fingerprint(wishes), part), make, again)
