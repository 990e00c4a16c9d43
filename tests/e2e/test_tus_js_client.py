"""tus-js-client under Node, as browsers and Uppy use it, against the real daemon over a bad link."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from harness.daemon import PATIENCE_S, ROOT, Daemon
from harness.relay import Relay
from making_audio import wav

SCRIPT = ROOT / "tests" / "harness" / "node" / "send_by_tus.mjs"
CLIENT = ROOT / ".cache" / "node"
SLOW = 2 * 2**20
"""Bytes a second of each connection: the recording below takes some seconds."""
PIECE = 2**19


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """8 MiB that are a recording."""
    samples = np.random.default_rng(8).uniform(-0.01, 0.01, 4 * 2**20).astype(np.float32)
    return wav(tmp_path / "noise.wav", samples, 48_000)


@pytest.fixture
def box(tmp_path: Path, demo_bundle: Path) -> Daemon:
    return Daemon(tmp_path / "data", model=demo_bundle)


def sending(box: Daemon, cable: Relay, file: Path, *, parallel: int) -> subprocess.Popen[str]:
    arguments = [CLIENT, f"{cable.url}/api/tus", file, str(PIECE), str(parallel)]
    return subprocess.Popen(
        ["node", SCRIPT, *arguments],
        env=os.environ | {"STENOBOX_KEY": str(box.key)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def job_of(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert out.strip(), "the client heard of no job"
    return out.strip()


def assert_stored_once(box: Daemon, job_id: str, file: Path) -> None:
    jobs = box.get("/api/jobs").json["jobs"]
    assert [job["id"] for job in jobs] == [job_id]
    assert jobs[0]["filename"] == "talk.wav"
    stored = box.get(f"/api/recordings/{jobs[0]['recording_id']}/audio").body
    assert hashlib.sha256(stored).digest() == hashlib.sha256(file.read_bytes()).digest()


def wait_for_bytes(box: Daemon, process: subprocess.Popen[str], count: int) -> None:
    end = time.monotonic() + PATIENCE_S
    folder = box.data / "partials"
    while sum(path.stat().st_size for path in folder.iterdir()) < count:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.02)


@pytest.mark.parametrize("parallel", [1, 3])
def test_a_link_that_breaks_again_and_again_loses_nothing(box: Daemon, noise: Path, parallel: int) -> None:
    with box:
        box.set_up()
        with Relay(box.url) as cable:
            cable.squeeze(SLOW)
            process = sending(box, cable, noise, parallel=parallel)
            wait_for_bytes(box, process, PIECE)
            for _ in range(4):
                assert process.poll() is None, "it was over before the link broke"
                cable.cut()
                time.sleep(0.15)
                cable.join()
                time.sleep(0.5)
            cable.squeeze(100 * SLOW)
            assert_stored_once(box, job_of(process), noise)


@pytest.mark.parametrize("parallel", [1, 3])
def test_a_server_that_is_killed_in_the_middle_loses_nothing(box: Daemon, noise: Path, parallel: int) -> None:
    with box:
        box.set_up()
        with Relay(box.url) as cable:
            cable.squeeze(SLOW)
            process = sending(box, cable, noise, parallel=parallel)
            wait_for_bytes(box, process, 3 * PIECE)
            cable.cut()
            box.kill()
            box.start()
            assert process.poll() is None
            cable.lead_to(box.url)
            cable.join()
            assert_stored_once(box, job_of(process), noise)
