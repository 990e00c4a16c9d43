"""The running application, for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.application import Box, Person, running_box, settings_for


@pytest.fixture
async def box(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    """The application on an empty data folder, over HTTPS; nobody has an account yet."""
    async with running_box(settings_for(tmp_path / "data", demo_bundle), https=True) as box:
        yield box


@pytest.fixture
async def anna(box: Box) -> Person:
    """The first administrator, by key."""
    return await box.set_up()
