"""Drives the long-form algorithm without a model: results are made up, requests remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from whisper_onnx.alignment import WordTiming
from whisper_onnx.dims import Dims
from whisper_onnx.longform import AlignRequest, LongformState, Transcription, WindowRequest, windows
from whisper_onnx.options import TranscribeOptions
from whisper_onnx.search import WindowResult
from whisper_onnx.tokenizer import Tokenizer

DIMS = Dims(80, 1500, 128, 4, 1, 51865, 448, 128, 4, 1)
TOKENIZER = Tokenizer(True, 99, "en")
OPTIONS = TranscribeOptions(language="en")
ONE, TWO, THREE = (TOKENIZER.encode(word) for word in (" One.", " Two.", " Three."))


def at(seconds: float) -> int:
    """The timestamp token of a time within the window."""
    return TOKENIZER.timestamp_begin + round(seconds * 50)


def result(tokens: Iterable[int], **changes: Any) -> WindowResult:
    tokens = tuple(tokens)
    text = TOKENIZER.decode(tokens).strip()
    return replace(WindowResult(tokens, text, -0.2, 0.01, 1.1, 0.0, "en"), **changes)


def timings(request: AlignRequest) -> list[WordTiming]:
    """Times that look like speech but for every token of an odd number: long and improbable."""
    words, groups = TOKENIZER.split_to_word_tokens([*request.text_tokens, TOKENIZER.eot])
    found, clock = [], 0.0
    for word, group in zip(words[:-1], groups[:-1], strict=True):
        odd = group[0] % 2 == 1
        end = min(clock + (2.5 if odd else 0.3), request.size / 100)
        found.append(WordTiming(word, group, clock, end, 0.1 if odd else 0.9))
        clock = min(end + 0.02 * (group[0] % 80), request.size / 100)
    return found


Align = Callable[[AlignRequest], list[WordTiming]]


class Run:
    """Sends results to the generator and remembers what it asked for."""

    def __init__(
        self,
        frames: int,
        options: TranscribeOptions = OPTIONS,
        state: LongformState | None = None,
        *,
        align: Align = timings,
    ) -> None:
        self.state = state or LongformState.start(TOKENIZER, options, "en")
        self.requests: list[WindowRequest] = []
        self._align = align
        self.aligned: list[AlignRequest] = []
        self.transcription: Transcription | None = None
        self._course = windows(
            self.state,
            tokenizer=TOKENIZER,
            options=options,
            dims=DIMS,
            content_frames=frames,
            duration=frames / 100,
        )
        self._take(lambda: next(self._course))

    def _take(self, advance: Callable[[], WindowRequest | AlignRequest]) -> None:
        try:
            request = advance()
            while isinstance(request, AlignRequest):
                self.aligned.append(request)
                request = self._course.send(self._align(request))
            self.requests.append(request)
        except StopIteration as stop:
            self.transcription = stop.value

    def send(self, *results: WindowResult) -> Run:
        for item in results:
            self._take(lambda item=item: self._course.send(item))  # type: ignore[misc]
        return self

    @property
    def seeks(self) -> list[int]:
        return [request.seek for request in self.requests]

    @property
    def spans(self) -> list[tuple[float, float, str]]:
        return [(round(s.start, 6), round(s.end, 6), s.text) for s in self.state.segments]
