"""Transcripts in the shapes of OpenAI's API."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Final

import msgspec

from stenobox.exports import render as export
from stenobox.types import Segment, Transcript
from stenobox.web.answers import Said
from stenobox.web.openai import shapes
from stenobox.web.openai.fields import Wish
from whisper_onnx.dims import LANGUAGES

JSON: Final = "application/json"
TEXT: Final = "text/plain"


def body_of(transcript: Transcript, wish: Wish, task: str) -> tuple[bytes, str]:
    """The body and its media type. Blocks for long transcripts."""
    if wish.response_format in ("srt", "vtt"):
        return export(transcript, wish.response_format).content, TEXT
    if wish.response_format == "text":
        return f"{transcript.text}\n".encode(), TEXT
    shapers: dict[str, Callable[[], Said]] = {
        "json": lambda: shapes.Text(transcript.text, usage(transcript)),
        "verbose_json": lambda: _verbose(transcript, wish, task),
        "diarized_json": lambda: _diarized(transcript),
    }
    return msgspec.json.encode(shapers[wish.response_format]()), JSON


def usage(transcript: Transcript) -> shapes.Usage:
    return shapes.Usage("duration", round(transcript.duration, 3))


def speaker(channel: int | None) -> str:
    """A letter for each channel, as their service has for each voice; "A" where channels are mixed."""
    letters = string.ascii_uppercase
    number = channel or 0
    return letters[number] if number < len(letters) else f"S{number + 1}"


def segment_id(number: int) -> str:
    return f"seg_{number}"


def diarized_segment(segment: Segment) -> shapes.DiarizedSegment:
    return shapes.DiarizedSegment(
        segment_id(segment.id),
        "transcript.text.segment",
        segment.start,
        segment.end,
        speaker(segment.channel),
        segment.text,
    )


def _verbose(transcript: Transcript, wish: Wish, task: str) -> shapes.Verbose:
    translated = task == "translate"
    found = shapes.Verbose(
        task="translate" if translated else "transcribe",
        language="english" if translated else LANGUAGES.get(transcript.language, transcript.language),
        duration=transcript.duration,
        text=transcript.text,
        usage=usage(transcript),
    )
    if "segment" in wish.granularities:
        found.segments = [
            shapes.VerboseSegment(
                id=s.id,
                seek=s.seek,
                start=s.start,
                end=s.end,
                text=s.text,
                tokens=list(s.tokens),
                temperature=s.temperature,
                avg_logprob=s.avg_logprob,
                compression_ratio=s.compression_ratio,
                no_speech_prob=s.no_speech_prob,
            )
            for s in transcript.segments
        ]
    if "word" in wish.granularities:
        found.words = [
            shapes.VerboseWord(word.word.strip(), word.start, word.end)
            for segment in transcript.segments
            for word in segment.words or ()
        ]
    return found


def _diarized(transcript: Transcript) -> shapes.Diarized:
    return shapes.Diarized(
        task="transcribe",
        duration=transcript.duration,
        text=transcript.text,
        segments=[diarized_segment(segment) for segment in transcript.segments],
        usage=usage(transcript),
    )
