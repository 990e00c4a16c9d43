"""The background part that removes what is over."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from stenobox.config import DAY
from stenobox.errors import DiskFull
from stenobox.housekeeping import Housekeeping
from stenobox.library import Cleared, Retention
from storing import OPTIONS, opened_store, pieces, wave_bytes


async def test_it_empties_the_trash_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Housekeeping, "PERIOD_S", 0.01)
    async with opened_store(tmp_path) as store, asyncio.TaskGroup() as group:
        ann = await store.user("ann")
        received = await store.intake().receive(pieces(wave_bytes()), "a.wav")
        job = await store.intake().accept(ann, received, OPTIONS, 5)
        await store.trash.put_job(job.id, ann)
        running = group.create_task(Housekeeping(store.retention()).run())
        store.clock.now += 7 * DAY
        while True:
            if not await store.count("recordings"):
                break
            await asyncio.sleep(0.01)
        running.cancel()


@pytest.mark.parametrize("refusal", [DiskFull(), PermissionError(errno.EACCES, "x"), OSError(errno.EIO, "x")])
async def test_what_the_disk_refuses_is_tried_again_and_takes_nothing_down(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    monkeypatch.setattr(Housekeeping, "PERIOD_S", 0.0)
    again = asyncio.Event()

    class Refused(Retention):
        def __init__(self) -> None:
            self.times = 0

        async def apply(self) -> Cleared:
            self.times += 1
            if self.times == 1:
                raise refusal
            again.set()
            return Cleared(0, 0, 0)

    task = asyncio.create_task(Housekeeping(Refused()).run())
    await asyncio.wait_for(again.wait(), 60)
    task.cancel()
