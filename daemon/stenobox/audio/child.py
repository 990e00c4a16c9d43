"""The decoding child: one recording in through a descriptor, float32 samples out through another, words over
a pipe.

Started by `spawning.py` as a program, or forked by `forkserver.py`; it is given no path, no environment and
no privilege. Exit status 0 means that the last line on the pipe is the answer, whichever it is.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
import time
from dataclasses import asdict

from stenobox.audio import protocol
from stenobox.audio.confine import confine
from stenobox.audio.peaks import PeakMeter
from stenobox.audio.protocol import Order
from stenobox.audio.readers import (
    CUT_SECONDS,
    FFmpegReader,
    SoundFileReader,
    Unreadable,
    looks_like_media,
    read_head,
)
from stenobox.audio.resample import Resampler, Samples, to_mono
from stenobox.audio.tags import Tags

PROGRESS_SECONDS = 0.25
# Modules that PyAV loads at their first use, which is too late: no file can be opened then.
LOADED_LATE = ("av.subtitles.codeccontext", "av.subtitles.stream", "logging")
SLACK_BYTES = 8 << 20  # over the length limit, so that it is the length that is noticed first

Reader = SoundFileReader | FFmpegReader
Kind = type[SoundFileReader] | type[FFmpegReader]


class Refused(Exception):
    """The answer to the parent is an error."""

    def __init__(self, code: str, problem: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.problem = problem


def main(argv: list[str]) -> int:
    load()
    work(Order(**json.loads(argv[0])))
    return 0


def load() -> None:
    """Import what is needed later, when no file can be opened."""
    for module in LOADED_LATE:
        importlib.import_module(module)


def work(order: Order) -> None:
    """Confine this process for good, carry the order out and say the answer."""
    try:
        walls = confine(
            memory_bytes=order.memory_bytes,
            cpu_seconds=order.cpu_seconds,
            file_bytes=int(order.max_seconds * protocol.BYTES_PER_SECOND) + SLACK_BYTES,
            parent=order.parent,
        )
        answer = _work(order)
        if answer["kind"] == "done":
            answer["walls"] = walls
    except Refused as refusal:
        answer = {"kind": "error", "code": refusal.code, "problem": refusal.problem}
    except MemoryError:
        answer = {"kind": "error", "code": protocol.LIMIT, "problem": ""}
    except Exception as error:
        answer = {"kind": "fault", "error": type(error).__name__, "where": _place(error)}
    _say(order, answer)


def _place(error: BaseException) -> str:
    """Where it was raised: a message could quote the recording, and `traceback` would read source files."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return "nowhere"
    return f"{os.path.basename(last.tb_frame.f_code.co_filename)}:{last.tb_lineno}"  # noqa: PTH119


def _work(order: Order) -> dict[str, object]:
    """Try the readers in turn until one gives all of the sound; else the one that gave most has the word.

    libsndfile stops at damage that FFmpeg steps over, and knows some files that FFmpeg does not. Raises
    Refused with the reason of the last reader when none gave any.
    """
    head = read_head(order.source)
    problem = "damaged"
    best: tuple[int, Kind, dict[str, object]] | None = None
    latest: Kind | None = None
    announced = 0.0
    kinds: tuple[Kind, ...] = (FFmpegReader,)
    if SoundFileReader.recognises(head):
        kinds = (SoundFileReader, FFmpegReader)
    for kind in kinds:
        try:
            reader = kind(order.source, head, order.track)
        except Unreadable as error:
            problem = error.problem
            continue
        if order.mode == "probe":
            answer = _probe(order, reader, head)
        else:
            latest = kind
            answer = _decode(order, reader, announced)
            announced = announced or reader.header.duration or 0.0
        if answer is None:
            problem = "no_sound"
        elif not answer.get("warnings"):
            return answer
        elif best is None or _samples(answer) > best[0]:
            best = (_samples(answer), kind, answer)
    if best is None:
        raise Refused(protocol.UNDECODABLE if looks_like_media(head) else protocol.NOT_AUDIO, problem)
    if latest is not best[1]:  # the output holds what the other reader gave
        return _decode(order, best[1](order.source, head, order.track), announced) or best[2]
    return best[2]


def _samples(answer: dict[str, object]) -> int:
    count = answer["samples"]
    return count if isinstance(count, int) else 0


def _probe(order: Order, reader: Reader, head: bytes) -> dict[str, object] | None:
    """Read the header and the tags, and prove them by decoding one block; None when that gives nothing."""
    try:
        block = next(reader.blocks(), None)
    except Unreadable:
        return None
    if block is None:
        return None
    header = reader.header
    if header.duration is not None and header.duration > order.max_seconds:
        raise Refused(protocol.TOO_LONG)
    return {
        "kind": "info",
        **asdict(header),
        "sample_rate": block.rate,
        "channels": block.samples.shape[1],
        **asdict(_tags(order, reader, head)),
        "truncated": reader.truncated,
    }


def _tags(order: Order, reader: Reader, head: bytes) -> Tags:
    """The tags as FFmpeg reads them, whoever reads the sound; none where it cannot."""
    try:
        if isinstance(reader, SoundFileReader):
            reader = FFmpegReader(order.source, head)
        return reader.tags()
    except Exception:
        return Tags()  # the sound is what counts


def _decode(order: Order, reader: Reader, announced: float) -> dict[str, object] | None:
    """Stream the recording to the output; None when this reader finds no sound in it.

    `announced`: seconds that an earlier reader found in the header, 0 for none.
    """
    os.ftruncate(order.out, 0)
    os.lseek(order.out, 0, os.SEEK_SET)
    resampler = Resampler()
    most = int(order.max_seconds * protocol.SAMPLE_RATE)
    sink = PeakSink(order.out) if order.mode == "peaks" else SampleSink(order.out)
    heard = bad = written = channels = 0
    told = time.monotonic()
    damaged = False
    blocks = reader.blocks()
    while True:
        try:
            block = next(blocks, None)
        except Unreadable as error:
            if not written:
                raise Refused(protocol.UNDECODABLE, error.problem) from error
            damaged = True
            block = None
        if block is None:
            break
        channels = max(channels, block.samples.shape[1])
        if order.channel and channels > protocol.MAX_CHANNELS:
            raise Refused(protocol.UNDECODABLE, "too_many_channels")
        mono, bad_here = to_mono(block.samples, order.channel)
        heard += mono.size if order.channel else block.samples.size
        bad += bad_here
        for samples in resampler.push(mono, block.rate):
            written += sink.push(samples)
        if written > most:
            raise Refused(protocol.TOO_LONG)
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            _say(order, {"kind": "progress", "seconds": written / protocol.SAMPLE_RATE})
    for samples in resampler.flush():
        written += sink.push(samples)
    if written == 0:
        return None
    sink.end()
    if bad == heard:
        raise Refused(protocol.UNDECODABLE, "not_finite")
    found = {
        "truncated": reader.truncated or written / protocol.SAMPLE_RATE < announced - CUT_SECONDS,
        "damaged_parts": damaged or reader.damaged,
        "not_finite": bad > 0,
    }
    return {
        "kind": "done",
        "samples": written,
        "channels": channels,
        "warnings": [key for key, here in found.items() if here],
    }


class SampleSink:
    """The samples themselves, as they come."""

    def __init__(self, out: int) -> None:
        self._out = out

    def push(self, samples: Samples) -> int:
        """Append samples to the output; returns how many."""
        _write(self._out, samples.tobytes())
        return len(samples)

    def end(self) -> None:
        """All are written."""


class PeakSink:
    """Their waveform, once all have come."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._meter = PeakMeter()

    def push(self, samples: Samples) -> int:
        self._meter.push(samples)
        return len(samples)

    def end(self) -> None:
        _write(self._out, self._meter.finish())


def _write(out: int, content: bytes) -> None:
    data = memoryview(content)
    while data:
        try:
            data = data[os.write(out, data) :]
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise Refused(protocol.TOO_LONG) from error
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Refused(protocol.DISK_FULL) from error
            raise


def _say(order: Order, message: dict[str, object]) -> None:
    # A line is far below PIPE_BUF, so it is written whole.
    os.write(order.pipe, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
