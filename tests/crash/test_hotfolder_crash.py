"""SIGKILL at random points of a hot folder's work: every recording comes back once, whole, with its text.

The delays come from a fixed seed; where in the work a kill falls (copying, the row, the transcript, the
results, the move) differs from run to run, which is the point.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from harness.inbox import HotBox
from storing import wave_bytes

KILLS = 12
FILES = 24


def test_no_recording_is_lost_and_none_is_transcribed_twice(tmp_path: Path, demo_bundle: Path) -> None:
    draw = random.Random(30)
    sent: dict[str, bytes] = {}
    with HotBox(
        tmp_path,
        model=demo_bundle,
        settings={"queue.max_attempts": 100},  # each kill is one for the jobs in work
        settle_seconds="0.1",
        rescan_seconds="0.5",
        results='["txt", "json"]',
    ) as box:
        for _ in range(KILLS):
            for _ in range(FILES // KILLS):
                name = f"case {len(sent) % 5}/talk {len(sent)}.wav"
                content = wave_bytes(1.0 + len(sent) / 100, 500 + len(sent))
                (box.inbox / name).parent.mkdir(exist_ok=True)
                (box.inbox / name).write_bytes(content)
                sent[name] = content
            time.sleep(draw.uniform(0.0, 0.8))
            box.kill()
            box.start()
        box.wait_for_files(*(f"done/{name}" for name in sent))
        box.wait_until(lambda: not box.files() - expected(sent), "something is left")
        assert box.files() == expected(sent)
        for name, content in sent.items():
            assert (box.inbox / "done" / name).read_bytes() == content
        jobs = box.jobs()
        assert len(jobs) == len(sent)
        assert {job["state"] for job in jobs} == {"done"}
        assert sorted(box.stored(job) for job in jobs) == sorted(sent.values())
        assert list((box.data / "incoming").iterdir()) == []


def expected(sent: dict[str, bytes]) -> set[str]:
    stems = [name.removesuffix(".wav") for name in sent]
    return {f"done/{name}" for name in sent} | {
        f"{stem}.{form}" for stem in stems for form in ("txt", "json")
    }
