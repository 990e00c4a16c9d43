"""Any order of uploads, deletions, restorations and the passing of days, with a crash now and then: rows and
bytes stay together.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stenobox.config import DAY
from stenobox.errors import NotFound, StateConflict
from stenobox.library import Change, tags
from stenobox.types import Identity, Job
from storing import OPTIONS, Store, opened_store, pieces, transcript_of, wave_bytes

ALL = "SELECT * FROM recordings"
JOBS_OF = "SELECT state, trashed_at FROM jobs WHERE recording_id = ?"


class Killed(BaseException):
    """The process ends here."""


class LibraryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.store: Store = self.run(self.stack.enter_async_context(opened_store(Path(self.folder.name))))
        self.owners: list[Identity] = [self.run(self.store.user(name)) for name in ("ann", "bob")]
        self.intake = self.store.intake()
        self.retention = self.store.retention(audio_days=3, transcript_days=10)
        self.number = 0

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    def rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        async def ask() -> list[sqlite3.Row]:
            async with self.store.db.read() as reader:
                return await reader.fetch_all(statement, values)

        found: list[sqlite3.Row] = self.run(ask())
        return found

    @rule(owner=st.integers(0, 1), pitch=st.integers(1, 2), tag=st.sampled_from(["", "x", "X", "y"]))
    def upload(self, owner: int, pitch: int, tag: str) -> None:
        async def send() -> None:
            received = await self.intake.receive(pieces(wave_bytes(pitch=pitch)), "a.wav")

            async def also(tx: Any, job: Job) -> None:
                if tag:
                    await tags.attach(tx, job.recording_id, [tag])

            await self.intake.accept(self.owners[owner], received, OPTIONS, 5, also=also)

        self.run(send())

    @rule(how=st.sampled_from(["complete", "release"]))
    def work(self, how: str) -> None:
        async def one() -> None:
            lease = await self.store.jobs.claim(60.0)
            if lease is None:
                return
            assert (await asyncio.to_thread(self.media_of, lease.job.recording_id)).is_file()
            if how == "complete":
                await self.store.jobs.complete(lease, transcript_of(lease.job))
            else:
                await self.store.jobs.release(lease)

        self.run(one())

    def media_of(self, recording_id: str) -> Path:
        with sqlite3.connect(self.store.layout.database) as connection:
            row = connection.execute("SELECT sha256 FROM recordings WHERE id = ?", (recording_id,)).fetchone()
        connection.close()
        return self.store.layout.media_file(row[0])

    @rule(
        data=st.data(),
        act=st.sampled_from(["put_job", "restore_job", "erase_job"]),
        killed=st.booleans(),
    )
    def on_a_job(self, data: st.DataObject, act: str, killed: bool) -> None:
        found = self.rows("SELECT id, owner_id FROM jobs ORDER BY seq")
        if found:
            row = data.draw(st.sampled_from(found))
            self.tried(getattr(self.store.trash, act)(row["id"], self.owner_of(row)), killed=killed)

    @rule(
        data=st.data(),
        act=st.sampled_from(["put_recording", "restore_recording", "erase_recording"]),
        killed=st.booleans(),
    )
    def on_a_recording(self, data: st.DataObject, act: str, killed: bool) -> None:
        found = self.rows("SELECT id, owner_id FROM recordings ORDER BY rowid")
        if found:
            row = data.draw(st.sampled_from(found))
            self.tried(getattr(self.store.trash, act)(row["id"], self.owner_of(row)), killed=killed)

    @rule(data=st.data(), audio=st.sampled_from([None, 0, 1]), days=st.sampled_from([None, 0, 2]))
    def keep_longer_or_shorter(self, data: st.DataObject, audio: int | None, days: int | None) -> None:
        found = self.rows("SELECT id, owner_id FROM recordings WHERE trashed_at IS NULL ORDER BY rowid")
        if found:
            row = data.draw(st.sampled_from(found))
            change = Change({"audio_days": audio, "transcript_days": days}, tags=["kept"])
            self.run(self.store.library.change(row["id"], self.owner_of(row), change))

    @rule(days=st.integers(1, 8), killed=st.booleans())
    def days_pass(self, days: int, killed: bool) -> None:
        self.store.clock.now += days * DAY
        self.tried(self.retention.apply(), killed=killed)

    @rule(data=st.data())
    def look_at_a_waveform(self, data: st.DataObject) -> None:
        found = self.rows("SELECT sha256 FROM recordings ORDER BY rowid")
        if found:
            sha256 = data.draw(st.sampled_from(found))["sha256"]
            self.run(self.store.recordings.keep_waveform(sha256, b"peaks"))

    def owner_of(self, row: sqlite3.Row) -> Identity:
        return next(owner for owner in self.owners if owner.user.id == row["owner_id"])

    def tried(self, act: Awaitable[object], *, killed: bool) -> None:
        """Do it; `killed`: the process dies between COMMIT and the removal of bytes, and starts again."""
        recordings = self.store.recordings

        async def dies(_sha256: str) -> bool:
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            if killed:
                patch.setattr(recordings, "discard", dies)
            with contextlib.suppress(NotFound, StateConflict, Killed):
                self.run(act)
        if killed:
            self.run(self.intake.sweep())

    @invariant()
    def bytes_are_there_exactly_if_a_row_names_them(self) -> None:
        layout = self.store.layout
        named = {row["sha256"] for row in self.rows(ALL) if row["audio_removed_at"] is None}
        assert {path.name for path in layout.media.rglob("*") if path.is_file()} == named
        assert {path.name for path in layout.peaks.rglob("*") if path.is_file()} <= named

    @invariant()
    def a_recording_is_in_the_trash_exactly_if_all_its_jobs_are(self) -> None:
        for row in self.rows(ALL):
            jobs = self.rows(JOBS_OF, row["id"])
            assert jobs
            assert (row["trashed_at"] is not None) == all(job["trashed_at"] is not None for job in jobs)

    @invariant()
    def a_job_that_waits_or_runs_is_in_sight_and_has_its_audio(self) -> None:
        for row in self.rows(ALL):
            for job in self.rows(JOBS_OF, row["id"]):
                if job["state"] in ("queued", "running"):
                    assert job["trashed_at"] is None
                    assert row["audio_removed_at"] is None

    @invariant()
    def nothing_is_kept_beyond_its_days(self) -> None:
        now = self.store.clock.now
        for row in self.rows("SELECT trashed_at FROM recordings WHERE trashed_at IS NOT NULL"):
            assert now - row["trashed_at"] < 8 * DAY + 7 * DAY

    @invariant()
    def every_tag_is_on_a_recording_of_its_owner(self) -> None:
        used = self.rows("""
            SELECT tags.id, tags.owner_id AS tagger, recordings.owner_id AS owner
            FROM recording_tags JOIN tags ON tags.id = tag_id
            JOIN recordings ON recordings.id = recording_id
        """)
        assert all(row["tagger"] == row["owner"] for row in used)
        assert {row["id"] for row in used} == {row["id"] for row in self.rows("SELECT id FROM tags")}


TestLibraryMachine = LibraryMachine.TestCase
TestLibraryMachine.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
