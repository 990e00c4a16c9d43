"""Transcription of a recording of any length by windows: openai-whisper's `transcribe` as a generator.

`windows` yields a `WindowRequest`, is sent that window's `WindowResult`, and ends with the `Transcription`;
where words get times, an `AlignRequest` for the window follows, whose answer is its `WordTiming`s. It reads
no audio and runs no model, so one driver can interleave many recordings. All it knows between two windows is
in the `LongformState` it is given, which turns into plain JSON and back: a recording interrupted after any
window goes on from there and ends with the same transcription.

Differences to openai-whisper: segments without text or length are left out (it keeps them, emptied), a window
that would not move on is skipped over (it would decode the same window for ever), and a clip ends where the
recording does (see `clips.py`).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from .clips import clip_points, seek_clips
from .dims import FRAMES_PER_SECOND, HOP_LENGTH, N_FRAMES, SAMPLE_RATE, Dims
from .hallucination import Window, first_hallucination, leading_silence
from .longform_state import LongformState
from .options import TranscribeOptions
from .prompting import earlier_text, prompt_limit
from .search import WindowResult
from .tokenizer import Tokenizer
from .transcription import Segment, Transcription, Word
from .words import add_words, last_word_end, text_tokens

__all__ = [
    "AlignRequest",
    "Course",
    "LongformState",
    "Segment",
    "Transcription",
    "WindowRequest",
    "Word",
    "windows",
]

_RESET_TEMPERATURE: Final = 0.5  # a text sampled above this is no prompt for the next window


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """A window to decode: frames `seek` to `seek + size`, after the text whose tokens are `prompt_tokens`."""

    seek: int
    size: int
    prompt_tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AlignRequest:
    """The times of the words of `text_tokens` in the last window are wanted; `size` frames of it count."""

    text_tokens: tuple[int, ...]
    size: int


Course = Generator[WindowRequest | AlignRequest, Any, Transcription]


def windows(
    state: LongformState,
    *,
    tokenizer: Tokenizer,
    options: TranscribeOptions,
    dims: Dims,
    content_frames: int,
    duration: float,
) -> Course:
    """Yields each window to decode, is sent its result, and returns the transcription.

    A WindowRequest is answered with a WindowResult, an AlignRequest with a list of WordTiming. `state` is
    brought up to date by a window's last answer, before the next window is requested: new segments are those
    added at its end. `content_frames` is the recording's length in frames of 10 ms, `duration` in seconds.
    """
    clips = seek_clips(clip_points(options.clip_timestamps), content_frames)
    while size := _next_window(state, clips):
        prompt = earlier_text(
            state.all_tokens,
            state.initial_prompt_tokens,
            state.prompt_reset_since,
            options,
            prompt_limit(dims.n_text_ctx),
        )
        result: WindowResult = yield WindowRequest(state.seek, size, prompt)
        if is_silent(result, options):
            state.seek += size
            continue
        heard = _heard(state.seek, size, result, tokenizer, N_FRAMES // dims.n_audio_ctx)
        if options.word_timestamps:
            text = tuple(token for tokens in text_tokens(heard.segments, tokenizer) for token in tokens)
            segments = add_words(
                heard.segments,
                (yield AlignRequest(text, size)) if text else [],
                tokenizer=tokenizer,
                prepended=options.prepend_punctuations,
                appended=options.append_punctuations,
                last_speech=state.last_speech,
                join_blanks=options.join_blanks,
            )
            heard = replace(heard, segments=segments)
            heard = _by_words(heard, state, options.hallucination_silence_threshold, content_frames)
            if heard.again:
                state.seek = heard.seek
                continue
            end = last_word_end(heard.segments)
            state.last_speech = state.last_speech if end is None else end
        _record(state, heard.segments)
        state.seek = heard.seek if heard.seek > state.seek else state.seek + size
        if not options.condition_on_previous_text or result.temperature > _RESET_TEMPERATURE:
            state.prompt_reset_since = len(state.all_tokens)
    text_of_all = tokenizer.decode(state.all_tokens[len(state.initial_prompt_tokens) :])
    return Transcription(
        language=state.language, text=text_of_all, segments=tuple(state.segments), duration=duration
    )


def _next_window(state: LongformState, clips: Sequence[tuple[int, int]]) -> int:
    """Moves on to the next frame that is in a clip: the size of the window from there, 0 at the end."""
    while state.clip < len(clips):
        start, end = clips[state.clip]
        state.seek = max(state.seek, start)
        if state.seek < end:
            return min(N_FRAMES, end - state.seek)
        state.clip += 1
        if state.clip < len(clips):
            state.seek = clips[state.clip][0]  # which may go back
    return 0


def is_silent(result: WindowResult, options: TranscribeOptions) -> bool:
    """Whether the window is skipped: probably no speech, and no text probable enough to doubt it."""
    if options.no_speech_threshold is None or result.no_speech_prob <= options.no_speech_threshold:
        return False
    return options.logprob_threshold is None or result.avg_logprob <= options.logprob_threshold


@dataclass(frozen=True, slots=True)
class _Heard:
    """A window's segments, empty ones among them, and the frame to go on from."""

    segments: Sequence[Segment]
    seek: int
    size: int  # frames of the window
    ends_in_single: bool = False  # timestamp: nothing follows in the window
    again: bool = False  # the segments do not count, since the same speech is decoded once more


def _heard(
    seek: int, size: int, result: WindowResult, tokenizer: Tokenizer, frames_per_position: int
) -> _Heard:
    """Cuts a window's tokens into segments, and says where to go on.

    Two timestamps in a row are the end of one segment and the beginning of the next. If the tokens end in
    such a beginning, or in text, what follows the last pair is unfinished and is left to the next window,
    which starts at that pair; a single timestamp at the end says that nothing follows in this window. Without
    any pair the whole window is one segment.
    """
    tokens, begin = result.tokens, tokenizer.timestamp_begin
    seconds = frames_per_position * HOP_LENGTH / SAMPLE_RATE  # per step of a timestamp: 0.02
    stamped = [token >= begin for token in tokens]
    ends_in_single = stamped[-2:] == [False, True]

    cuts = [i for i in range(1, len(tokens)) if stamped[i - 1] and stamped[i]]
    if not cuts:
        end = size * HOP_LENGTH / SAMPLE_RATE
        times = [token for token in tokens if token >= begin]
        if times and times[-1] != begin:
            end = (times[-1] - begin) * seconds
        segment = _segment(seek, tokens, (0.0, end), result, tokenizer)
        return _Heard([segment], seek + size, size, ends_in_single)

    if ends_in_single:
        cuts.append(len(tokens))
    segments = [
        _segment(seek, part, ((part[0] - begin) * seconds, (part[-1] - begin) * seconds), result, tokenizer)
        for part in (tokens[first:last] for first, last in zip([0, *cuts], cuts, strict=False))
    ]
    advance = size if ends_in_single else (tokens[cuts[-1] - 1] - begin) * frames_per_position
    return _Heard(segments, seek + advance, size, ends_in_single)


def _segment(
    seek: int, tokens: Sequence[int], times: tuple[float, float], result: WindowResult, tokenizer: Tokenizer
) -> Segment:
    """A segment without a number; `times` are its start and end in seconds from the window's start."""
    offset = seek * HOP_LENGTH / SAMPLE_RATE
    start, end = times
    return Segment(
        id=-1,
        seek=seek,
        start=offset + start,
        end=offset + end,
        text=tokenizer.decode(token for token in tokens if token < tokenizer.eot),
        tokens=tuple(tokens),
        temperature=result.temperature,
        avg_logprob=result.avg_logprob,
        compression_ratio=result.compression_ratio,
        no_speech_prob=result.no_speech_prob,
    )


def _by_words(heard: _Heard, state: LongformState, threshold: float | None, content_frames: int) -> _Heard:
    """What the times of its words change about a window: where to go on, and which segments count.

    `threshold`: seconds of silence next to words that are probably made up, None to believe all words.
    """
    start, seek, segments = state.seek / FRAMES_PER_SECOND, heard.seek, heard.segments
    end = last_word_end(segments)
    continues = not heard.ends_in_single and end is not None and end > start
    if continues and end is not None:
        seek = round(end * FRAMES_PER_SECOND)
    if threshold is None:
        return replace(heard, seek=seek)

    full_end = (state.seek + N_FRAMES) / FRAMES_PER_SECOND
    if continues and end is not None and full_end - end <= threshold:
        seek = state.seek + heard.size
    if (gap := leading_silence(segments, start, threshold)) is not None:
        frames = round(gap * FRAMES_PER_SECOND) or heard.size
        return replace(heard, seek=state.seek + frames, again=True)
    window = Window(start, start + heard.size / FRAMES_PER_SECOND, full_end)
    first = first_hallucination(segments, window, state.last_speech, threshold)
    if first is not None:
        seek = round(max(start + 1, segments[first].start) * FRAMES_PER_SECOND)
        if content_frames / FRAMES_PER_SECOND - segments[first].end < threshold:
            seek = content_frames
        segments = segments[:first]
    return replace(heard, seek=seek, segments=segments)


def _record(state: LongformState, segments: Sequence[Segment]) -> None:
    """Adds those that have a text and a length to the state."""
    for segment in segments:
        if segment.start != segment.end and segment.text.strip():
            state.segments.append(replace(segment, id=len(state.segments)))
            state.all_tokens += segment.tokens
