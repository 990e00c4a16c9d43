"""What many unit tests start from: an opened data folder with its owner, and a worker's recordings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from making_audio import speech
from stenobox.audit import Trail
from stenobox.notices import Allowed, Outbox, Webhooks
from stenobox.types import Identity
from storing import Store, opened_store
from working import Box, box_in

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
THINGS = ("black computer", "table", "message", "plan", "week", "yellow chair")
PLACES = ("on the right", "quiet", "open at seven", "here")
WORDS = "The black computer is on the right. "


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened_store(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(store: Store) -> Identity:
    return await store.user("ann")


@pytest.fixture
async def box(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    async with box_in(tmp_path / "data", demo_bundle) as box:
        yield box


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speech(tmp_path_factory.mktemp("speech") / "short.wav", WORDS)


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some windows of speech with pauses; no sentence twice, since repetition has the engine try again."""
    folder = tmp_path_factory.mktemp("speech")
    path = folder / "long.flac"
    parts: list[np.ndarray] = []
    for number in range(24):
        numbers = " ".join(DIGITS[(number * 7 + place * place) % 10] for place in range(5))
        text = f"The {THINGS[number % 6]} is {PLACES[number % 4]}. {numbers}."
        samples, rate = soundfile.read(speech(folder / "part.wav", text), dtype="float32")
        parts += [samples, np.zeros(rate // 2, np.float32)]
    soundfile.write(path, np.concatenate(parts), rate)
    return path


@pytest.fixture
def webhooks(store: Store) -> Webhooks:
    return Webhooks(store.db, Allowed(("127.0.0.0/8",)), clock=store.clock)


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return Outbox(store.db, store.clock)


@pytest.fixture
def trail(store: Store) -> Trail:
    return Trail(store.db)
