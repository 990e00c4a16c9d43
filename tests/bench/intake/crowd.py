"""Many people at once: small recordings, all sent in the same moment."""

from __future__ import annotations

import asyncio
import io
import resource
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from aiohttp import ClientError, ClientSession, ClientTimeout, FormData, TCPConnector

from harness.daemon import Daemon

SECONDS = 10
RATE = 16_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` 0 when the connection failed; `seconds` until the answer."""

    status: int
    seconds: float
    retry_after: bool
    job: str | None


@dataclass(frozen=True, slots=True)
class Crowd:
    outcomes: tuple[Outcome, ...]
    seconds: float
    there: int
    """Accepted jobs that the box knows afterwards."""


def measure(folder: Path, people: int, model: Path) -> Crowd:
    """Every recording is another one. The engine works at the same time, as it does in an office."""
    # Each connection is a descriptor here and another in the daemon, which inherits the limit it starts with.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Daemon(folder / "crowd", model=model, settings={"log.level": "info"}) as box:
        box.set_up()
        box.wait_ready()
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        try:
            started = time.perf_counter()
            outcomes = asyncio.run(_all(box, people))
            seconds = time.perf_counter() - started
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        there = sum(box.get(f"/api/jobs/{one.job}").status == 200 for one in outcomes if one.job)
    return Crowd(tuple(outcomes), seconds, there)


def table(crowd: Crowd) -> list[str]:
    accepted = [one for one in crowd.outcomes if one.status == 201]
    told = [one for one in crowd.outcomes if one.status in (429, 503) and one.retry_after]
    lost = len(crowd.outcomes) - len(accepted) - len(told) + len(accepted) - crowd.there
    waits = sorted(one.seconds for one in accepted)
    statuses = ", ".join(
        f"{status}: {n}" for status, n in sorted(Counter(o.status for o in crowd.outcomes).items())
    )
    return [
        f"| {len(crowd.outcomes)} uploads of {SECONDS} s at once | |",
        "| --- | --- |",
        f"| accepted | {len(accepted)} |",
        f"| refused with 429 or 503 and Retry-After | {len(told)} |",
        f"| lost (goal: 0) | {lost} |",
        f"| answers by status | {statuses} |",
        f"| all done after | {crowd.seconds:.1f} s |",
        f"| median, p99, longest wait for 201 | {_of(waits, 0.5)}, {_of(waits, 0.99)}, {_of(waits, 1.0)} |",
    ]


async def _all(box: Daemon, people: int) -> list[Outcome]:
    connector = TCPConnector(limit=0, force_close=True)
    async with ClientSession(
        connector=connector,
        headers={"Authorization": f"Bearer {box.key}"},
        timeout=ClientTimeout(total=600),
    ) as session:
        return await asyncio.gather(*(_one(session, box.url, number) for number in range(people)))


async def _one(session: ClientSession, url: str, number: int) -> Outcome:
    form = FormData(default_to_multipart=True)
    form.add_field("file", recording(number), filename=f"{number}.wav")
    started = time.perf_counter()
    try:
        async with session.post(f"{url}/api/jobs", data=form) as answer:
            body = await answer.json(content_type=None)
            return Outcome(
                answer.status, time.perf_counter() - started, "Retry-After" in answer.headers, body.get("id")
            )
    except (ClientError, OSError, TimeoutError):
        return Outcome(0, time.perf_counter() - started, False, None)


def recording(number: int) -> bytes:
    """A WAV file of quiet noise."""
    samples = np.random.default_rng(number).integers(-50, 50, SECONDS * RATE).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _of(waits: list[float], share: float) -> str:
    return f"{waits[min(len(waits) - 1, int(share * len(waits)))]:.2f} s" if waits else "none"
