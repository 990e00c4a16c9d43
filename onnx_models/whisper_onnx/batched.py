"""The batched mode: a recording cut at pauses into windows that are decoded side by side.

Speech is detected first, its spans are packed into windows of up to 30 s (`packing.py`), and each window is
decoded by itself, as many at a time as there are slots. Nothing passes from one window to the next: no text
before it, and features scaled by the window's own maximum. So windows can be decoded in any order, which is
what makes this mode fast, and one that fails costs no other; the price is the context that the sequential
mode carries along. The idea is that of WhisperX (Bain et al., 2023) and of faster-whisper's batched pipeline.

Segments come out in the order of the recording: a window that is done before the one in front of it waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from .clips import clip_points, seek_clips
from .dims import HOP_LENGTH, N_FRAMES, SAMPLE_RATE, TOKENS_PER_SECOND
from .errors import OptionsError
from .features import LogMel, checked
from .longform import AlignRequest, LongformState, WindowRequest, is_silent
from .needs import Encode, Needs, Progress, Release, Scan, Slot, Together
from .options import TranscribeOptions
from .packing import PackedWindow, pack, within
from .recording import align_words, decode_window, detect_language, wanted_language
from .rules import rules_for
from .search import WindowResult
from .tokenizer import Tokenizer
from .transcription import Segment, Transcription
from .vad import detecting, spans
from .words import add_words, text_tokens

if TYPE_CHECKING:
    from .model import WhisperModel

STATE_VERSION: Final = 1


@dataclass(slots=True)
class BatchedState:
    """Which windows of a recording are done.

    `detector` found its speech, from which `windows` windows were packed; the segments of the first `done` of
    them are `segments`, and `ahead` holds those of later windows, by their number.
    """

    language: str
    detector: Literal["silero", "energy"]
    windows: int
    done: int = 0
    segments: list[Segment] = field(default_factory=list)
    ahead: dict[int, tuple[Segment, ...]] = field(default_factory=dict)
    # The segments as `to_dict` gives them out, so that saving after each window does not write all anew.
    _saved: list[dict[str, Any]] = field(default_factory=list, compare=False, repr=False)

    def finished(self, index: int) -> bool:
        """Whether this window is done."""
        return index < self.done or index in self.ahead

    def finish(self, index: int, heard: Sequence[Segment]) -> tuple[Segment, ...]:
        """Takes a window's segments; answers with all those whose turn has come, numbered."""
        self.ahead[index] = tuple(heard)
        known = len(self.segments)
        while self.done in self.ahead:
            for segment in self.ahead.pop(self.done):
                self.segments.append(replace(segment, id=len(self.segments)))
            self.done += 1
        return tuple(self.segments[known:])

    def to_dict(self) -> dict[str, Any]:
        """The state as plain JSON values, independent of later windows; not to be changed."""
        self._saved += [segment.to_dict() for segment in self.segments[len(self._saved) :]]
        return {
            "version": STATE_VERSION,
            "mode": "batched",
            "language": self.language,
            "detector": self.detector,
            "windows": self.windows,
            "done": self.done,
            "segments": list(self._saved),
            "ahead": {str(i): [s.to_dict() for s in heard] for i, heard in self.ahead.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reverse of `to_dict`. Raises OptionsError("resume") for anything that it did not write."""
        try:
            if (values["version"], values["mode"]) != (STATE_VERSION, "batched"):
                raise OptionsError("resume", "written by another version")
            state = cls(
                language=str(values["language"]),
                detector=values["detector"],
                windows=int(values["windows"]),
                done=int(values["done"]),
                segments=[Segment.from_dict(segment) for segment in values["segments"]],
                ahead={int(i): tuple(map(Segment.from_dict, heard)) for i, heard in values["ahead"].items()},
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise OptionsError("resume", f"not a saved state: {type(error).__name__}") from error
        numbers = {0, state.done, *state.ahead, state.windows}
        if state.detector not in ("silero", "energy") or min(numbers) < 0 or max(numbers) > state.windows:
            raise OptionsError("resume", "not a saved state: a value is out of range")
        return state


def transcribing_batched(
    model: WhisperModel,
    audio: NDArray[np.floating],
    options: TranscribeOptions,
    resume: Mapping[str, Any] | None = None,
) -> Needs[Transcription]:
    """Yields a recording's needs in the batched mode, and returns its transcription.

    `resume` is a `Progress.state` of the same audio, options and model: windows that are done are not decoded
    again, and speech is detected by what detected it then. Raises as `transcribing` does, and BundleError
    when Silero's detector is asked for and not installed; never before its first need.
    """
    yield Scan()  # before anything that may fail, so that starting the generator does not
    checked(audio)
    language = wanted_language(model, options)
    state = None if resume is None else BatchedState.from_dict(resume)
    if state is not None and language not in (None, state.language):
        raise OptionsError("resume", f"its language is {state.language!r}, not {language!r}")

    method = state.detector if state is not None else model.detectors.method(options.vad_parameters)
    probabilities = detecting(audio, model.detectors.detector(method))
    while True:
        try:
            next(probabilities)
        except StopIteration as stop:
            windows = _windows(stop.value, len(audio), options)
            break
        yield Scan()

    if state is None:
        if language is None:
            first = windows[0].samples(audio) if windows else audio[: SAMPLE_RATE * 30]
            (language,) = yield Together([_detecting_language(model, first)])
        state = BatchedState(language, method, len(windows))
    elif state.windows != len(windows):
        raise OptionsError("resume", "the recording or its speech parameters are not the same")

    work = _Windows(model, audio, options, windows, state)
    yield Together([work.decoding(index) for index in range(len(windows)) if not state.finished(index)])
    return Transcription(
        language=state.language,
        text="".join(segment.text for segment in state.segments),
        segments=tuple(state.segments),
        duration=len(audio) / SAMPLE_RATE,
        speech_detector=state.detector,
    )


def _windows(
    probabilities: NDArray[np.float32], n_samples: int, options: TranscribeOptions
) -> tuple[PackedWindow, ...]:
    longest = options.chunk_length
    parameters = options.vad_parameters
    parameters = replace(parameters, max_speech_duration_s=min(parameters.max_speech_duration_s, longest))
    clips = seek_clips(clip_points(options.clip_timestamps), -(-n_samples // HOP_LENGTH))
    speech = within(
        spans(probabilities, n_samples, parameters),
        [(first * HOP_LENGTH, min(last * HOP_LENGTH, n_samples)) for first, last in clips],
    )
    return pack(speech, round(longest * SAMPLE_RATE))


def _detecting_language(model: WhisperModel, audio: NDArray[np.floating]) -> Needs[str]:
    """The likeliest language of at most 30 s."""
    yield Slot()
    language = yield from detect_language(model, LogMel(audio, model.dims.n_mels))
    yield Release()
    return language


class _Windows:
    """The windows of one recording, each decoded by a generator of needs of its own."""

    def __init__(
        self,
        model: WhisperModel,
        audio: NDArray[np.floating],
        options: TranscribeOptions,
        windows: Sequence[PackedWindow],
        state: BatchedState,
    ) -> None:
        self._model = model
        self._audio = audio
        self._options = options
        self._windows = windows
        self._state = state
        self._tokenizer = model.tokenizer(state.language, options.task)
        self._rules = rules_for(self._tokenizer, options, model.dims.n_audio_ctx)
        self._prompt = LongformState.start(self._tokenizer, options, state.language).initial_prompt_tokens

    def decoding(self, index: int) -> Needs[None]:
        """Decodes one window, enters its segments, and tells of those whose turn has come."""
        window = self._windows[index]
        yield Slot(self._options.slots)
        log_mel = LogMel(window.samples(self._audio), self._model.dims.n_mels)
        yield Encode(log_mel.at(0, N_FRAMES))
        request = WindowRequest(seek=window.seek, size=log_mel.n_frames, prompt_tokens=self._prompt)
        result = yield from decode_window(self._model, self._tokenizer, self._rules, self._options, request)
        heard = self._heard(window, result)
        if self._options.word_timestamps and heard:
            heard = yield from self._with_words(heard, log_mel.n_frames)
        new = self._state.finish(index, [self._placed(window, segment) for segment in heard])
        duration = len(self._audio) / SAMPLE_RATE
        state = self._state
        yield Release(
            Progress(
                position=duration if state.done == state.windows else self._windows[state.done].start,
                duration=duration,
                new_segments=new,
                language=state.language,
                state=state.to_dict(),
            )
        )

    def _heard(self, window: PackedWindow, result: WindowResult) -> list[Segment]:
        """The segments of a window's result; their times are the window's."""
        if is_silent(result, self._options):
            return []
        return [
            Segment(
                id=0,  # until its turn has come
                seek=0,
                start=part.start,
                end=part.end,
                text=part.text,
                tokens=part.tokens,
                temperature=result.temperature,
                avg_logprob=result.avg_logprob,
                compression_ratio=result.compression_ratio,
                no_speech_prob=result.no_speech_prob,
            )
            for part in _parts(result.tokens, self._tokenizer, window.n_samples / SAMPLE_RATE)
        ]

    def _with_words(self, segments: Sequence[Segment], size: int) -> Needs[list[Segment]]:
        """The segments with words, by one more pass over the window, of which `size` frames count."""
        text = tuple(token for tokens in text_tokens(segments, self._tokenizer) for token in tokens)
        timings = yield from align_words(self._model, self._tokenizer, AlignRequest(text, size))
        return add_words(
            segments,
            timings,
            tokenizer=self._tokenizer,
            prepended=self._options.prepend_punctuations,
            appended=self._options.append_punctuations,
            last_speech=0.0,
            join_blanks=self._options.join_blanks,
        )

    def _placed(self, window: PackedWindow, segment: Segment) -> Segment:
        """A segment of the window with the recording's times."""
        start, end = window.span(
            segment.start, segment.end, self._options.vad_parameters.speech_pad_ms / 1000
        )
        if not segment.words:
            return replace(segment, seek=window.seek, start=start, end=end)
        words = []
        for word in segment.words:
            first, last = window.span_of_word(word.start, word.end)
            words.append(replace(word, start=first, end=last))
        return replace(segment, seek=window.seek, start=words[0].start, end=words[-1].end, words=tuple(words))


@dataclass(frozen=True, slots=True)
class _Part:
    """A segment of a window; times in seconds of the window."""

    tokens: tuple[int, ...]
    text: str
    start: float
    end: float


def _parts(tokens: tuple[int, ...], tokenizer: Tokenizer, length: float) -> list[_Part]:
    """Cuts a window's tokens between every two timestamps in a row; parts without text are left out.

    Unlike in the sequential mode nobody hears the rest again, so what follows the last pair is a part too,
    and one that has no timestamp at its end reaches to the window's.
    """
    begin = tokenizer.timestamp_begin
    stamped = [token >= begin for token in tokens]
    cuts = [i for i in range(1, len(tokens)) if stamped[i - 1] and stamped[i]]
    parts: list[_Part] = []
    for first, last in pairwise([0, *cuts, len(tokens)]):
        part = tokens[first:last]
        text = tokenizer.decode(token for token in part if token < tokenizer.eot)
        times = [(token - begin) / TOKENS_PER_SECOND for token in part if token >= begin]
        start = times[0] if times and stamped[first] else (parts[-1].end if parts else 0.0)
        end = times[-1] if times and stamped[last - 1] else length
        if text.strip() and start < min(end, length):
            parts.append(_Part(part, text, start, min(end, length)))
    return parts
