"""The parent's side of the decoding child: give it the recording, listen, and judge its answer.

How it is started and ended is in `spawning.py` and `forkclient.py`. It is killed when the time is up or when
the task that waits for it is cancelled. Nothing that it says is believed further than its type: see
`protocol.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from stenobox.audio import protocol
from stenobox.audio.forkclient import ForkServerGone
from stenobox.audio.limits import AudioLimits
from stenobox.audio.protocol import Order
from stenobox.audio.spawning import Start, spawned
from stenobox.errors import (
    AudioTooLong,
    DecoderFailed,
    DecoderLimit,
    DiskFull,
    EmptyFile,
    NotAudio,
    StenoboxError,
    UndecodableAudio,
)
from stenobox.files import held
from stenobox.shielding import finish


class Info(msgspec.Struct, tag="info", tag_field="kind", forbid_unknown_fields=True):
    format: str
    codec: str
    duration: float | None
    sample_rate: int
    channels: int
    tracks: int = 1
    title: str | None = None
    recorded: str | None = None
    truncated: bool = False


class Progress(msgspec.Struct, tag="progress", tag_field="kind", forbid_unknown_fields=True):
    seconds: float


class Done(msgspec.Struct, tag="done", tag_field="kind", forbid_unknown_fields=True):
    samples: int
    warnings: list[str]
    channels: int = 1
    walls: list[str] = []


class Refusal(msgspec.Struct, tag="error", tag_field="kind", forbid_unknown_fields=True):
    code: str
    problem: str


class Fault(msgspec.Struct, tag="fault", tag_field="kind", forbid_unknown_fields=True):
    error: str
    where: str


Answer = Info | Progress | Done | Refusal | Fault
_DECODER = msgspec.json.Decoder(Answer)


async def ask_child(
    mode: str,
    source: Path,
    out: Path | None,
    limits: AudioLimits,
    on_progress: Callable[[float], None] | None = None,
    *,
    track: int = 0,
    channel: int = 0,
    start: Start = spawned,
) -> Info | Done:
    """Run one child over `source` and return its answer; `start` says how it is started.

    Raises EmptyFile, NotAudio, UndecodableAudio, AudioTooLong, DecoderLimit, DiskFull or DecoderFailed;
    FileNotFoundError and PermissionError come from opening `source`.
    """
    with contextlib.ExitStack() as descriptors:
        source_fd = await finish(asyncio.to_thread(held, descriptors, _open_recording, source))
        out_fd = -1
        if out is not None:
            out_fd = await finish(asyncio.to_thread(held, descriptors, _open_output, out))
        order = Order(
            mode=mode,
            source=source_fd,
            out=out_fd,
            pipe=-1,
            parent=-1,
            max_seconds=limits.max_seconds,
            memory_bytes=limits.memory_bytes,
            cpu_seconds=limits.cpu_seconds,
            track=track,
            channel=channel,
        )
        try:
            return await _asked(order, limits, on_progress, start)
        except ForkServerGone:
            os.lseek(source_fd, 0, os.SEEK_SET)
            return await _asked(order, limits, on_progress, spawned)


async def _asked(
    order: Order, limits: AudioLimits, on_progress: Callable[[float], None] | None, start: Start
) -> Info | Done:
    answer: Answer | None = None
    status = 0
    async with start(order) as (child, lines):
        try:
            async with asyncio.timeout(limits.wall_seconds):
                async for answer in _answers(lines):
                    if isinstance(answer, Progress) and on_progress is not None:
                        on_progress(answer.seconds)
                status = await child.wait()
        except TimeoutError:
            raise DecoderLimit(limit=f"{limits.wall_seconds:.0f} seconds") from None
    return _judge(answer, status, limits)


def _open_recording(path: Path) -> int:
    """A descriptor to read from. O_NONBLOCK, so that a pipe that somebody left there cannot hold us up."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotAudio
        if status.st_size == 0:
            raise EmptyFile
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_output(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull from error
        raise


async def _answers(lines: asyncio.StreamReader) -> AsyncIterator[Answer]:
    """What the child says, until it closes the pipe; a line that is none of ours means that it was taken
    over.
    """
    try:
        async for line in lines:
            yield _DECODER.decode(line)
    except (msgspec.MsgspecError, ValueError):
        raise UndecodableAudio(problem=protocol.PROBLEMS["crashed"]) from None


def _judge(answer: Answer | None, status: int, limits: AudioLimits) -> Info | Done:
    """The answer, or the error that the last words and the exit status amount to."""
    if status == 0 and isinstance(answer, Info | Done):
        return answer
    if status == 0 and isinstance(answer, Refusal):
        raise _refusal(answer, limits)
    if status == 0 and isinstance(answer, Fault):
        raise DecoderFailed(error=f"{answer.error[:40]} at {answer.where[:60]}")
    if status == -signal.SIGXCPU:
        raise DecoderLimit(limit=f"{limits.cpu_seconds} seconds of processor time")
    if status == -signal.SIGKILL:
        raise DecoderLimit(limit="memory or processor time")
    if status < 0:
        raise UndecodableAudio(problem=protocol.PROBLEMS["crashed"])
    raise DecoderFailed(error=f"exit status {status}")


def _refusal(answer: Refusal, limits: AudioLimits) -> StenoboxError:
    match answer.code:
        case protocol.NOT_AUDIO:
            return NotAudio()
        case protocol.TOO_LONG:
            return AudioTooLong(hours=f"{limits.max_seconds / 3600:g}")
        case protocol.LIMIT:
            return DecoderLimit(limit=f"{limits.memory_bytes >> 20} MiB of memory")
        case protocol.DISK_FULL:
            return DiskFull()
        case _:
            problem = protocol.PROBLEMS.get(answer.problem, protocol.PROBLEMS["damaged"])
            return UndecodableAudio(problem=problem)
