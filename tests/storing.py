"""A data folder with everything of floors 1 to 3 opened in it, for tests of those parts."""

from __future__ import annotations

import contextlib
import hashlib
import wave
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from stenobox.config import LibrarySettings, UploadsSettings
from stenobox.db import Database
from stenobox.editing.versions import Versions
from stenobox.errors import NotAudio
from stenobox.events import EventHub
from stenobox.glossary import Glossaries
from stenobox.intake.direct import DirectIntake
from stenobox.jobs import Jobs
from stenobox.library import Library, Quotas, Retention, Trash
from stenobox.paths import Layout
from stenobox.recordings import Recordings
from stenobox.search.finding import Finder
from stenobox.transcripts import Transcripts
from stenobox.types import (
    Identity,
    Job,
    JobOptions,
    JobState,
    Lease,
    Priority,
    Provenance,
    Recording,
    Role,
    Segment,
    Transcript,
    User,
)

OPTIONS = JobOptions(model="demo", language="en")

ADD_USER = "INSERT INTO users (name, role, password_hash, created_at) VALUES (?, ?, 'none', 0) RETURNING id"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class WaveInfo:
    duration: float | None
    title: str | None = None
    recorded: str | None = None
    truncated: bool = False


async def probe_wave(path: Path) -> WaveInfo:
    """Stands where the sandboxed decoder goes: reads WAV by the standard library, refuses anything else."""
    try:
        with wave.open(str(path), "rb") as file:
            return WaveInfo(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError) as error:
        raise NotAudio from error


def wave_bytes(seconds: float = 0.1, pitch: int = 0) -> bytes:
    """A WAV file whose bytes differ with `pitch`."""
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(pitch.to_bytes(2, "little") * int(seconds * 16_000))
    return out.getvalue()


async def pieces(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def transcript_of(job: Job, texts: Iterable[str] = ("Hello there.",), created_at: float = 5.0) -> Transcript:
    segments = tuple(
        Segment(
            id=number,
            start=float(number),
            end=number + 0.5,
            text=text,
            avg_logprob=-0.25,
            no_speech_prob=0.125,
            compression_ratio=1.5,
            temperature=0.0,
        )
        for number, text in enumerate(texts)
    )
    return Transcript(
        job_id=job.id,
        language="en",
        duration=12.5,
        text=" ".join(segment.text for segment in segments),
        segments=segments,
        provenance=Provenance(
            model="demo",
            model_sha256="0" * 64,
            target="cpu-fp32",
            provider="CPUExecutionProvider",
            engine_version="0.1.0",
            options={"beam_size": 1},
            audio_sha256="1" * 64,
            realtime_factor=0.5,
        ),
        created_at=created_at,
    )


@dataclass(frozen=True)
class Store:
    layout: Layout
    db: Database
    events: EventHub
    recordings: Recordings
    jobs: Jobs
    transcripts: Transcripts
    clock: Clock
    trash: Trash
    library: Library
    quotas: Quotas
    versions: Versions
    finder: Finder
    glossaries: Glossaries

    def retention(self, **settings: int) -> Retention:
        return Retention(LibrarySettings(**settings), self.db, self.jobs, self.recordings, self.clock)

    def intake(self, settings: UploadsSettings | None = None) -> DirectIntake:
        return DirectIntake(
            settings or UploadsSettings(reserve_bytes=0),
            self.layout,
            self.db,
            recordings=self.recordings,
            jobs=self.jobs,
            quotas=self.quotas,
            probe=probe_wave,
        )

    async def user(self, name: str, role: Role = Role.USER) -> Identity:
        async with self.db.write() as tx:
            row = await tx.fetch_one(ADD_USER, (name, role.value))
        assert row is not None
        return Identity(User(row["id"], name, role, disabled=False, created_at=0.0), "session")

    async def recording(self, owner: Identity, content: str = "a") -> Recording:
        async with self.db.write() as tx:
            return await self.recordings.ingest(
                tx,
                owner.user.id,
                sha256=hashlib.sha256(content.encode()).hexdigest(),
                size=10,
                filename=f"{content}.wav",
                duration=12.5,
            )

    async def job(self, owner: Identity, priority: int = Priority.NORMAL, content: str = "a") -> Job:
        recording = await self.recording(owner, content)
        async with self.db.write() as tx:
            return await self.jobs.create(
                tx, owner.user.id, recording_id=recording.id, options=OPTIONS, priority=priority
            )

    async def count(self, table: str) -> int:
        async with self.db.read() as reader:
            row = await reader.fetch_one(f"SELECT COUNT(*) AS n FROM {table}")
        assert row is not None
        return int(row["n"])


@contextlib.asynccontextmanager
async def opened_store(root: Path, max_attempts: int = 3) -> AsyncIterator[Store]:
    layout = Layout(root)
    layout.create()
    db = await Database.open(layout.database)
    try:
        clock = Clock()
        events = EventHub()
        recordings = Recordings(db, layout, clock)
        jobs = Jobs(db, events, clock, max_attempts=max_attempts)
        trash, library = Trash(db, jobs, recordings, clock), Library(db, jobs)
        transcripts = Transcripts(db)
        versions = Versions(db, transcripts, events, clock)
        yield Store(
            layout,
            db,
            events,
            recordings,
            jobs,
            transcripts,
            clock,
            trash,
            library,
            Quotas(db),
            versions,
            Finder(db),
            Glossaries(db, clock),
        )
    finally:
        await db.close()


LEASE = 60.0


async def claimed(store: Store) -> Lease:
    """The next job's lease."""
    lease = await store.jobs.claim(LEASE)
    assert lease is not None
    return lease


async def state_of(store: Store, job_id: str, identity: Identity) -> JobState:
    return (await store.jobs.get(job_id, identity)).state


async def sent(
    store: Store, owner: Identity, name: str = "a.wav", pitch: int = 1, info: WaveInfo | None = None
) -> Job:
    """A recording of this owner's, and its job that waits."""
    intake = store.intake()
    if info is not None:

        async def probe(_path: Path) -> WaveInfo:
            return info

        intake._probe = probe
    store.clock.now += 1  # in a listing, one comes after the other
    received = await intake.receive(pieces(wave_bytes(pitch=pitch)), name)
    return await intake.accept(owner, received, OPTIONS, 5)


async def finished(
    store: Store,
    owner: Identity,
    pitch: int = 1,
    texts: Iterable[str] = ("Hello there.",),
    name: str = "a.wav",
) -> Job:
    """The same, and its transcript is there."""
    await sent(store, owner, name, pitch=pitch)
    return await store.jobs.complete(lease := await claimed(store), transcript_of(lease.job, texts))
