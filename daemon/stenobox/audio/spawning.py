"""Starts a decoding child as a program of its own, and ends it whatever happens.

It gets three descriptors (the recording, the output, the pipe), an empty environment, its own session, and
`/` as working folder. It costs an interpreter's start and the imports, 0.15 s of a core: see `forkclient.py`
for what costs less.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

from stenobox.audio.protocol import Order
from stenobox.shielding import finish

__all__ = ["Child", "Start", "said_by", "spawned", "started"]

_MAX_LINE = 16_384  # bytes; the longest honest line is a few hundred
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    # One thread: the machine's cores belong to the speech engine, and a process limit of 0 allows no more.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
# `-I` keeps the environment and the working folder out of the import path; the folder that holds the package
# is added at the end of it, where it cannot hide a module of Python's own. In an installed product it is
# there already.
_BOOT = (
    "import sys, runpy; sys.path.append(sys.argv.pop(1));"
    " runpy.run_module('stenobox.audio.' + sys.argv.pop(1), run_name='__main__')"
)
_SOURCE_ROOT = str(Path(__file__).resolve().parents[2])


class Child(Protocol):
    """A process that decodes."""

    async def wait(self) -> int:
        """Its exit status once it has ended, negative for the signal that ended it."""
        ...


Start = Callable[[Order], AbstractAsyncContextManager[tuple[Child, asyncio.StreamReader]]]
"""Starts a child for an order, whose `pipe` and `parent` it fills in. Yields it and the lines that it says;
when the block is left, it is gone.
"""


@contextlib.asynccontextmanager
async def spawned(order: Order) -> AsyncIterator[tuple[Child, asyncio.StreamReader]]:
    """A `Start`: a new program."""
    async with said_by() as (write_end, lines):
        order = replace(order, pipe=write_end, parent=os.getpid())
        given = tuple(fd for fd in (order.source, order.out, order.pipe) if fd >= 0)
        try:
            process = await started("child", json.dumps(asdict(order)), pass_fds=given)
        finally:
            os.close(write_end)
        try:
            yield process, lines
        finally:
            await _ended(process)


@contextlib.asynccontextmanager
async def said_by() -> AsyncIterator[tuple[int, asyncio.StreamReader]]:
    """A pipe: the end to write to, which the block has to close, and the lines that come out of it."""
    loop = asyncio.get_running_loop()
    read_end, write_end = os.pipe()
    pipe = os.fdopen(read_end, "rb", buffering=0)
    reader = asyncio.StreamReader(limit=_MAX_LINE)
    try:
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    except BaseException:
        pipe.close()
        os.close(write_end)
        raise
    try:
        yield write_end, reader
    finally:
        transport.close()


async def started(module: str, argument: str, *, pass_fds: tuple[int, ...]) -> asyncio.subprocess.Process:
    """`python` with a module of this package and one argument; a cancellation while it starts leaves none
    behind.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _BOOT, _SOURCE_ROOT, module, argument),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=pass_fds,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        while not starting.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([starting])
        if starting.exception() is None:
            await _ended(starting.result())
        raise


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Wait for its end; with all its kin it is killed if it has not come yet."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await finish(process.wait())
