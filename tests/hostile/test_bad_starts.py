"""Starts that cannot be, and a disk that is full: named in words, and nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

from harness.daemon import Daemon, command
from hostile.test_bad_input import TALK, files_below
from storing import wave_bytes


def test_settings_with_an_unknown_key_stop_the_start_with_exit_code_2(tmp_path: Path) -> None:
    config = tmp_path / "stenobox.toml"
    config.write_text("[uploads]\nmax_byte = 5\n")
    done = command("--config", str(config), "serve", data=tmp_path / "data")
    assert done.returncode == 2
    assert done.stderr.startswith("stenobox: ")
    assert "max_byte" in done.stderr and "uploads.max_bytes" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_second_daemon_on_the_same_data_is_refused(tmp_path: Path, demo_bundle: Path) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        second = command("serve", "--port", "0", data=tmp_path / "data")
        assert second.returncode == 1
        assert str(tmp_path / "data") in second.stderr and "Traceback" not in second.stderr
        assert box.get("/api/auth/me").status == 200


def test_a_port_that_is_taken_is_named(tmp_path: Path, demo_bundle: Path) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        port = box.url.rpartition(":")[2]
        second = command("serve", "--port", port, data=tmp_path / "other")
        assert second.returncode == 1
        assert port in second.stderr and "Traceback" not in second.stderr


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path, demo_bundle: Path) -> None:
    """The daemon runs on a file system of 24 MiB of its own, which one upload would fill."""
    data = tmp_path / "data"
    data.mkdir()
    script = 'mount -t tmpfs -o size=24m,mode=0700 tmpfs "$0" && exec "$@"'
    # Root may mount anyway, also where user namespaces are forbidden (a chroot, a container).
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    small_disk = ("unshare", *as_root, "--mount", "sh", "-c", script, str(data))
    with Daemon(data, model=demo_bundle, wrapper=small_disk) as box:
        assert box.process is not None
        inside = Path(f"/proc/{box.process.pid}/root{data}")
        box.set_up()
        first = box.upload(TALK).json
        answer = box.upload(wave_bytes(1000.0), "long.wav")
        assert (answer.status, answer.json["code"]) == (507, "disk_full")
        assert files_below(inside / "incoming") == []
        second = box.upload(wave_bytes(0.2, 1)).json
        for job in (first, second):
            assert box.wait_for(job["id"], "done", "failed")["state"] == "done"
        assert len(box.get("/api/jobs").json["jobs"]) == 2
        assert box.stop() == 0
