"""A process that uploads and works through jobs until it is killed; run by test_queue_crash.py.

    queue_child.py DATA STEP

STEP names the place in the first round at which it kills itself with SIGKILL, or `never`: then it goes on
until somebody else does. Each promise that it has given is a line on stdout, written after the promise was
made:
`accepted JOB SHA256`, `claimed JOB ATTEMPT`, `kept JOB POSITION`, `done JOB ATTEMPT`.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from stenobox.intake.direct import DirectIntake
from stenobox.jobs import Jobs, queue
from stenobox.recordings import Recordings
from stenobox.types import Identity
from storing import OPTIONS, Store, opened_store, pieces, transcript_of, wave_bytes

LEASE = 60.0

# Where to die: after the named call has returned, so before whatever would have followed it.
AFTER: dict[str, tuple[Any, str]] = {
    "received": (DirectIntake, "receive"),
    "published": (Recordings, "publish"),
    "ingested": (Recordings, "ingest"),
    "created": (Jobs, "create"),
    "accepted": (DirectIntake, "accept"),
    "claimed": (Jobs, "claim"),
    "kept": (Jobs, "progress"),
    "saved": (queue.transcripts, "save"),
    "done": (Jobs, "complete"),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(call)
    async def dying(*args: Any, **kwargs: Any) -> Any:
        await call(*args, **kwargs)
        die()

    return dying


def say(*words: object) -> None:
    # One write for a line: the parent must never read half a promise.
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


async def one_round(store: Store, owner: Identity, number: int) -> None:
    intake = store.intake()
    received = await intake.receive(pieces(wave_bytes(seconds=0.5, pitch=number % 60_000)), "x.wav")
    job = await intake.accept(owner, received, OPTIONS, 5)
    say("accepted", job.id, received.sha256)
    lease = await store.jobs.claim(LEASE)
    if lease is None:
        return
    say("claimed", lease.job.id, lease.attempt)
    start = lease.checkpoint["position"] if lease.checkpoint else 0
    for position in range(start + 1, start + 3):
        await store.jobs.progress(lease, 0.5, {"position": position})
        say("kept", lease.job.id, position)
    await store.jobs.complete(lease, transcript_of(lease.job, [f"by attempt {lease.attempt}"]))
    say("done", lease.job.id, lease.attempt)


async def main(root: Path, step: str) -> None:
    async with opened_store(root, max_attempts=1_000) as store:
        await store.intake().sweep()
        await store.jobs.recover()
        owner = await store.user(f"user {os.getpid()}")
        if step != "never":
            place, name = AFTER[step]
            setattr(place, name, dying_after(getattr(place, name)))
        number = os.getpid()
        while True:
            number += 1
            await one_round(store, owner, number)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
