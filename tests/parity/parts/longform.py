"""Whole recordings: token ids, segments, times and text; greedy, beam, and each of the other options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from parity.answers import Transcript
from parity.comparing import Comparison, compare
from parity.explaining import explained
from parity.recordings import Recording
from parity.rows import Lines, Row
from parity.setup import Engines

__all__ = ["beams", "greedy", "options"]

_TIMES: Final = 1e-6  # seconds: the same up to the last digit of a sum
_VALUES: Final = 1e-4
# Sampling above temperature 0 draws other random numbers in every engine: it cannot be compared.
_FIXED: Final[Mapping[str, Any]] = MappingProxyType({"language": "en", "temperature": (0.0,)})

OPTIONS: Final[tuple[dict[str, Any], ...]] = (
    {"condition_on_previous_text": False},
    {"initial_prompt": "Maria, David and Thomas."},
    {"initial_prompt": "Maria, David and Thomas.", "carry_initial_prompt": True},
    {"prefix": "The"},
    {"without_timestamps": True},
    {"suppress_tokens": ""},
    {"suppress_tokens": "-1,440,13", "suppress_blank": False},
    {"max_initial_timestamp": None},
    {"no_speech_threshold": None},
    {"no_speech_threshold": 0.1, "logprob_threshold": None},
    {"sample_len": 20},
    {"task": "translate"},
    {"language": None},
    {"clip_timestamps": "5,31.5,40,41,60"},
    {"beam_size": 5, "patience": 2.0},
    {"beam_size": 3, "length_penalty": 0.6},
    {"beam_size": 5, "prefix": "The", "condition_on_previous_text": False},
    {"word_timestamps": True, "hallucination_silence_threshold": 1.0},
    {"word_timestamps": True, "hallucination_silence_threshold": 1.0, "clip_timestamps": "3,50,70"},
    {"word_timestamps": True, "prepend_punctuations": "", "append_punctuations": ""},
)


def greedy(engines: Engines) -> Iterator[Row]:
    """The long recordings, greedy."""
    yield from _long(engines, "long greedy", {})


def beams(engines: Engines) -> Iterator[Row]:
    """The long recordings with five beams."""
    yield from _long(engines, "long beam 5", {"beam_size": 5})


def options(engines: Engines) -> Iterator[Row]:
    """Two minutes of speech with each of the other options."""
    if not engines.case.trained:
        return
    recording = engines.setup.medium
    lines = Lines("options", engines.case.name, "openai-whisper")
    for chosen in OPTIONS:
        named = ", ".join(f"{name}={value!r}" for name, value in chosen.items())

        def rows(chosen: dict[str, Any] = chosen, named: str = named) -> list[Row]:
            given = {**_FIXED, **chosen}
            theirs = engines.openai_transcript(recording, **given)
            ours = engines.ours.transcribe(recording.audio, **given)
            found = compare(ours, theirs)
            held = _identical(found) and bool(theirs.segments) and _words_held(ours, theirs)
            return [
                lines.promised(
                    named,
                    promise="identical",
                    measured=_in_short(found),
                    held=held,
                    details=() if held else _details(engines, recording, found),
                )
            ]

        yield from lines.attempt(named, rows)


def _words_held(ours: Transcript, theirs: Transcript) -> bool:
    """The same words, none further than the 0.02 s that the words' part promises."""
    if [word.word for word in ours.words] != [word.word for word in theirs.words]:
        return False
    pairs = zip(ours.words, theirs.words, strict=True)
    return all(max(abs(a.start - b.start), abs(a.end - b.end)) <= 0.02 + _TIMES for a, b in pairs)


def _long(engines: Engines, part: str, search: dict[str, Any]) -> Iterator[Row]:
    if not engines.case.trained:
        return
    reference = Lines(part, engines.case.name, "openai-whisper")
    peer = Lines(part, engines.case.name, "faster-whisper")
    for recording in engines.setup.long:

        def rows(recording: Recording = recording) -> list[Row]:
            ours = engines.ours.transcribe(recording.audio, **_FIXED, **search)
            theirs = engines.openai_transcript(recording, **_FIXED, **search)
            # faster-whisper searches with five beams unless told otherwise.
            faster = engines.faster_transcript(recording, **_FIXED, **({"beam_size": 1} | search))
            return [
                *_compared(engines, reference, recording, (ours, theirs)),
                *_compared(engines, peer, recording, (ours, faster)),
            ]

        yield from reference.attempt(recording.name, rows)


def _compared(
    engines: Engines, lines: Lines, recording: Recording, pair: tuple[Transcript, Transcript]
) -> Iterator[Row]:
    """The rows of (ours, theirs)."""
    found = compare(*pair)
    length = f"{recording.seconds / 60:g} min, {recording.name.split('-')[0]}"
    yield lines.promised(
        f"ids, segments and text of {length}",
        promise="identical",
        measured=_in_short(found),
        held=found.same_tokens and found.text_equal and bool(found.segments),
        details=() if found.same_tokens else _details(engines, recording, found),
    )
    yield lines.bounded(f"segment times of {length}", found.furthest_time, bound=_TIMES, unit="s")
    yield lines.bounded(f"mean log probabilities of {length}", found.furthest_logprob, bound=_VALUES)
    yield lines.bounded(f"no-speech probabilities of {length}", found.furthest_no_speech, bound=_VALUES)


def _identical(found: Comparison) -> bool:
    return found.same_tokens and found.text_equal and found.furthest_time <= _TIMES


def _in_short(found: Comparison) -> str:
    text = "" if found.text_equal else ", text differs"
    return f"{found.equal} of {found.segments} segments, {found.tokens} tokens{text}"


def _details(engines: Engines, recording: Recording, found: Comparison) -> tuple[str, ...]:
    first = [str(difference) for difference in found.differences[:3]]
    return (*first, *explained(engines, recording, found.differences[:1]))
