"""Transcription of speech as it comes: text that two hypotheses in a row agree on is confirmed.

The last seconds are kept in a buffer, and decoded anew each time it has grown by a step. What is confirmed
(`agreement.py`) is given to the decoder as the beginning of its text, so it is never taken back and costs one
run instead of one for each token. The buffer is cut where a confirmed segment ends; the text before it is the
prompt. Where nobody speaks nothing is decoded, if Silero's detector is there to say so.

A session keeps no thread and no clock: the same pieces of audio fed in the same order give the same updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from .agreement import agreed
from .batch import Task
from .dims import N_FRAMES, N_SAMPLES_PER_TOKEN, SAMPLE_RATE, TOKENS_PER_SECOND
from .errors import AudioError, OptionsError
from .features import LogMel, checked
from .longform import is_silent
from .needs import Encode, Feed, Needs, Prompt, Release, Scan, Slot
from .options import TranscribeOptions
from .prompting import initial_tokens, prompt_limit, sample_limit
from .recording import detect_language, wanted_language
from .rules import rules_for
from .search import WindowResult, compression_ratio, log_normaliser, needs_fallback
from .tokenizer import Tokenizer
from .transcription import Segment
from .vad import detecting

if TYPE_CHECKING:
    from .model import WhisperModel

_LONGEST: Final = 28 * SAMPLE_RATE  # the buffer is emptied at this length, whatever is confirmed
_SHORTEST: Final = SAMPLE_RATE // 2  # less than this at the end is not worth decoding
_LEAD: Final = SAMPLE_RATE  # kept of a silence, since a word may begin in it
_TAIL: Final = SAMPLE_RATE  # silence after a segment that says it is over


@dataclass(frozen=True, slots=True)
class LiveUpdate:
    """What one piece of audio brought.

    confirmed: text that was not known before and will not change; all of them in a row are the transcript
    segments: those that ended, with their times in seconds from the session's start
    tentative: what is heard after that and may yet change
    """

    confirmed: str = ""
    segments: tuple[Segment, ...] = ()
    tentative: str = ""


class LiveSession:
    """One live recording on a model; its memory does not grow with its length.

    Sessions and recordings share the model's batcher (`WhisperModel.batcher`): `feed` steps it until its own
    hypothesis is there, and everything else in it moves on meanwhile. Decoding is greedy, at temperature 0;
    of the options language, task, prompt, suppression and thresholds count. `step` is the number of seconds
    of new audio after which the buffer is decoded: smaller means sooner and more work.

    Raises OptionsError for options that the model cannot do or that a live session has no use for.
    """

    def __init__(
        self, model: WhisperModel, options: TranscribeOptions | None = None, *, step: float = 1.0
    ) -> None:
        self._model = model
        self._options = options or TranscribeOptions()
        if self._options.without_timestamps or self._options.word_timestamps or self._options.prefix:
            raise OptionsError(
                "without_timestamps", "a live session needs them, and neither words nor prefix"
            )
        if not 0.1 <= step <= 10.0:
            raise OptionsError("step", f"expected seconds from 0.1 to 10, got {step!r}")
        self._language = wanted_language(model, self._options)
        self._step = round(step * SAMPLE_RATE)
        self._buffer = np.zeros(0, dtype=np.float32)
        self._offset = 0  # samples of the session before the buffer
        self._new = 0  # samples of the buffer that no hypothesis has seen
        self._confirmed: tuple[int, ...] = ()  # tokens of the buffer that will not change
        self._before: tuple[int, ...] = ()  # the hypothesis before, after those
        self._told = 0  # of the confirmed tokens
        self._context: tuple[int, ...] = ()
        self._segments = 0
        self._result: WindowResult | None = None
        self._finished = False

    @property
    def buffered(self) -> float:
        """Seconds of audio that are kept; at most 30."""
        return len(self._buffer) / SAMPLE_RATE

    def feed(self, pcm: NDArray[np.floating]) -> LiveUpdate:
        """Takes the next samples, (n,) float32 at 16 kHz; answers with what they brought.

        Raises AudioError for unusable samples, of which none is taken, and ValueError after `finish`.
        """
        if self._finished:
            raise ValueError("the session is finished")
        if not np.isfinite(checked(pcm)).all():
            raise AudioError("audio holds samples that are not finite")
        updates = []
        for first in range(0, len(pcm), _LONGEST // 2):
            self._take(pcm[first : first + _LONGEST // 2])
            if self._new >= self._step:
                updates.append(self._advance(last=False))
        return self._joined(updates)

    def finish(self) -> LiveUpdate:
        """The rest: everything is confirmed, nothing is tentative any more."""
        if self._finished:
            return LiveUpdate()
        update = self._advance(last=True)
        self._finished = True
        return update

    def _take(self, pcm: NDArray[np.floating]) -> None:
        self._buffer = np.concatenate([self._buffer, pcm], dtype=np.float32)
        self._new += len(pcm)

    def _joined(self, updates: list[LiveUpdate]) -> LiveUpdate:
        tentative = updates[-1].tentative if updates else self._text(self._before)
        return LiveUpdate(
            "".join(update.confirmed for update in updates),
            tuple(segment for update in updates for segment in update.segments),
            tentative,
        )

    def _advance(self, *, last: bool) -> LiveUpdate:
        """Decodes the buffer, confirms what is agreed on, and cuts off what is over."""
        if (last and len(self._buffer) < _SHORTEST) or (not self._confirmed and not self._speaking()):
            self._before = ()
            self._new = 0
            self._cut(max(0, len(self._buffer) - _LEAD))
            return LiveUpdate()
        heard = self._model.run(Task(self._buffer, self._options, course=self._hearing))
        self._new = 0
        everything = last or len(self._buffer) >= _LONGEST
        known = heard if everything else agreed(self._before, heard, self._tokenizer)
        self._confirmed += known
        self._before = heard[len(known) :]
        confirmed = self._text(self._confirmed[self._told :])
        self._told = len(self._confirmed)
        segments = self._ended(everything)
        return LiveUpdate(confirmed, segments, self._text(self._before))

    @property
    def _tokenizer(self) -> Tokenizer:
        return self._model.tokenizer(self._language, self._options.task)

    def _text(self, tokens: tuple[int, ...]) -> str:
        """The text of tokens, without that of blank segments, which the model may hear in silence."""
        begin = self._tokenizer.timestamp_begin
        runs = [self._tokenizer.decode(run) for stamp, run in groupby(tokens, begin.__le__) if not stamp]
        return "".join(run for run in runs if run.strip())

    def _speaking(self) -> bool:
        """Whether the buffer may hold speech, as far as a detector is there that can tell."""
        detectors, options = self._model.detectors, self._options.vad_parameters
        if detectors.method(options) != "silero":
            return True
        course = detecting(self._buffer, detectors.detector("silero"))
        while True:
            try:
                next(course)
            except StopIteration as stop:
                return bool(stop.value.max(initial=0.0) >= options.threshold)

    def _ended(self, everything: bool) -> tuple[Segment, ...]:
        """The segments at the buffer's beginning that are over, whose audio is then forgotten."""
        begin = self._tokenizer.timestamp_begin
        tokens = self._confirmed
        stamps = [i for i in range(1, len(tokens)) if tokens[i] >= begin > tokens[i - 1]]  # those that close
        if stamps and not everything and stamps[-1] == len(tokens) - 1:
            # Nothing follows yet: the segment is over if it is followed by silence.
            silence = len(self._buffer) - (tokens[-1] - begin) * N_SAMPLES_PER_TOKEN
            if self._before or silence < _TAIL:
                stamps.pop()
        found = []
        first = 0
        for stamp in stamps:
            found.append(self._segment(tokens[first : stamp + 1]))
            first = stamp + 1
        cut = min((tokens[stamps[-1]] - begin) * N_SAMPLES_PER_TOKEN if stamps else 0, len(self._buffer))
        if everything:
            if self._text(tokens[first:]).strip():
                found.append(self._segment(tokens[first:]))
            first, cut = len(tokens), len(self._buffer)
        if first:
            self._context = (*self._context, *tokens[:first])[-prompt_limit(self._model.dims.n_text_ctx) :]
            self._confirmed = self._shifted(tokens[first:], cut)
            self._before = self._shifted(self._before, cut)
            self._told = len(self._confirmed)
            self._cut(cut)
        return tuple(segment for segment in found if segment is not None)

    def _segment(self, tokens: tuple[int, ...]) -> Segment | None:
        """A segment of confirmed tokens, None without text; its scores are the last hypothesis's."""
        text, begin = self._text(tokens), self._tokenizer.timestamp_begin
        result = self._result
        if not text.strip() or result is None:
            return None
        times = [(token - begin) / TOKENS_PER_SECOND for token in tokens if token >= begin]
        heard = len(self._buffer) / SAMPLE_RATE
        start = min(times[0], heard) if tokens[0] >= begin else 0.0
        end = min(times[-1], heard) if tokens[-1] >= begin else heard
        offset = self._offset / SAMPLE_RATE
        self._segments += 1
        return Segment(
            id=self._segments - 1,
            seek=self._offset // 160,
            start=offset + start,
            end=offset + max(start, end),
            text=text,
            tokens=tokens,
            temperature=0.0,
            avg_logprob=result.avg_logprob,
            compression_ratio=result.compression_ratio,
            no_speech_prob=result.no_speech_prob,
        )

    def _shifted(self, tokens: tuple[int, ...], samples: int) -> tuple[int, ...]:
        """Tokens with their timestamps counted from that many samples later."""
        begin, steps = self._tokenizer.timestamp_begin, samples // N_SAMPLES_PER_TOKEN
        return tuple(max(begin, token - steps) if token >= begin else token for token in tokens)

    def _cut(self, samples: int) -> None:
        samples -= samples % N_SAMPLES_PER_TOKEN
        self._buffer = self._buffer[samples:].copy()
        self._offset += samples

    def _hearing(self, model: WhisperModel) -> Needs[tuple[int, ...]]:
        """What follows the confirmed tokens in the buffer; nothing where it is silent or repeats."""
        yield Scan()
        options, n_text_ctx = self._options, model.dims.n_text_ctx
        log_mel = LogMel(self._buffer, model.dims.n_mels)
        yield Slot()
        if self._language is None or not (self._segments or self._confirmed or options.language):
            self._language = (
                (yield from detect_language(model, log_mel)) if model.dims.is_multilingual else "en"
            )
        else:
            yield Encode(log_mel.at(0, N_FRAMES))
        tokenizer = self._tokenizer
        rules = rules_for(tokenizer, options, model.dims.n_audio_ctx)
        context = self._context if options.condition_on_previous_text else ()
        initial = initial_tokens(tokenizer, context, options, n_text_ctx)
        sampled = list(self._confirmed)
        limit = sample_limit(options, n_text_ctx, len(initial))
        rows = (initial.index(tokenizer.sot), len(initial) + len(sampled) - 1)
        logits = yield Prompt((*initial, *sampled), rows)
        weights = np.exp(logits[0] - logits[0].max())
        row, sum_logprob = logits[1], 0.0
        while len(sampled) < limit:
            for rule in rules:
                rule.apply(row, sampled)
            token = int(row.argmax())
            sum_logprob -= float(log_normaliser(row, row[token]))
            if token == tokenizer.eot:
                break
            sampled.append(token)
            if len(sampled) < limit:
                row = (yield Feed((token,)))[0]
        yield Release()
        new = tuple(sampled[len(self._confirmed) :])
        text = tokenizer.decode(token for token in sampled if token < tokenizer.eot).strip()
        self._result = WindowResult(
            tokens=tuple(sampled),
            text=text,
            avg_logprob=sum_logprob / (len(new) + 1),
            no_speech_prob=float(weights[tokenizer.no_speech] / weights.sum()),
            compression_ratio=compression_ratio(text),
            temperature=0.0,
            language=self._language,
        )
        unsure = is_silent(self._result, options) or needs_fallback(self._result, options)
        return () if unsure else new
