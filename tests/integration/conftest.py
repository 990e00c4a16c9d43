"""The running application, for the tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.application import Box, Person, ended, running_box, settings_for
from storing import wave_bytes


@pytest.fixture
async def box(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    """The application on an empty data folder; nobody has an account yet."""
    async with running_box(settings_for(tmp_path / "data", demo_bundle)) as box:
        yield box


@pytest.fixture
async def anna(box: Box) -> Person:
    """The first administrator, by key."""
    return await box.set_up()


TALK = wave_bytes(0.3)


@pytest.fixture
async def job(anna: Person) -> dict[str, Any]:
    """A job of anna that is done."""
    sent = await (await anna.upload(TALK, "monday.wav", language="en")).json()
    return await asyncio.wait_for(ended(anna, sent["id"]), 120)


@pytest.fixture
def path(job: dict[str, Any]) -> str:
    return f"/api/recordings/{job['recording_id']}"
