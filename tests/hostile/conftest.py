"""The running application, for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.application import Box, Person, running_box, settings_for
from making_audio import tone, wav
from stenobox.config import WebhooksSettings


@pytest.fixture
async def box(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    """The application on an empty data folder, over HTTPS; nobody has an account yet."""
    settings = settings_for(tmp_path / "data", demo_bundle, webhooks=WebhooksSettings(enabled=True))
    async with running_box(settings, https=True) as box:
        yield box


@pytest.fixture
async def anna(box: Box) -> Person:
    """The first administrator, by key."""
    return await box.set_up()


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    """A good recording that a hostile file points at."""
    return wav(tmp_path / "secret.wav", tone(2))
