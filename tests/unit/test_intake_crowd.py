"""Many people at once: what the box has only so many of is not used up."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stenobox.config import UploadsSettings
from stenobox.errors import TooBusy
from stenobox.intake.direct import LOOKS_AT_ONCE, DirectIntake, Probed
from stenobox.types import Priority
from storing import OPTIONS, Store, opened_store, pieces, probe_wave, wave_bytes


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(tmp_path) as opened:
        yield opened


@contextmanager
def no_more_files() -> Iterator[None]:
    """Inside, this process can open nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_a_free_descriptor_the_box_is_busy_and_keeps_nothing(store: Store) -> None:
    intake = store.intake()
    with pytest.raises(TooBusy) as caught, no_more_files():
        await intake.receive(pieces(wave_bytes()), "a.wav")
    assert caught.value.status == 503
    assert list(store.layout.incoming.iterdir()) == []
    await intake.discard(await intake.receive(pieces(wave_bytes()), "a.wav"))


async def test_a_crowd_is_looked_into_a_few_files_at_a_time_and_nothing_is_lost(store: Store) -> None:
    ann = await store.user("ann")
    at_once = most = 0

    async def look(path: Path) -> Probed:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return await probe_wave(path)

    intake = DirectIntake(
        UploadsSettings(reserve_bytes=0),
        store.layout,
        store.db,
        recordings=store.recordings,
        jobs=store.jobs,
        quotas=store.quotas,
        probe=look,
    )

    async def send(number: int) -> str:
        received = await intake.receive(pieces(wave_bytes() + bytes(number)), f"{number}.wav")
        return (await intake.accept(ann, received, OPTIONS, Priority.NORMAL)).id

    jobs = await asyncio.gather(*(send(number) for number in range(4 * LOOKS_AT_ONCE)))
    assert len(set(jobs)) == 4 * LOOKS_AT_ONCE
    assert 1 < most <= LOOKS_AT_ONCE
