"""The JSON of OpenAI's audio API, of answers and refusals."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stenobox.web.answers import Said


class Usage(Said):
    """What was transcribed."""

    type: Literal["duration"]
    seconds: Annotated[float, Meta(ge=0)]


class Text(Said):
    """`response_format=json`."""

    text: str
    usage: Usage


class VerboseSegment(Said):
    """A line, with what the model thought of it."""

    id: int
    seek: Annotated[int, Meta(description="First hundredth of a second of its window")]
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class VerboseWord(Said):
    """A word and its times."""

    word: str
    start: float
    end: float


class Verbose(Said, omit_defaults=True):
    """`response_format=verbose_json`."""

    task: Literal["transcribe", "translate"]
    language: Annotated[str, Meta(description="Its English name, in lower case")]
    duration: float
    text: str
    usage: Usage
    segments: list[VerboseSegment] | msgspec.UnsetType = msgspec.UNSET
    words: list[VerboseWord] | msgspec.UnsetType = msgspec.UNSET


class DiarizedSegment(Said):
    """A line, with who said it: each channel of the recording is a speaker."""

    id: str
    type: Literal["transcript.text.segment"]
    start: float
    end: float
    speaker: str
    text: str


class Diarized(Said):
    """`response_format=diarized_json`."""

    task: Literal["transcribe"]
    duration: float
    text: str
    segments: list[DiarizedSegment]
    usage: Usage


class TextDelta(Said, omit_defaults=True):
    """An event of a stream: text that follows what was sent before."""

    type: Literal["transcript.text.delta"]
    delta: str
    segment_id: str | msgspec.UnsetType = msgspec.UNSET


class TextDone(Said):
    """The last event of a stream: all of the text."""

    type: Literal["transcript.text.done"]
    text: str
    usage: Usage


class TheirModel(Said):
    """A model that a request may name."""

    id: str
    object: Literal["model"]
    created: Annotated[int, Meta(description="Unix seconds")]
    owned_by: str


class TheirModels(Said):
    """Every model."""

    object: Literal["list"]
    data: list[TheirModel]


class TheirError(Said):
    """Why it was refused."""

    message: Annotated[str, Meta(description="A sentence for people")]
    type: Literal["invalid_request_error", "rate_limit_error", "server_error"]
    param: Annotated[str | None, Meta(description="The field that is at fault")]
    code: Annotated[str, Meta(description="Stable, for scripts")]


class TheirProblem(Said):
    """A refusal in OpenAI's form."""

    error: TheirError
