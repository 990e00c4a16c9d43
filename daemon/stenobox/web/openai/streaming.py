"""An answer as server-sent events, in the form that OpenAI's clients read: JSON in `data:` lines, `[DONE]` at
the end.

Only text that is final is sent: their clients append what comes, and nothing can be taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec
from aiohttp import web

from stenobox.types import Transcript
from stenobox.web.answers import Said
from stenobox.web.openai import shapes
from stenobox.web.openai.rendering import segment_id, speaker, usage
from stenobox.web.streams import STALLED_S, event_stream


class Stream:
    """`begin` it, then `heard` as often as something was heard, then `done` or `fail`. All raise
    ConnectionResetError or TimeoutError when the reader is gone.
    """

    def __init__(self, response: web.StreamResponse, *, speakers: bool) -> None:
        self.response = response
        self._speakers = speakers
        self._sent = ""
        self._next = 0  # of the segments: an attempt that begins anew tells what is known already

    @classmethod
    async def begin(cls, request: web.Request, *, speakers: bool) -> Self:
        """Send the headers. `speakers`: each line is an event of its own as well, with who said it."""
        response = event_stream()
        await response.prepare(request)
        return cls(response, speakers=speakers)

    async def beat(self) -> None:
        """A sign of life, so that nobody on the way takes the connection for dead."""
        await self._write(b": waiting\n\n")

    async def heard(self, lines: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> None:
        """Lines as pages see them while a job runs, and their text as the model wrote it."""
        for line, text in zip(lines, texts, strict=True):
            if line["id"] < self._next:
                continue
            self._next = line["id"] + 1
            if self._speakers:
                await self._tell(
                    shapes.DiarizedSegment(
                        segment_id(line["id"]),
                        "transcript.text.segment",
                        line["start"],
                        line["end"],
                        speaker(line["channel"]),
                        line["text"],
                    )
                )
            await self._more(text, line["id"])

    async def done(self, transcript: Transcript) -> None:
        """What was missed on the way, then all of it."""
        if transcript.text.startswith(self._sent) and not self._speakers:
            await self._more(transcript.text[len(self._sent) :])
        await self._tell(shapes.TextDone("transcript.text.done", transcript.text, usage(transcript)))
        await self._end()

    async def fail(self, error: shapes.TheirError) -> None:
        """In place of `done`: their clients raise it."""
        await self._tell(shapes.TheirProblem(error))
        await self._end()

    async def _more(self, text: str, line: int | None = None) -> None:
        """Channels are heard one after the other, so that their texts are put apart by a blank."""
        delta = text if self._sent else text.lstrip()
        if self._speakers:
            delta = f" {text.strip()}" if self._sent and text.strip() else text.strip()
        if not delta:
            return
        self._sent += delta
        of_line = msgspec.UNSET if line is None or not self._speakers else segment_id(line)
        await self._tell(shapes.TextDelta("transcript.text.delta", delta, of_line))

    async def _tell(self, event: Said) -> None:
        await self._write(b"data: %s\n\n" % msgspec.json.encode(event))

    async def _end(self) -> None:
        await self._write(b"data: [DONE]\n\n")

    async def _write(self, frame: bytes) -> None:
        await asyncio.wait_for(self.response.write(frame), STALLED_S)
