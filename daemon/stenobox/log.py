"""Structured logs on stderr: JSON lines for machines, or one readable line each for people.

Logs never hold transcripts, tokens, passwords or file names. Three rules keep that:

- Our own lines are an event name and fields: `log.info("job_done", seconds=3.2)`. What goes into fields is
  chosen by the caller, one by one.
- Of an exception its type, its code and where it happened are logged, never its message: an OSError's holds a
  path, a decoder's holds bytes of the file.
- A line of a library appears as its unformatted template, first line only: `"Error handling request from
%s"`.
  Libraries are heard from WARNING on; at DEBUG aiosqlite would log every statement with its parameters.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Literal, TextIO

import msgspec

from stenobox.errors import StenoboxError

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
job_id: ContextVar[str | None] = ContextVar("job_id", default=None)

OWN = ("stenobox", "whisper_onnx")
"""Loggers that follow the level of the settings."""

LONGEST_TEMPLATE = 200
_FIELDS = "stenobox_fields"


class EventLogger:
    """Writes events with fields. Values should be numbers, codes and ids; anything else shows only its
    type.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, **fields: object) -> None:
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, error: BaseException, **fields: object) -> None:
        """An error with the type, code and place of `error` and of its causes."""
        self._write(logging.ERROR, event, fields, error)

    def _write(
        self, level: int, event: str, fields: dict[str, object], error: BaseException | None = None
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, exc_info=error, extra={_FIELDS: fields})


def get_logger(name: str) -> EventLogger:
    """The logger of a module: `log = get_logger(__name__)`."""
    return EventLogger(logging.getLogger(name))


@contextlib.contextmanager
def bound(*, request: str | None = None, job: str | None = None) -> Iterator[None]:
    """Put ids on every line that is logged inside the block, and in tasks that it starts."""
    tokens = [
        (variable, variable.set(value)) for variable, value in ((request_id, request), (job_id, job)) if value
    ]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


def configure(level: str, format: Literal["json", "text"]) -> None:
    """Send all logs of the process to stderr in this format. May be called again; the last call holds."""
    handler = QuietHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, JsonFormatter | TextFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OWN:
        logging.getLogger(name).setLevel(level.upper())
    # aiohttp's own access lines hold the raw path and query; the middleware logs the route instead.
    logging.getLogger("aiohttp.access").setLevel(logging.CRITICAL + 1)


def describe(record: logging.LogRecord) -> dict[str, Any]:
    """A record as a flat object: time, level, logger, event, ids, fields, error."""
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    entry: dict[str, Any] = {
        "time": moment.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": str(record.msg).split("\n", 1)[0][:LONGEST_TEMPLATE],
    }
    if request_id.get():
        entry["request_id"] = request_id.get()
    if job_id.get():
        entry["job_id"] = job_id.get()
    for name, value in getattr(record, _FIELDS, {}).items():
        entry.setdefault(name, _plain(value))
    if record.exc_info and record.exc_info[1] is not None:
        entry["error"] = [_error(error) for error in _chain(record.exc_info[1])]
    return entry


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return f"<{type(value).__name__}>"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then what caused it, then what that was caused by; the members of a group follow the
    group.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            waiting.extend(current.exceptions)
        waiting.append(current.__cause__ or (None if current.__suppress_context__ else current.__context__))


def _error(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    entry: dict[str, Any] = {"type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")}
    if isinstance(error, StenoboxError):
        entry["code"] = error.code
    if isinstance(error, OSError) and error.errno is not None:
        entry["errno"] = error.errno
    entry["where"] = [
        f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return entry


class QuietHandler(logging.StreamHandler[TextIO]):
    """Writes lines; one that cannot be written is lost, since logging's own report would print its values."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        del record


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        return msgspec.json.encode(describe(record)).decode()


class TextFormatter(logging.Formatter):
    """`TIME LEVEL logger event key=value ...`, and an indented line for each exception."""

    def format(self, record: logging.LogRecord) -> str:
        entry = describe(record)
        head = (
            f"{entry.pop('time')} {entry.pop('level').upper():7} {entry.pop('logger')} {entry.pop('event')}"
        )
        errors = entry.pop("error", [])
        fields = "".join(f" {name}={value}" for name, value in entry.items())
        lines = [
            f"\n    {error['type']} at {' < '.join(reversed(error['where'])) or 'no frame'}"
            for error in errors
        ]
        return "".join([head, fields, *lines])
