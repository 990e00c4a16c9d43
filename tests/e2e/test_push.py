"""`stenobox push` as its own process against the real daemon, over a cable that is pulled."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from harness.daemon import PATIENCE_S, Daemon, clean_environment
from harness.relay import Relay
from harness.talk import HELD_OUT, Talk, talk
from making_audio import wav
from stenobox.cli.receipts import Receipt, Receipts, Snapshot, key_of

SLOW = 4 * 2**20
"""Bytes a second of the squeezed cable: the recording below takes some six seconds."""


@pytest.fixture(scope="module")
def spoken() -> Talk:
    return talk(*HELD_OUT)


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """24 MiB that are a recording."""
    samples = np.random.default_rng(4).uniform(-0.01, 0.01, 12 * 2**20).astype(np.float32)
    return wav(tmp_path / "noise.wav", samples, 48_000)


class Pusher:
    """Somebody at another machine: a key, a server, and a state folder."""

    def __init__(self, folder: Path, server: str, key: str) -> None:
        self.server = server
        self.state = folder / "state"
        self._environment = clean_environment() | {
            "STENOBOX_KEY": key,
            "STENOBOX_SERVER": server,
            "XDG_STATE_HOME": str(self.state),
        }

    def start(self, *arguments: Path | str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "stenobox", "push", *map(str, arguments)],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def push(self, *arguments: Path | str) -> tuple[int, dict[str, str], str]:
        """Exit code, file -> job, stderr."""
        process = self.start(*arguments)
        return ended(process)

    def receipt(self, file: Path) -> Receipt | None:
        receipts = Receipts.of_user({"XDG_STATE_HOME": str(self.state)})
        return receipts.find(key_of(self.server, Snapshot.of(file), {}))


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, str], str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    jobs = dict(reversed(line.split("\t", 1)) for line in out.splitlines())
    return process.returncode, jobs, err


def offset(box: Daemon, receipt: Receipt) -> int:
    """What the server holds of an upload."""
    answer = box.request("HEAD", urlsplit(receipt.url).path, headers={"Tus-Resumable": "1.0.0"})
    assert answer.status in (200, 204)
    return int({name.lower(): value for name, value in answer.headers.items()}["upload-offset"])


def wait_until_it_moves(box: Daemon, pusher: Pusher, file: Path, process: subprocess.Popen[str]) -> None:
    """Until the server holds some of it, but not all."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.5)
        if (receipt := pusher.receipt(file)) and receipt.job is None:
            return
    raise AssertionError("the push did not get going")


def bytes_of(box: Daemon, job: str) -> str:
    """SHA-256 of the recording as the box gives it back."""
    recording = box.job(job)["recording_id"]
    return hashlib.sha256(box.get(f"/api/recordings/{recording}/audio").body).hexdigest()


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_folder_that_is_pushed_gives_the_words_of_a_direct_upload(
    tmp_path: Path, box: Daemon, spoken: Talk
) -> None:
    folder = tmp_path / "calls" / "monday"
    folder.mkdir(parents=True)
    (folder / "Grüße.wav").write_bytes(spoken.wav)
    (folder / "notes.txt").write_text("not a recording")
    code, jobs, err = Pusher(tmp_path, box.url, str(box.key)).push(tmp_path / "calls", "--language", "en")
    assert (code, err) == (0, "")
    direct = box.upload(spoken.wav, "talk.wav", language="en").json["id"]
    pushed = jobs[str(folder / "Grüße.wav")]
    for job in (direct, pushed):
        box.wait_for(job, "done")
    texts = [box.get(f"/api/jobs/{job}/transcript?format=txt").text for job in (direct, pushed)]
    assert texts[0] == texts[1] != ""


def test_a_pulled_cable_costs_a_wait_and_no_bytes(tmp_path: Path, box: Daemon, noise: Path) -> None:
    with Relay(box.url) as cable:
        cable.squeeze(SLOW)
        pusher = Pusher(tmp_path, cable.url, str(box.key))
        process = pusher.start(noise)
        wait_until_it_moves(box, pusher, noise, process)
        cable.cut()
        time.sleep(1)
        receipt = pusher.receipt(noise)
        assert receipt is not None and receipt.job is None
        cable.join()
        code, jobs, err = ended(process)
    assert (code, err) == (0, "")
    kept = pusher.receipt(noise)
    assert kept is not None and kept.url == receipt.url  # the same upload, not a second one
    assert bytes_of(box, jobs[str(noise)]) == sha256(noise)


def test_a_push_that_was_killed_goes_on_with_the_next_call(tmp_path: Path, box: Daemon, noise: Path) -> None:
    with Relay(box.url) as cable:
        cable.squeeze(SLOW)
        pusher = Pusher(tmp_path, cable.url, str(box.key))
        process = pusher.start(noise)
        wait_until_it_moves(box, pusher, noise, process)
        time.sleep(1)
        process.kill()
        process.communicate()
        receipt = pusher.receipt(noise)
        assert receipt is not None and receipt.job is None
        assert 0 < offset(box, receipt) < noise.stat().st_size
        code, jobs, _ = pusher.push(noise)
    assert code == 0
    kept = pusher.receipt(noise)
    assert kept is not None and kept.url == receipt.url
    assert bytes_of(box, jobs[str(noise)]) == sha256(noise)


def test_a_server_that_is_killed_in_the_middle_keeps_what_it_has(
    tmp_path: Path, demo_bundle: Path, noise: Path
) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        box.wait_ready()
        with Relay(box.url) as cable:
            cable.squeeze(SLOW)
            pusher = Pusher(tmp_path, cable.url, str(box.key))
            process = pusher.start(noise)
            wait_until_it_moves(box, pusher, noise, process)
            receipt = pusher.receipt(noise)
            assert receipt is not None
            cable.cut()
            box.kill()
            box.start()
            cable.lead_to(box.url)
            cable.squeeze(100 * SLOW)
            cable.join()
            code, jobs, err = ended(process)
        assert (code, err) == (0, "")
        kept = pusher.receipt(noise)
        assert kept is not None and kept.url == receipt.url
        assert bytes_of(box, jobs[str(noise)]) == sha256(noise)
        assert len(box.get("/api/jobs").json["jobs"]) == 1


def test_what_was_pushed_before_is_not_sent_again(tmp_path: Path, box: Daemon, spoken: Talk) -> None:
    file = tmp_path / "talk.wav"
    file.write_bytes(spoken.wav)
    pusher = Pusher(tmp_path, box.url, str(box.key))
    _, first, _ = pusher.push(file)
    code, second, err = pusher.push(file)
    assert (code, second) == (0, first)
    assert "was sent before" in err
    assert len([job for job in box.get("/api/jobs").json["jobs"] if job["id"] in second.values()]) == 1


def test_a_file_that_is_no_recording_fails_alone(tmp_path: Path, box: Daemon, spoken: Talk) -> None:
    bad, empty, good = (tmp_path / name for name in ("a.wav", "b.wav", "c.wav"))
    bad.write_bytes(b"this is no audio" * 100)
    empty.touch()
    good.write_bytes(spoken.wav)
    code, jobs, err = Pusher(tmp_path, box.url, str(box.key)).push(bad, empty, good)
    assert code == 1
    assert list(jobs) == [str(good)]
    assert f"{bad}: The file is not in an audio or video format" in err
    assert f"{empty}: The file has no bytes" in err


def test_a_wrong_key_or_language_is_a_wrong_call_and_the_key_is_not_shown(
    tmp_path: Path, box: Daemon, spoken: Talk
) -> None:
    file = tmp_path / "talk.wav"
    file.write_bytes(spoken.wav)
    code, jobs, err = Pusher(tmp_path, box.url, "stbx_not_a_key_at_all").push(file)
    assert (code, jobs) == (2, {})
    assert "stbx_not_a_key_at_all" not in err and "Traceback" not in err
    code, jobs, err = Pusher(tmp_path, box.url, str(box.key)).push(file, "--language", "klingon")
    assert (code, jobs) == (2, {})
    assert "klingon" in err and "Traceback" not in err


def test_a_server_that_is_not_there_is_said_at_once(tmp_path: Path, spoken: Talk) -> None:
    file = tmp_path / "talk.wav"
    file.write_bytes(spoken.wav)
    code, jobs, err = Pusher(tmp_path, "http://127.0.0.1:1", "stbx_key").push(file)
    assert (code, jobs) == (1, {})
    assert err == "stenobox: http://127.0.0.1:1 does not answer or was cut off.\n"
