"""Transcription of a recording of any length by windows: openai-whisper's `transcribe` as a generator.

`windows` yields a `WindowRequest`, is sent that window's `WindowResult`, and ends with the `Transcription`.
It reads no audio and runs no model, so one driver can interleave many recordings. All it knows between two
windows is in the `LongformState` it is given, which turns into plain JSON and back: a recording interrupted
after any window goes on from there and ends with the same transcription.

Differences to openai-whisper: segments without text or length are left out (it keeps them, emptied), and a
window that would not move on is skipped over (it would decode the same window for ever).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from .dims import HOP_LENGTH, N_FRAMES, SAMPLE_RATE, Dims
from .errors import OptionsError
from .options import TranscribeOptions
from .search import WindowResult, prompt_limit
from .tokenizer import Tokenizer

STATE_VERSION: Final = 1
_RESET_TEMPERATURE: Final = 0.5  # a text sampled above this is no prompt for the next window


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech between two timestamps; times in seconds from the recording's start.

    `text` keeps its leading space, `tokens` their timestamps; `seek` is the first frame (10 ms) of the window
    it was heard in, and the last four values are that window's (see `WindowResult`).
    """

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        values = {name: getattr(self, name) for name in Segment.__slots__}
        return values | {"tokens": list(self.tokens)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reverse of `to_dict`."""
        return cls(**(dict(values) | {"tokens": tuple(values["tokens"])}))


@dataclass(frozen=True, slots=True)
class Transcription:
    """The transcript of one recording; `duration` in seconds, `language` as a code."""

    language: str
    text: str
    segments: tuple[Segment, ...]
    duration: float


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """A window to decode: frames `seek` to `seek + size`, after the text whose tokens are `prompt_tokens`."""

    seek: int
    size: int
    prompt_tokens: tuple[int, ...]


@dataclass(slots=True)
class LongformState:
    """Where a recording's transcription stands between two windows.

    `seek` is the next window's first frame; `all_tokens` are those of the initial prompt and of all segments,
    and the next prompt begins at index `prompt_reset_since` of them.
    """

    language: str
    seek: int = 0
    initial_prompt_tokens: tuple[int, ...] = ()
    all_tokens: list[int] = field(default_factory=list)
    prompt_reset_since: int = 0
    segments: list[Segment] = field(default_factory=list)

    @classmethod
    def start(cls, tokenizer: Tokenizer, options: TranscribeOptions, language: str) -> Self:
        """State before the first window. OptionsError if the initial prompt spells a special token."""
        prompt: tuple[int, ...] = ()
        if options.initial_prompt is not None:
            try:
                prompt = tuple(tokenizer.encode(" " + options.initial_prompt.strip()))
            except ValueError as error:
                raise OptionsError("initial_prompt", str(error)) from None
        return cls(language=language, initial_prompt_tokens=prompt, all_tokens=list(prompt))

    def to_dict(self) -> dict[str, Any]:
        """The state as plain JSON values, independent of later changes."""
        return {
            "version": STATE_VERSION,
            "language": self.language,
            "seek": self.seek,
            "initial_prompt_tokens": list(self.initial_prompt_tokens),
            "prompt_reset_since": self.prompt_reset_since,
            "segments": [segment.to_dict() for segment in self.segments],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reverse of `to_dict`. Raises OptionsError("resume") for anything that it did not write."""
        try:
            if values["version"] != STATE_VERSION:
                raise OptionsError("resume", f"written by another version ({values['version']!r})")
            state = cls(
                language=str(values["language"]),
                seek=int(values["seek"]),
                initial_prompt_tokens=tuple(map(int, values["initial_prompt_tokens"])),
                prompt_reset_since=int(values["prompt_reset_since"]),
                segments=[Segment.from_dict(segment) for segment in values["segments"]],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise OptionsError("resume", f"not a saved state: {type(error).__name__}") from error
        state.all_tokens = [*state.initial_prompt_tokens]
        for segment in state.segments:
            state.all_tokens += segment.tokens
        if state.seek < 0 or not 0 <= state.prompt_reset_since <= len(state.all_tokens):
            raise OptionsError("resume", "not a saved state: a position is out of range")
        return state


def windows(
    state: LongformState,
    *,
    tokenizer: Tokenizer,
    options: TranscribeOptions,
    dims: Dims,
    content_frames: int,
    duration: float,
) -> Generator[WindowRequest, WindowResult, Transcription]:
    """Yields each window to decode, is sent its result, and returns the transcription.

    `state` is brought up to date when a result is sent, before the next request is yielded: new segments are
    those added at its end. `content_frames` is the recording's length in frames of 10 ms, `duration` in
    seconds.
    """
    limit = prompt_limit(dims.n_text_ctx)
    while state.seek < content_frames:
        size = min(N_FRAMES, content_frames - state.seek)
        prompt = state.all_tokens[state.prompt_reset_since :][-limit:]
        result = yield WindowRequest(seek=state.seek, size=size, prompt_tokens=tuple(prompt))
        if _is_silent(result, options):
            state.seek += size
            continue
        spans, advance = _spans(result.tokens, size, tokenizer, N_FRAMES // dims.n_audio_ctx)
        _record(state, spans, result, tokenizer)
        state.seek += advance or size
        if not options.condition_on_previous_text or result.temperature > _RESET_TEMPERATURE:
            state.prompt_reset_since = len(state.all_tokens)
    text = tokenizer.decode(state.all_tokens[len(state.initial_prompt_tokens) :])
    return Transcription(
        language=state.language, text=text, segments=tuple(state.segments), duration=duration
    )


def _is_silent(result: WindowResult, options: TranscribeOptions) -> bool:
    """Whether the window is skipped: probably no speech, and no text probable enough to doubt it."""
    if options.no_speech_threshold is None or result.no_speech_prob <= options.no_speech_threshold:
        return False
    return options.logprob_threshold is None or result.avg_logprob <= options.logprob_threshold


@dataclass(frozen=True, slots=True)
class _Span:
    """Tokens of one segment, with its times in seconds from the window's start."""

    tokens: tuple[int, ...]
    start: float
    end: float


def _spans(
    tokens: tuple[int, ...], size: int, tokenizer: Tokenizer, frames_per_position: int
) -> tuple[list[_Span], int]:
    """Cuts a window's tokens into segments, and says by how many frames to move on.

    Two timestamps in a row are the end of one segment and the beginning of the next. If the tokens end in
    such a beginning, or in text, what follows the last pair is unfinished and is left to the next window,
    which starts at that pair; a single timestamp at the end says that nothing follows in this window. Without
    any pair the whole window is one segment.
    """
    begin = tokenizer.timestamp_begin
    seconds = frames_per_position * HOP_LENGTH / SAMPLE_RATE  # per step of a timestamp: 0.02
    stamped = [token >= begin for token in tokens]
    ends_in_single = stamped[-2:] == [False, True]

    cuts = [i for i in range(1, len(tokens)) if stamped[i - 1] and stamped[i]]
    if not cuts:
        end = size * HOP_LENGTH / SAMPLE_RATE
        times = [token for token in tokens if token >= begin]
        if times and times[-1] != begin:
            end = (times[-1] - begin) * seconds
        return [_Span(tokens, 0.0, end)], size

    if ends_in_single:
        cuts.append(len(tokens))
    spans = [
        _Span(part, (part[0] - begin) * seconds, (part[-1] - begin) * seconds)
        for part in (tokens[first:last] for first, last in zip([0, *cuts], cuts, strict=False))
    ]
    if ends_in_single:
        return spans, size
    return spans, (tokens[cuts[-1] - 1] - begin) * frames_per_position


def _record(state: LongformState, spans: Sequence[_Span], result: WindowResult, tokenizer: Tokenizer) -> None:
    """Adds the spans that have a text and a length to the state as segments."""
    offset = state.seek * HOP_LENGTH / SAMPLE_RATE
    for span in spans:
        text = tokenizer.decode(token for token in span.tokens if token < tokenizer.eot)
        start, end = offset + span.start, offset + span.end
        if start == end or not text.strip():
            continue
        state.segments.append(
            Segment(
                id=len(state.segments),
                seek=state.seek,
                start=start,
                end=end,
                text=text,
                tokens=span.tokens,
                temperature=result.temperature,
                avg_logprob=result.avg_logprob,
                compression_ratio=result.compression_ratio,
                no_speech_prob=result.no_speech_prob,
            )
        )
        state.all_tokens += span.tokens
