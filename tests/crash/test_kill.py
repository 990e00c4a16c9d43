"""SIGKILL in the middle of a long recording: after the restart the job finishes once, from where it was."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import pytest

from harness.daemon import PATIENCE_S, Daemon
from harness.talk import HELD_OUT, Talk, talk, word_error_rate, words_of

WINDOW_S = 30.0


@pytest.fixture(scope="module")
def long_talk() -> Talk:
    return talk(*HELD_OUT, at_least=600.0)


def transcribed_seconds(box: Daemon) -> float:
    """How much audio the engine of this process got through."""
    found = re.search(r"^stenobox_audio_transcribed_seconds_total (\S+)$", box.get("/metrics").text, re.M)
    assert found
    return float(found[1])


def wait_until_claimed(box: Daemon, job_id: str, attempt: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while (job := box.job(job_id))["state"] != "running" or job["attempt"] < attempt:
        assert time.monotonic() < end and job["state"] in ("queued", "running"), job
        time.sleep(0.01)


def wait_until_half(box: Daemon, job_id: str) -> float:
    """Wait until the job is well under way; returns its progress."""
    end = time.monotonic() + PATIENCE_S
    while (job := box.job(job_id))["progress"] < 0.3:
        assert time.monotonic() < end and job["state"] in ("queued", "running"), job
        time.sleep(0.02)
    assert job["state"] == "running", "it finished before it could be killed"
    return float(job["progress"])


def test_a_killed_daemon_goes_on_with_a_long_recording_where_it_was(
    tmp_path: Path, demo_bundle: Path, long_talk: Talk
) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        job = box.upload(long_talk.wav, language="en").json
        assert job["duration"] >= 600.0
        reached = wait_until_half(box, job["id"])
        box.kill()

        with sqlite3.connect(f"file:{box.data / 'stenobox.db'}?mode=ro", uri=True) as db:
            state, attempt, progress = db.execute("SELECT state, attempt, progress FROM jobs").fetchone()
            assert (state, attempt) == ("running", 1)
            assert db.execute("SELECT COUNT(*) FROM transcripts").fetchone() == (0,)
        db.close()
        assert progress >= reached - 1e-3, "what people were shown was durable"

        box.start()
        done = box.wait_for(job["id"], "done", "failed", "quarantined")
        assert (done["state"], done["attempt"]) == ("done", 2)

        # The new process decoded the rest and not the beginning: windows before the checkpoint were kept.
        rest = (1 - progress) * job["duration"]
        assert transcribed_seconds(box) <= rest + WINDOW_S
        assert transcribed_seconds(box) >= rest - WINDOW_S

        transcript = box.get(f"/api/jobs/{job['id']}/transcript").json
        starts = [segment["start"] for segment in transcript["segments"]]
        assert starts == sorted(starts)
        assert [segment["id"] for segment in transcript["segments"]] == list(range(len(starts)))
        assert starts[0] < WINDOW_S and starts[-1] > job["duration"] - 2 * WINDOW_S
        said = words_of(" ".join(segment["text"] for segment in transcript["segments"]))
        assert word_error_rate(long_talk.words, said) < 0.35
        assert box.stop() == 0
        with sqlite3.connect(f"file:{box.data / 'stenobox.db'}?mode=ro", uri=True) as db:
            assert db.execute("SELECT COUNT(*) FROM transcripts").fetchone() == (1,)
        db.close()


def test_a_transcript_after_a_crash_is_the_one_without_the_crash(
    tmp_path: Path, demo_bundle: Path, long_talk: Talk
) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        crashed = box.upload(long_talk.wav, language="en").json
        wait_until_half(box, crashed["id"])
        box.kill()
        box.start()
        box.wait_for(crashed["id"], "done", "failed", "quarantined")
        whole = box.upload(long_talk.wav, language="en").json
        assert box.wait_for(whole["id"], "done", "failed", "quarantined")["attempt"] == 1
        texts = [box.get(f"/api/jobs/{job['id']}/transcript?format=srt").text for job in (crashed, whole)]
        assert texts[0] == texts[1]


def test_a_job_that_kills_the_box_three_times_is_set_aside(tmp_path: Path, demo_bundle: Path) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        job = box.upload(talk(*HELD_OUT, at_least=600.0).wav, language="en").json
        for attempt in (1, 2, 3):
            wait_until_claimed(box, job["id"], attempt)
            box.kill()
            box.start()
        ended = box.wait_for(job["id"], "quarantined", "done", "failed")
        assert ended["state"] == "quarantined"
        assert ended["error"]["code"] == "attempt_lost"
        again = box.post(f"/api/jobs/{job['id']}/retry")
        assert again.status == 200
        assert box.wait_for(job["id"], "done", "failed", "quarantined")["state"] == "done"
