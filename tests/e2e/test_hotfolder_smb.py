"""Recordings that come over SMB: smbclient's puts, and a client that writes as Windows does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.inbox import HotBox
from harness.smb import Smbd
from storing import wave_bytes


@pytest.fixture
def box(tmp_path: Path, demo_bundle: Path) -> Iterator[HotBox]:
    with HotBox(tmp_path, model=demo_bundle, settle_seconds="0.5", patience_seconds="3") as daemon:
        yield daemon


@pytest.fixture
def share(box: HotBox, tmp_path: Path) -> Iterator[Smbd]:
    with Smbd(box.inbox, tmp_path / "samba") as server:
        yield server


def source(folder: Path, seconds: float, pitch: int, name: str = "source.wav") -> Path:
    path = folder / name
    path.write_bytes(wave_bytes(seconds, pitch))
    return path


def test_a_put_is_taken(tmp_path: Path, box: HotBox, share: Smbd) -> None:
    path = source(tmp_path, 2, 1)
    share.put(path, "put.wav")
    box.wait_for_files("put.txt", "done/put.wav")
    assert [box.stored(job) for job in box.jobs()] == [path.read_bytes()]
    # And the person can fetch the text by the same way.
    share.run(f'get put.txt "{tmp_path / "fetched.txt"}"')
    assert (tmp_path / "fetched.txt").read_bytes() == (box.inbox / "put.txt").read_bytes()


def test_a_slow_put_as_windows_does_it_is_taken_when_it_is_closed(box: HotBox, share: Smbd) -> None:
    content = wave_bytes(10, 2)
    client = share.windows()
    file = client.create("slow.wav", len(content))  # of full size at once
    third = len(content) // 3
    for part in range(3):
        client.write(file, part * third, content[part * third : (part + 1) * third])
        time.sleep(1.5)  # longer than the settle time
        assert box.jobs() == []
    client.write(file, 3 * third, content[3 * third :])
    time.sleep(1.5)
    assert box.jobs() == []
    file.close()
    box.wait_for_files("slow.txt", "done/slow.wav")
    assert [box.stored(job) for job in box.jobs()] == [content]
    client.close()


def test_a_put_under_another_name_is_taken_when_it_is_renamed(
    tmp_path: Path, box: HotBox, share: Smbd
) -> None:
    path = source(tmp_path, 2, 3)
    share.put(path, "talk.wav.part")
    time.sleep(2)
    assert box.jobs() == []
    share.run('rename "talk.wav.part" "talk.wav"')
    box.wait_for_files("talk.txt", "done/talk.wav")
    assert [box.stored(job) for job in box.jobs()] == [path.read_bytes()]


def test_another_file_of_the_same_name_is_another_recording(tmp_path: Path, box: HotBox, share: Smbd) -> None:
    first, second = source(tmp_path, 2, 4, "1.wav"), source(tmp_path, 3, 5, "2.wav")
    share.put(first, "talk.wav")
    box.wait_for_files("talk.txt", "done/talk.wav")
    share.put(second, "talk.wav")
    box.wait_for_files("done/talk (2).wav")
    assert [box.stored(job) for job in box.jobs()] == [second.read_bytes(), first.read_bytes()]


def test_one_that_is_overwritten_while_its_job_waits_is_not_lost(
    tmp_path: Path, box: HotBox, share: Smbd
) -> None:
    """A long job occupies the box; the file changes between the taking and the giving back."""
    first, second = source(tmp_path, 2_000, 6, "1.wav"), source(tmp_path, 3, 7, "2.wav")
    share.put(first, "talk.wav")
    box.wait_until(box.jobs, "no job")
    share.put(second, "talk.wav")
    box.wait_until(lambda: len(box.jobs()) == 2, "one job")
    box.wait_until(lambda: {job["state"] for job in box.jobs()} == {"done"}, "not done")
    box.wait_for_files("talk.txt", "done/talk.wav")
    assert (box.inbox / "done" / "talk.wav").read_bytes() == second.read_bytes()
    assert {box.stored(job) for job in box.jobs()} == {first.read_bytes(), second.read_bytes()}


def test_a_client_that_is_killed_in_mid_put_leaves_no_job_and_can_begin_again(
    tmp_path: Path, box: HotBox, share: Smbd
) -> None:
    path = source(tmp_path, 6_000, 8)  # 192 MB
    client = subprocess.Popen(share.command(f'put "{path}" "big.wav"'))
    target = box.inbox / "big.wav"
    box.wait_until(lambda: target.exists() and target.stat().st_size > 1_000_000, "it never began")
    client.kill()
    client.wait(60)
    box.wait_for_files("failed/big.wav", "failed/big.wav.error.txt")
    assert 0 < (box.inbox / "failed" / "big.wav").stat().st_size < path.stat().st_size
    assert "broke off" in (box.inbox / "failed" / "big.wav.error.txt").read_text()
    assert box.jobs() == []
    short = source(tmp_path, 3, 8, "short.wav")
    share.put(short, "big.wav")
    box.wait_for_files("big.txt", "done/big.wav")
    assert [box.stored(job) for job in box.jobs()] == [short.read_bytes()]


def test_a_connection_that_is_cut_halfway_makes_no_job_and_is_told(box: HotBox, share: Smbd) -> None:
    content = wave_bytes(20, 9)
    client = share.windows()
    file = client.create("cut.wav", len(content))
    client.write(file, 0, content[: len(content) // 2])
    client.cut()
    box.wait_for_files("failed/cut.wav", "failed/cut.wav.error.txt")
    assert "broke off" in (box.inbox / "failed" / "cut.wav.error.txt").read_text()
    assert box.jobs() == []
    again = share.windows()
    file = again.create("cut.wav", len(content))
    again.write(file, 0, content)
    file.close()
    box.wait_for_files("cut.txt", "done/cut.wav")
    assert [box.stored(job) for job in box.jobs()] == [content]
    again.close()


def test_two_hundred_files_in_a_hundred_folders_at_once_all_come_back(
    tmp_path: Path, box: HotBox, share: Smbd
) -> None:
    tree = tmp_path / "tree"
    sent: dict[str, bytes] = {}
    for number in range(200):
        content = wave_bytes(0.2, 1000 + number)
        path = tree / f"case {number // 2}" / f"talk {number % 2}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sent[str(path.relative_to(tree))] = content
    share.run(f'lcd "{tree}"', "recurse ON", "prompt OFF", "mput *")
    box.wait_for_files(*(f"done/{name}" for name in sent))
    box.wait_for_files(*(name.removesuffix(".wav") + ".txt" for name in sent))
    for name, content in sent.items():
        assert (box.inbox / "done" / name).read_bytes() == content
    assert len(box.jobs()) == 200
