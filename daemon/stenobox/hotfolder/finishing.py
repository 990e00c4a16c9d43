"""What people get back: results beside the drop, and the original out of the way.

The order survives a crash anywhere: results are written whole and durably, then the original goes, then the
row says that it is over. Whatever was done already is found done. The original is a second copy by then: the
first is in the box.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from stenobox import exports
from stenobox.errors import NotFound, SettingsError, StateConflict
from stenobox.exports.names import title_of
from stenobox.hotfolder.complete import look_at
from stenobox.hotfolder.drops import Drop, Drops
from stenobox.hotfolder.folders import TEMPORARY, Place, move, remove, write_new
from stenobox.hotfolder.names import DONE, ERROR_SUFFIX, FAILED, free_names, result_names
from stenobox.hotfolder.taking import effective
from stenobox.inboxes import InboxSettings
from stenobox.jobs import Jobs
from stenobox.log import get_logger
from stenobox.shielding import finish
from stenobox.transcripts import Transcripts
from stenobox.types import Identity, JobState, Transcript

__all__ = ["Finisher"]

log = get_logger(__name__)

_HELP = "Questions? Ask whoever looks after the Stenobox."
_DELETED = (
    "The recording was deleted in Stenobox before its transcript was ready. Drop it again if you want it."
)
_CANCELLED = "Somebody stopped the transcription in Stenobox. Drop the recording again if needed."
_VAIN = {
    JobState.FAILED: "Stenobox could not transcribe this recording. {detail}",
    JobState.QUARANTINED: "Stenobox tried several times and could not transcribe this recording. {detail}",
}


@dataclass(frozen=True, slots=True)
class Finisher:
    """Finishes drops of one inbox."""

    settings: InboxSettings
    drops: Drops
    jobs: Jobs
    transcripts: Transcripts
    everybody: Identity

    async def finish(self, drop: Drop) -> bool:
        """Do what can be done now; returns whether it is over.

        Raises OSError or DiskFull when the folder cannot be written.
        """
        if drop.job_state == JobState.DONE:
            return await self._give_back(drop)
        if drop.job_state in (JobState.QUEUED, JobState.RUNNING):
            return False
        await finish(asyncio.to_thread(self._put_aside, drop, await self._why(drop)))
        await self.drops.over(drop, stays=await asyncio.to_thread(self._lies_there, drop))
        log.info("drop_failed", inbox=self.settings.name, job=drop.job_id or "none")
        return True

    async def _give_back(self, drop: Drop) -> bool:
        if drop.job_id is None:
            raise RuntimeError("a job without a name is done")
        try:
            # What the model heard, also when somebody was quick to correct it.
            transcript = await self.transcripts.get(drop.job_id, self.everybody, version=1)
            title = title_of(await self.jobs.get(drop.job_id, self.everybody))
        except (NotFound, StateConflict):
            return False  # deleted, or begun again, in this moment
        settings = await asyncio.to_thread(_settings, self.settings)
        await finish(asyncio.to_thread(self._write, drop, transcript, title, settings))
        await finish(asyncio.to_thread(self._dispose, drop, settings))
        await self.drops.over(drop, stays=await asyncio.to_thread(self._lies_there, drop))
        log.info("drop_done", inbox=self.settings.name, job=drop.job_id)
        return True

    async def _why(self, drop: Drop) -> str:
        """A text for the person who dropped the file."""
        if drop.problem is not None:
            return drop.problem
        if drop.job_id is None or drop.job_state is None:
            return _DELETED
        with contextlib.suppress(NotFound):
            job = await self.jobs.get(drop.job_id, self.everybody)
            if job.state in _VAIN:
                return _VAIN[job.state].format(detail=job.error_detail or "").strip()
        return _CANCELLED

    def _write(self, drop: Drop, transcript: Transcript, title: str, settings: InboxSettings) -> None:
        for name in settings.results:
            result = exports.render(transcript, name, title=title)
            names = result_names(drop.place[-1], result.extension)
            write_new(self.settings.path, drop.place[:-1], names, result.content)

    def _dispose(self, drop: Drop, settings: InboxSettings) -> None:
        if settings.original == "keep" or not self._lies_there(drop):
            return
        parents = drop.place[:-1]
        if settings.original == "move":
            self._move(drop, (DONE, *parents), free_names(drop.place[-1]))
        elif (name := self._move(drop, parents, iter([f"{TEMPORARY}{drop.id}.tmp"]))) is not None:
            remove(self.settings.path, (*parents, name))

    def _put_aside(self, drop: Drop, why: str) -> None:
        parents, name = (FAILED, *drop.place[:-1]), drop.place[-1]
        if self._lies_there(drop):
            name = self._move(drop, parents, free_names(name)) or name
        text = f"{why}\n\n{_HELP}\n".encode()
        write_new(self.settings.path, parents, free_names(name + ERROR_SUFFIX), text)

    def _move(self, drop: Drop, parents: Place, names: Iterator[str]) -> str | None:
        """Move the drop; None when another file had come to its place in this moment, and has it again."""
        root = self.settings.path
        name = move(root, drop.place, parents, names)
        if look_at(root, (*parents, name)) == drop.look:
            return name
        move(root, (*parents, name), drop.place[:-1], free_names(drop.place[-1]))
        return None

    def _lies_there(self, drop: Drop) -> bool:
        """Whether the file is where it was dropped, and still the same one."""
        return look_at(self.settings.path, drop.place) == drop.look


def _settings(settings: InboxSettings) -> InboxSettings:
    """With the folder's own, as far as they can be used: a result is not kept back for a misspelt word."""
    try:
        return effective(settings)
    except SettingsError:
        return settings
