"""Recordings built to do harm: nothing that they name is opened, and only the child pays for them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from making_audio import wav
from stenobox.audio import sandbox, spawning
from stenobox.audio.decode import decode
from stenobox.audio.limits import AudioLimits
from stenobox.errors import DecoderFailed, DecoderLimit, StenoboxError, UndecodableAudio

LIMITS = AudioLimits(max_seconds=3600.0)
ROOT = Path(sandbox.__file__).parents[2]


def last_read(path: Path) -> int:
    return path.stat().st_atime_ns


async def test_processor_time_has_an_end(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.flac", np.zeros(12 * 3600 * 2_000, np.float32), 2_000)
    with pytest.raises(DecoderLimit, match="processor time"):
        await decode(source, tmp_path / "out", AudioLimits(max_seconds=1e6, cpu_seconds=1))


async def test_the_limits_on_resources_hold(tmp_path: Path) -> None:
    """What a taken-over decoder could use up, tried under the limits alone."""
    said = await inside(
        f"""
from stenobox.audio.confine import lower_limits
lower_limits(memory_bytes=300 << 20, cpu_seconds=5, file_bytes=1000)
def write():
    with open({str(tmp_path / "big")!r}, "wb", buffering=0) as file:
        if file.write(bytes(5000)) < 5000:
            raise OSError("short")
attempt("grow", lambda: bytearray(400 << 20))
attempt("write", write)
attempt("many", lambda: [os.open("/dev/null", os.O_RDONLY) for _ in range(50)])
said["core"] = resource.getrlimit(resource.RLIMIT_CORE)
said["processes"] = resource.getrlimit(resource.RLIMIT_NPROC)
"""
    )
    assert said["grow"] == "MemoryError"
    assert said["write"] == "OSError"
    assert said["many"] == "OSError"
    assert said["core"] == [0, 0]
    assert said["processes"] == [0, 0]


ATTEMPTS = """
attempt("still_works", lambda: os.write(1, b"") and None)
attempt("read_file", lambda: open("/etc/hostname").read())
attempt("write_file", lambda: open(PLACE + "/proof", "w"))
attempt("make_folder", lambda: os.mkdir(PLACE + "/folder"))
attempt("remove_file", lambda: os.unlink(PLACE + "/there"))
attempt("truncate_file", lambda: os.truncate(PLACE + "/there", 0))
attempt("list_folder", lambda: os.listdir("/"))
attempt("connect", lambda: socket.create_connection(("127.0.0.1", PORT), timeout=5))
"""
CALLS = """
attempt("socket", lambda: socket.socket(socket.AF_UNIX))
attempt("fork", os.fork)
attempt("program", lambda: os.execv("/bin/true", ["/bin/true"]))
attempt("signal", lambda: os.kill(os.getppid(), 0))
attempt("other_folder", lambda: os.chdir("/"))
attempt("executable_memory", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC))
attempt("look", lambda: os.stat("/etc/passwd"))
"""


async def test_each_wall_alone_keeps_a_taken_over_decoder_from_files(tmp_path: Path) -> None:
    """Tried under one wall at a time, so that neither hides a hole in the other."""
    there = tmp_path / "there"
    there.write_text("kept")
    for wall in ("seccomp", "landlock"):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            said = await inside(
                f"""
from stenobox.audio import {wall}
PLACE, PORT = {str(tmp_path)!r}, {server.getsockname()[1]}
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
said["up"] = {wall}.lock_down(libc)
{ATTEMPTS}
"""
            )
        assert said.pop("up") is True, f"{wall} is not to be had on this machine"
        assert said.pop("still_works") == "done"
        if wall == "landlock" and said["connect"] == "done":  # Linux before 6.7 does not guard ports
            assert landlock_version() < 4
            del said["connect"]
        if wall == "landlock" and said["truncate_file"] == "done":  # Linux before 6.2
            assert landlock_version() < 3
            del said["truncate_file"]
        else:
            assert there.read_text() == "kept"
        assert set(said.values()) == {"PermissionError"}, (wall, said)
        assert await asyncio.to_thread(os.listdir, tmp_path) == ["there"]


async def test_the_filter_refuses_every_other_call() -> None:
    said = await inside(
        f"""
from stenobox.audio import seccomp
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
seccomp.lock_down(libc)
{CALLS}
"""
    )
    assert set(said.values()) == {"PermissionError"}, said


def test_the_filter_does_not_let_calls_of_another_architecture_through() -> None:
    """The numbers mean other calls there (getpid's is mkdir's on 32-bit x86): the process is ended."""
    from stenobox.audio import seccomp

    for machine in seccomp._MACHINES.values():
        program = seccomp.program_for(machine)
        head = [struct.unpack("=HBBI", program[at : at + 8]) for at in range(0, 32, 8)]
        assert head[1] == (0x15, 1, 0, machine.audit)
        assert head[2] == (0x06, 0, 0, 0x80000000)
        last = struct.unpack("=HBBI", program[-8:])
        assert last == (0x06, 0, 0, 0x00050001)


async def test_the_child_is_confined_before_it_reads() -> None:
    said = await inside(
        """
from stenobox.audio.confine import confine
said["walls"] = confine(memory_bytes=300 << 20, cpu_seconds=5, file_bytes=1000, parent=os.getppid())
attempt("read_file", lambda: open("/etc/hostname"))
"""
    )
    assert {"seccomp", "landlock"} & set(said["walls"])
    assert said["read_file"] == "PermissionError"


async def test_a_recording_is_decoded_only_within_walls(tmp_path: Path, bait: Path) -> None:
    decoded = await decode(bait, tmp_path / "out", LIMITS)
    assert {"a seccomp filter", "Landlock"} & set(decoded.walls)


async def test_without_any_wall_nothing_is_read(
    tmp_path: Path, bait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real child on a machine that grants neither: played by a libc that refuses both."""
    boot = spawning._BOOT.replace(
        " runpy.run",
        " import stenobox.audio.seccomp as s, stenobox.audio.landlock as l;"
        " s.lock_down = l.lock_down = lambda libc: False;"
        " runpy.run",
    )
    monkeypatch.setattr(spawning, "_BOOT", boot)
    with pytest.raises(DecoderFailed, match="NotConfined"):
        await decode(bait, tmp_path / "out", LIMITS)
    assert not (tmp_path / "out").exists()


async def inside(body: str) -> dict[str, Any]:
    """Run `body` in a fresh process; what it put into `said`."""
    script = f"""
import sys; sys.path.append({str(ROOT)!r})
import ctypes, encodings.idna, json, mmap, os, socket, resource
said = {{}}
def attempt(name, action):
    try:
        action()
        said[name] = "done"
    except BaseException as error:
        said[name] = type(error).__name__
{body}
os.write(1, json.dumps(said).encode())
"""
    command = [sys.executable, "-I", "-c", script]
    result = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return dict(json.loads(result.stdout))


def landlock_version() -> int:
    import ctypes

    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


async def test_the_child_sees_none_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bait: Path
) -> None:
    """A variable that Python obeys would run its code in the child; `-I` and an empty environment forbid
    that.
    """
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "sitecustomize.py").write_text(f"open({str(tmp_path / 'proof')!r}, 'w')")
    (evil / "soundfile.py").write_text(f"open({str(tmp_path / 'proof')!r}, 'w')")
    monkeypatch.setenv("PYTHONPATH", str(evil))
    monkeypatch.chdir(evil)
    await decode(bait, tmp_path / "out", LIMITS)
    assert not (tmp_path / "proof").exists()


async def test_the_child_inherits_the_recording_its_output_and_the_pipe_and_nothing_else(
    tmp_path: Path, bait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by a child in place of ours, in the words of a fault; 0 to 2 are /dev/null."""
    boot = """
import sys, os, json
order = json.loads(sys.argv[-1])
null = os.stat("/dev/null").st_rdev
others = [fd for fd in range(256) if os.path.exists(f"/proc/self/fd/{fd}") and os.fstat(fd).st_rdev != null]
mine = sorted(others) == sorted([order["source"], order["out"], order["pipe"]])
answer = {"kind": "fault", "error": "Told", "where": "three" if mine else str(others)}
os.write(order["pipe"], json.dumps(answer).encode() + b"\\n")
"""
    monkeypatch.setattr(spawning, "_BOOT", boot)
    with (tmp_path / "database").open("wb") as secret:
        os.set_inheritable(secret.fileno(), True)
        with pytest.raises(DecoderFailed, match="Told at three"):
            await decode(bait, tmp_path / "out", LIMITS)


@pytest.mark.parametrize(
    "case",
    [
        (b"", 0, DecoderFailed),
        (b"", 1, DecoderFailed),
        (b"", -11, UndecodableAudio),
        (b"", -9, DecoderLimit),
        (b'{"kind":"done","samples":5,"warnings":[]}\n', -11, UndecodableAudio),
        (b'{"kind":"fault","error":"TypeError","where":"child.py:1"}\n', 0, DecoderFailed),
        (b"not json\n", 0, UndecodableAudio),
        (b'{"kind":"done","samples":"many","warnings":[]}\n', 0, UndecodableAudio),
        (b"x" * 100_000 + b"\n", 0, UndecodableAudio),
        (b'{"kind":"error","code":"undecodable","problem":"<script>"}\n', 0, UndecodableAudio),
        (b'{"kind":"error","code":"disk_full","problem":""}\n', 0, StenoboxError),
        (b'{"kind":"done","samples":9999,"warnings":[]}\n', 0, UndecodableAudio),
    ],
)
async def test_a_child_that_was_taken_over_cannot_say_more_than_the_protocol(
    tmp_path: Path,
    bait: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[bytes, int, type[StenoboxError]],
) -> None:
    """A real child process that says these words and ends like this."""
    words, status, expected = case
    ending = f"os.kill(os.getpid(), {-status})" if status < 0 else f"os._exit({status})"
    boot = f"""
import sys, os, json
order = json.loads(sys.argv[-1])
os.write(order["pipe"], {words!r})
{ending}
"""
    monkeypatch.setattr(spawning, "_BOOT", boot)
    out = tmp_path / "out"
    with pytest.raises(expected) as caught:
        await decode(bait, out, LIMITS)
    assert "<script>" not in caught.value.detail
    assert not out.exists()


async def test_a_child_whose_parent_dies_dies_too(tmp_path: Path) -> None:
    source = wav(tmp_path / "a.flac", np.zeros((4 * 600 * 48_000,), np.float32), 48_000)
    script = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import asyncio, os
from pathlib import Path
from stenobox.audio.decode import decode
from stenobox.audio.limits import AudioLimits
async def main():
    out = Path({str(tmp_path / "out")!r})
    task = asyncio.create_task(decode(Path({str(source)!r}), out, AudioLimits()))
    while not out.exists() or not out.stat().st_size:
        await asyncio.sleep(0.01)
    children = "".join(open(f"/proc/self/task/{{t}}/children").read() for t in os.listdir("/proc/self/task"))
    print(children, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    result = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, check=False
    )
    child = int(result.stdout.split()[0])
    for _ in range(500):
        if gone(child):
            return
        await asyncio.sleep(0.01)
    os.kill(child, 9)
    pytest.fail("the decoding child outlived its parent")


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
