"""Durable writes, the folder layout, and the lock on the data."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stenobox.errors import DataError, DataInUse, DiskFull
from stenobox.files import DataLock, disk_errors, free_bytes, make_dir, publish, write_durable
from stenobox.paths import Layout

SHA = "ab" * 32

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

HOLD = """
import sys
from pathlib import Path
from stenobox.files import DataLock
with DataLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

FILL = """
import resource, sys
from pathlib import Path
from stenobox.files import write_durable
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    write_durable(Path(sys.argv[1]), b"x" * 1000)
except OSError as error:
    print(error.errno)
"""


def test_a_durable_write_replaces_the_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_durable(path, b"a long first content")
    write_durable(path, b"short")
    assert path.read_bytes() == b"short"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_durable_write_that_fails_leaves_the_old_content_and_no_leftover(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", FILL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert int(done.stdout) == errno.EFBIG
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_publishing_moves_the_file_and_makes_its_folder(tmp_path: Path) -> None:
    temp = tmp_path / "in" / "temp"
    temp.parent.mkdir()
    temp.write_bytes(b"bytes")
    final = tmp_path / "media" / "ab" / SHA
    publish(temp, final)
    assert final.read_bytes() == b"bytes"
    assert not temp.exists()
    assert stat.S_IMODE(final.parent.stat().st_mode) == 0o700


def test_publishing_syncs_file_then_renames_then_syncs_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is what survives a power cut, and no test without one can see it but by the calls."""
    temp = tmp_path / "in" / "temp"
    temp.parent.mkdir()
    temp.write_bytes(b"bytes")
    final = tmp_path / "media" / "ab" / "name"
    calls: list[tuple[str, str]] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        calls.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        real_fsync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        calls.append(("rename", str(target)))
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    publish(temp, final)
    renamed = calls.index(("rename", str(final)))
    assert calls[0] == ("fsync", str(temp))
    assert {("fsync", str(tmp_path)), ("fsync", str(tmp_path / "media"))} <= set(calls[:renamed])
    assert {("fsync", str(final.parent)), ("fsync", str(temp.parent))} == set(calls[renamed + 1 :])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_is_disk_full(number: int) -> None:
    with pytest.raises(DiskFull), disk_errors():
        raise OSError(number, "full")


def test_other_errors_of_the_disk_pass_unchanged() -> None:
    with pytest.raises(PermissionError), disk_errors():
        raise OSError(errno.EACCES, "no")


def test_dev_full_is_disk_full() -> None:
    with pytest.raises(DiskFull), disk_errors():
        descriptor = os.open("/dev/full", os.O_WRONLY)
        try:
            os.write(descriptor, b"x")
        finally:
            os.close(descriptor)


def test_free_bytes_tells_what_the_file_system_has(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    assert 0 < free_bytes(tmp_path) <= status.f_blocks * status.f_frsize


def test_making_a_folder_that_exists_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(0o755)
    make_dir(tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataInUse) as caught:
            DataLock(path).acquire()
        assert str(holder.pid) in caught.value.detail
        assert str(tmp_path) in caught.value.detail
    finally:
        holder.kill()
        holder.communicate()
    with DataLock(path):
        pass


def test_two_locks_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    with DataLock(tmp_path / "lock"), pytest.raises(DataInUse):
        DataLock(tmp_path / "lock").acquire()


def test_a_program_that_is_started_does_not_inherit_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = DataLock(path)
    lock.acquire()
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=False,
        text=True,
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        lock.release()
        with DataLock(path):
            pass
    finally:
        child.kill()
        child.communicate()


def test_the_layout_is_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "new" / "data")
    layout.create()
    layout.create()
    for folder in (layout.root, layout.incoming, layout.media, layout.scratch, layout.models):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_data_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        Layout(tmp_path / "file" / "data").create()
    assert str(tmp_path / "file" / "data") in caught.value.detail


@pytest.mark.parametrize(
    "name", ["", "..", "../../etc/passwd", "AB" * 32, "a" * 63, "a" * 65, "g" * 64, "/" * 64]
)
def test_only_a_sha256_becomes_part_of_a_path(name: str, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with pytest.raises(ValueError, match="hex digits"):
        layout.media_file(name)


def test_a_recording_lies_under_the_first_two_digits(tmp_path: Path) -> None:
    assert Layout(tmp_path).media_file(SHA) == tmp_path / "media" / "ab" / SHA
