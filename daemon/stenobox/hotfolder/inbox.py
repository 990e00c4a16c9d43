"""One inbox: what lies in it, when each file's turn comes, and what has to be given back.

Every file is looked at when the kernel tells of it, and at a periodic rescan, which alone would do. It is
taken when it has looked the same for the settle time and nobody has it open for writing. All state but the
waiting times is in the table of drops, so that a start after a crash is a rescan like any other.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stenobox.errors import DiskFull, NotFound
from stenobox.hotfolder.complete import Look, State, look_at, look_of, state_of
from stenobox.hotfolder.drops import Drops
from stenobox.hotfolder.finishing import Finisher
from stenobox.hotfolder.folders import Place, open_file, sweep
from stenobox.hotfolder.names import Rules
from stenobox.hotfolder.taking import CUT_OFF, Taker, Took
from stenobox.hotfolder.watching import Watch, tells_of_changes
from stenobox.inboxes import InboxSettings
from stenobox.log import get_logger

__all__ = ["Inbox"]

AT_ONCE: Final = 4  # files that are copied at the same time
POLL_SECONDS: Final = 5.0  # at most, where the kernel tells nothing
OPEN_SECONDS: Final = 1.0  # until a file that somebody has open is looked at again
LATER_SECONDS: Final = 10.0
UNKNOWN_SETTLE_SECONDS: Final = 10.0  # at least, where nobody tells whether a file is open
DEEPEST: Final = 16  # folders in folders

log = get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    """A file that is not taken yet: how it looked, since when, and when it is looked at next (monotonic)."""

    look: Look
    since: float
    due: float
    busy: bool = False


@dataclass(slots=True)
class Inbox:
    """`await run()`: never returns."""

    settings: InboxSettings
    taker: Taker
    finisher: Finisher
    drops: Drops
    clock: Callable[[], float] = time.monotonic
    problem: str = ""
    """Why the folder cannot be used; empty if it can."""
    counts: Counter[str] = field(default_factory=Counter)
    """Files by what became of them."""
    _waiting: dict[Place, _Waiting] = field(default_factory=dict)
    _known: set[tuple[Place, Look]] = field(default_factory=set)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _rescan_due: float = 0.0
    _finish_due: bool = True
    _swept: bool = False
    _watch: Watch | None = None
    _watched: int = 0  # inode of the folder that is watched

    @property
    def name(self) -> str:
        """What logs and metrics call it."""
        return self.settings.name

    @property
    def waiting(self) -> int:
        """Files that are seen and not taken yet."""
        return len(self._waiting)

    async def run(self) -> None:
        """Watch, take and give back until cancelled."""
        self._known = await self.drops.known()
        rules = Rules(self.settings.ignore)
        try:
            async with asyncio.TaskGroup() as group:
                room = asyncio.Semaphore(AT_ONCE)
                while True:
                    self._woken.clear()
                    if self.clock() >= self._rescan_due:
                        await self._rescan(rules)
                    for place, file in list(self._waiting.items()):
                        if not file.busy and file.due <= self.clock():
                            file.busy = True
                            group.create_task(self._turn(place, file, room))
                    if self._finish_due:
                        self._finish_due = False
                        await self._finish()
                    await self._sleep()
        finally:
            if self._watch is not None:
                await asyncio.to_thread(self._watch.stop)

    def job_ended(self) -> None:
        """A job is over: perhaps one of ours."""
        self._finish_due = True
        self._woken.set()

    def changed(self, place: Place | None, rules: Rules) -> None:
        """The kernel tells of a file; None: look at everything, soon."""
        if place is None:
            self._rescan_due = min(self._rescan_due, self.clock() + self.settings.settle_seconds / 2)
        elif not rules.skips(place):
            # Look at it at once: a file that was seen waiting has changed, or was closed.
            now = self.clock()
            file = self._waiting.get(place)
            if file is None:
                self._waiting[place] = _Waiting(Look(0, -1, 0), now, now)
            elif not file.busy:
                file.due = now
        self._woken.set()

    async def _sleep(self) -> None:
        dues = [file.due for file in self._waiting.values() if not file.busy]
        pause = min([self._rescan_due, *dues]) - self.clock()
        try:
            async with asyncio.timeout(max(0.02, pause)):
                await self._woken.wait()
        except TimeoutError:
            pass

    # Seeing.

    async def _rescan(self, rules: Rules) -> None:
        """Look through the whole folder, and have the kernel tell of changes until the next time."""
        period = self.settings.rescan_seconds
        try:
            if not self._swept:
                # Before the first result of this process is written.
                await asyncio.to_thread(sweep, self.settings.path)
                self._swept = True
            told = await self._watching(rules)
            seen = await asyncio.to_thread(lambda: dict(_files(self.settings.path, rules)))
        except OSError as error:
            self._set_problem(f"the folder cannot be read: {error.strerror}.")
            self._rescan_due = self.clock() + min(period, POLL_SECONDS)
            return
        self._set_problem("")
        now = self.clock()
        for place, look in seen.items():
            if place not in self._waiting and (place, look) not in self._known:
                self._waiting[place] = _Waiting(look, now, now + self.settings.settle_seconds)
        self._rescan_due = now + (period if told else min(period, POLL_SECONDS))
        self._finish_due = True

    async def _watching(self, rules: Rules) -> bool:
        """Have the folder watched, again if it is another one by now; False where only rescans tell."""
        path = self.settings.path
        inode = (await asyncio.to_thread(path.stat)).st_ino
        if self.settings.watch == "polling" or (self._watch is not None and inode == self._watched):
            return self._watch is not None
        if self._watch is not None:
            await asyncio.to_thread(self._watch.stop)
            self._watch = None
        mounts = await asyncio.to_thread(Path("/proc/self/mountinfo").read_text)
        if self.settings.watch == "auto" and not tells_of_changes(path.resolve(), mounts):
            return False
        loop = asyncio.get_running_loop()

        def changed(place: Place | None) -> None:
            loop.call_soon_threadsafe(self.changed, place, rules)

        watch = Watch(path, changed)
        try:
            await asyncio.to_thread(watch.start)
        except OSError:
            log.warning("inbox_not_watched", inbox=self.settings.name)
            await asyncio.to_thread(watch.stop)
            return False
        self._watch, self._watched = watch, inode
        return True

    def _set_problem(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning("inbox_unusable", inbox=self.settings.name)
        elif self.problem and not problem:
            log.info("inbox_usable", inbox=self.settings.name)
        self.problem = problem

    # Taking.

    async def _turn(self, place: Place, file: _Waiting, room: asyncio.Semaphore) -> None:
        """Look at a file that waits, and take it if it is complete."""
        try:
            pause = await self._looked(place, file, room)
        except FileNotFoundError:
            pause = None
        except (OSError, DiskFull) as error:
            # A right that is missing, or a share that is away: true now, perhaps not later.
            log.warning("drop_unreadable", inbox=self.settings.name, error=type(error).__name__)
            pause = LATER_SECONDS
        file.busy = False
        if pause is None:
            self._waiting.pop(place, None)
        else:
            file.due = self.clock() + pause
        self._woken.set()

    async def _looked(self, place: Place, file: _Waiting, room: asyncio.Semaphore) -> float | None:
        """Seconds until the next look, None when it waits no longer. Raises OSError."""
        look = await asyncio.to_thread(look_at, self.settings.path, place)
        if look is None or (place, look) in self._known:
            return None
        if look != file.look:
            file.look, file.since = look, self.clock()
            return self.settings.settle_seconds
        quiet = self.clock() - file.since
        if quiet < self.settings.settle_seconds:
            return self.settings.settle_seconds - quiet
        async with room:
            state = await asyncio.to_thread(_state, self.settings.path, place)
            if (pause := self._pause(state, look, quiet)) > 0:
                return pause
            if state is State.CUT_OFF:
                await self.drops.refused(place, look, CUT_OFF)
                took = Took.REFUSED
            else:
                patient = quiet < self.settings.patience_seconds
                took = await self.taker.take(place, look, patient=patient)
        if took in (Took.LATER, Took.BLOCKED):
            return min(LATER_SECONDS, max(OPEN_SECONDS, self.settings.patience_seconds - quiet))
        self._known.add((place, look))
        self.counts[took.name.lower()] += 1
        self._finish_due = True
        return None

    def _pause(self, state: State, look: Look, quiet: float) -> float:
        """Seconds to wait for a file that has not changed for `quiet` seconds; 0 or less: its turn is now."""
        if state is State.OPEN:
            return OPEN_SECONDS
        if state is State.CUT_OFF:
            return min(LATER_SECONDS, self.settings.patience_seconds - quiet)
        # Clients begin with an empty file, and some close it before they open it again to write.
        return UNKNOWN_SETTLE_SECONDS - quiet if state is State.UNKNOWN or look.size == 0 else 0.0

    # Giving back.

    async def _finish(self) -> None:
        """Whatever can be given back now."""
        for drop in await self.drops.open():
            try:
                over = await self.finisher.finish(drop)
            except (OSError, DiskFull, NotFound) as error:
                log.warning("drop_not_given_back", inbox=self.settings.name, error=type(error).__name__)
                self._rescan_due = min(self._rescan_due, self.clock() + LATER_SECONDS)
                continue
            if over:
                self.counts["given_back"] += 1
                if await asyncio.to_thread(look_at, self.settings.path, drop.place) != drop.look:
                    self._known.discard((drop.place, drop.look))


def _state(root: Path, place: Place) -> State:
    descriptor = open_file(root, place)
    try:
        return state_of(descriptor)
    finally:
        os.close(descriptor)


def _files(root: Path, rules: Rules, parents: Place = ()) -> Iterator[tuple[Place, Look]]:
    """Every file in the folder that may be a recording. Raises OSError only for the inbox itself."""
    with os.scandir(root.joinpath(*parents)) as entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if len(parents) < DEEPEST and not rules.skips_folder(parents, entry.name):
                        yield from _files(root, rules, (*parents, entry.name))
                elif not rules.skips_file(entry.name):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        yield (*parents, entry.name), look_of(status)
            except OSError:  # gone, or not ours to read: the next time
                continue
