"""From a file in an inbox to a durable job: its bytes are copied while they are hashed, and looked into."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum, auto

from stenobox.access import Users
from stenobox.db import Transaction
from stenobox.errors import (
    AccessError,
    AudioError,
    BadInput,
    DecoderFailed,
    NotFound,
    SettingsError,
    Unavailable,
)
from stenobox.files import held
from stenobox.hotfolder.complete import Look, State, look_of, state_of
from stenobox.hotfolder.drops import Drops
from stenobox.hotfolder.folders import Place, open_file, write_new
from stenobox.hotfolder.names import ERROR_SUFFIX, free_names, shown, tags_of
from stenobox.inboxes import MAX_OVERRIDE_BYTES, OVERRIDE_FILE, InboxSettings, overridden
from stenobox.intake.direct import BLOCK_BYTES, DirectIntake, Probed
from stenobox.joboptions import Order, order_of
from stenobox.jobs.page import encode_options
from stenobox.library import tags
from stenobox.log import get_logger
from stenobox.models import ModelStore
from stenobox.shielding import finish
from stenobox.types import Identity, Job, Role, User

__all__ = ["CUT_OFF", "Taker", "Took", "effective"]

log = get_logger(__name__)


class _CutOff(Exception):
    """The header announces more than there is."""


CUT_OFF = "The copy of this file broke off: its end is missing. Copy it into the folder once more."


class Took(Enum):
    """What became of a file."""

    JOB = auto()  # it is a job, or has joined one
    REFUSED = auto()  # it is no recording
    LATER = auto()  # it is being written, or the box has no room now
    BLOCKED = auto()  # the settings of the inbox have to change first


@dataclass(frozen=True, slots=True)
class Taker:
    """Takes files of one inbox."""

    settings: InboxSettings
    drops: Drops
    intake: DirectIntake
    models: ModelStore
    users: Users
    _told: set[str] = field(default_factory=set)
    """Troubles that were told since a file was last taken: a thousand files that wait are told once."""

    async def take(self, place: Place, look: Look, *, patient: bool) -> Took:
        """Take a file that looked like this a moment ago. `patient`: a copy that broke off may go on yet.

        Raises OSError when the folder cannot be used.
        """
        try:
            with contextlib.ExitStack() as descriptors:
                descriptor = await finish(
                    asyncio.to_thread(held, descriptors, open_file, self.settings.path, place)
                )
                return await self._take(descriptor, place, look)
        except _CutOff:
            return Took.LATER if patient else await self._refuse(place, look, CUT_OFF, "cut_off")
        except (BadInput, AudioError) as error:
            return await self._refuse(place, look, error.detail, error.code)
        except (Unavailable, DecoderFailed) as error:  # trouble of the box's, not of the file's
            if self._is_news(error.detail):
                log.info("drops_put_off", inbox=self.settings.name, code=error.code)
            return Took.LATER
        except (AccessError, NotFound, SettingsError) as error:
            if self._is_news(error.detail):
                log.warning("inbox_blocked", inbox=self.settings.name, code=error.code)
                if isinstance(error, SettingsError):
                    await finish(asyncio.to_thread(self._tell, error.detail))
            return Took.BLOCKED

    def _is_news(self, problem: str) -> bool:
        known = problem in self._told
        self._told.add(problem)
        return not known

    async def _refuse(self, place: Place, look: Look, problem: str, code: str) -> Took:
        await self.drops.refused(place, look, problem)
        log.info("drop_refused", inbox=self.settings.name, code=code)
        return Took.REFUSED

    def _tell(self, problem: str) -> None:
        """To whoever wrote the `stenobox.toml`. Blocks."""
        text = f"{problem}\n\nUntil that is mended, recordings wait in this folder.\n"
        write_new(self.settings.path, (), free_names(OVERRIDE_FILE + ERROR_SUFFIX), text.encode())

    async def _take(self, descriptor: int, place: Place, look: Look) -> Took:
        if not await asyncio.to_thread(_is_as_it_looked, descriptor, look):
            return Took.LATER
        settings = await asyncio.to_thread(effective, self.settings)
        identity = Identity(await self._account(settings.owner), via="inbox")
        order = await asyncio.to_thread(self._order, settings)
        wishes = encode_options(order.options)
        received = await self.intake.receive(_content(descriptor), shown(place[-1]))
        if not await asyncio.to_thread(_is_as_it_looked, descriptor, look) or received.size != look.size:
            await self.intake.discard(received)
            return Took.LATER

        async def note(tx: Transaction, job_id: str, recording_id: str) -> None:
            await self.drops.took(tx, place, look, sha256=received.sha256, wishes=wishes, job_id=job_id)
            await tags.attach_what_fits(tx, recording_id, tags_of(place))

        async def as_well(tx: Transaction, job: Job) -> None:
            await note(tx, job.id, job.recording_id)

        if (same := await self.drops.same(identity.user.id, received.sha256, wishes)) is not None:
            await self.intake.discard(received)
            async with self.drops.db.write() as tx:
                await note(tx, *same)
            log.info("drop_joined", inbox=self.settings.name, job=same.job_id)
            return Took.JOB

        job = await self.intake.accept(
            identity, received, order.options, order.priority, check=_is_whole, also=as_well
        )
        self._told.clear()
        log.info("drop_taken", inbox=self.settings.name, job=job.id)
        return Took.JOB

    async def _account(self, name: str) -> User:
        """Raises NotFound, or AccessError for an account that may not send recordings."""
        user = await self.users.find(name)
        if user.disabled or user.role is Role.VIEWER:
            raise AccessError
        return user

    def _order(self, settings: InboxSettings) -> Order:
        """Raises SettingsError when the inbox asks for what the box does not have. Blocks."""
        fields = {
            "model": settings.model,
            "language": settings.language,
            "task": settings.task,
            "channels": settings.channels,
            "priority": settings.priority,
        }
        try:
            return order_of(self.models, fields)
        except BadInput as error:
            raise SettingsError(source=OVERRIDE_FILE, problem=error.detail) from error


def effective(settings: InboxSettings) -> InboxSettings:
    """With what the `stenobox.toml` in the inbox says. Raises SettingsError. Blocks."""
    try:
        descriptor = open_file(settings.path, (OVERRIDE_FILE,))
    except FileNotFoundError:
        return settings
    except OSError as error:
        raise SettingsError(source=OVERRIDE_FILE, problem=f"cannot be read ({error.strerror}).") from error
    with os.fdopen(descriptor, "rb") as file:
        text = file.read(MAX_OVERRIDE_BYTES + 1)
    if len(text) > MAX_OVERRIDE_BYTES:
        raise SettingsError(source=OVERRIDE_FILE, problem="is too large.")
    return overridden(settings, text)


def _is_as_it_looked(descriptor: int, look: Look) -> bool:
    return look_of(os.fstat(descriptor)) == look and state_of(descriptor) is not State.OPEN


def _is_whole(probed: Probed) -> None:
    if probed.truncated:
        raise _CutOff


async def _content(descriptor: int) -> AsyncIterator[bytes]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    while block := await finish(asyncio.to_thread(os.read, descriptor, BLOCK_BYTES)):
        yield block
