"""What a caller may choose about one transcription, as one frozen object, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Literal

from .clips import clip_points
from .dims import CHUNK_LENGTH, LANGUAGE_CODES, LANGUAGES
from .errors import OptionsError
from .punctuation import APPENDED, PREPENDED
from .vad_options import VadOptions

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """Options of `transcribe`, with the names, meanings and defaults of openai-whisper.

    language: code or English name; None detects it from the first 30 seconds
    task: "transcribe", or "translate" into English
    temperature: tried in turn until a window passes the thresholds; 0 is greedy, above it tokens are sampled
    compression_ratio_threshold: a window whose text compresses better is a repetition, hence failed
    logprob_threshold: a window whose mean log probability per token is below this has failed
    no_speech_threshold: a window above this no-speech probability, but not above `logprob_threshold`, is
        silent
    condition_on_previous_text: the text so far is the prompt of the next window
    initial_prompt: text put before the first window's prompt, such as names to expect
    carry_initial_prompt: it is put before every window's prompt instead
    hotwords: words to expect, put before the text in every window's prompt (faster-whisper's; not with
        `prefix`)
    prefix: text or token ids that every window's transcript goes on from, and does not include
    sample_len: most tokens sampled in a window; None for half the model's text context
    beam_size: number of beams at temperature 0; None decodes greedily. A window takes as many slots.
    patience: with `beam_size`, a search is complete when round(beam_size * patience) texts have ended; None
        for 1
    best_of: number of texts sampled above temperature 0, of which the likeliest is taken; None for 1. A
        window takes as many slots.
    length_penalty: exponent from 0 to 1 of Google NMT's length penalty in choosing among beams or samples;
        None divides by the length instead
    suppress_tokens: ids never chosen, as "1,2,3" or a tuple; -1 stands for all non-speech symbols, and None
        suppresses nothing
    suppress_blank: the first token is neither a space nor the end
    without_timestamps: text only, one segment per window
    max_initial_timestamp: latest first timestamp of a window in seconds; None or 0 for no limit
    word_timestamps: the segments get `words`, for one more pass of the decoder in each window; times of a
        translation's words are guesses
    prepend_punctuations, append_punctuations: marks that belong to the word after and before them
    join_blanks: with `word_timestamps`, as openai-whisper does, a segment of blanks that the model heard in a
        pause takes the word after it away from its own segment; False does not let it
    clip_timestamps: the parts to transcribe, as "start,end,start,end,..." in seconds or a tuple of these; the
        last end defaults to the recording's
    hallucination_silence_threshold: with `word_timestamps`, silence longer than this many seconds is skipped
        where what was heard next to it is probably made up; None never does
    mode: "sequential", openai-whisper's algorithm, in which each window goes on where the text of the one
        before ends; or "batched": speech is detected first, cut at pauses and packed into windows, which are
        decoded side by side, faster and without knowing of each other. There the initial prompt is every
        window's, `condition_on_previous_text` has no effect, and the hallucination rule does not exist.
    vad_parameters: of the batched mode, what counts as speech
    chunk_length: of the batched mode, the longest window in seconds
    seed: of the random numbers used above temperature 0 (numpy's, hence not openai-whisper's samples). Each
        window draws from a generator of its own, so a result depends neither on what else runs nor on
        resuming.

    Raises OptionsError, which names the field.
    """

    language: str | None = None
    task: Literal["transcribe", "translate"] = "transcribe"
    temperature: tuple[float, ...] = TEMPERATURES
    compression_ratio_threshold: float | None = 2.4
    logprob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    condition_on_previous_text: bool = True
    initial_prompt: str | None = None
    carry_initial_prompt: bool = False
    hotwords: str | None = None
    prefix: str | tuple[int, ...] | None = None
    sample_len: int | None = None
    beam_size: int | None = None
    patience: float | None = None
    best_of: int | None = None
    length_penalty: float | None = None
    suppress_tokens: str | tuple[int, ...] | None = "-1"
    suppress_blank: bool = True
    without_timestamps: bool = False
    max_initial_timestamp: float | None = 1.0
    word_timestamps: bool = False
    prepend_punctuations: str = PREPENDED
    append_punctuations: str = APPENDED
    join_blanks: bool = True
    clip_timestamps: str | tuple[float, ...] = "0"
    hallucination_silence_threshold: float | None = None
    mode: Literal["sequential", "batched"] = "sequential"
    vad_parameters: VadOptions = field(default_factory=VadOptions)
    chunk_length: float = float(CHUNK_LENGTH)
    seed: int = 0

    def __post_init__(self) -> None:
        # A frozen dataclass is written through object's own __setattr__, only here.
        object.__setattr__(self, "language", _language(self.language))
        if self.task not in ("transcribe", "translate"):
            raise OptionsError("task", f"expected 'transcribe' or 'translate', got {self.task!r}")
        object.__setattr__(self, "temperature", _temperatures(self.temperature))
        for name in ("compression_ratio_threshold", "logprob_threshold", "no_speech_threshold"):
            _number(name, getattr(self, name), -math.inf, math.inf)
        _number("max_initial_timestamp", self.max_initial_timestamp, 0.0, CHUNK_LENGTH)
        _number("hallucination_silence_threshold", self.hallucination_silence_threshold, 0.0, math.inf)
        object.__setattr__(self, "clip_timestamps", _clips(self.clip_timestamps))
        for name in ("prepend_punctuations", "append_punctuations"):
            if not isinstance(getattr(self, name), str):
                raise OptionsError(name, "expected a text of punctuation marks")
        self._check_mode()
        for flag in fields(self):
            if flag.type == "bool" and not isinstance(getattr(self, flag.name), bool):
                raise OptionsError(flag.name, f"expected true or false, got {getattr(self, flag.name)!r}")
        self._check_texts()
        self._check_search()
        self.suppressed()
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or not 0 <= self.seed < 2**63:
            raise OptionsError("seed", f"expected an integer from 0 to 2**63 - 1, got {self.seed!r}")

    def _check_mode(self) -> None:
        if self.mode not in ("sequential", "batched"):
            raise OptionsError("mode", f"expected 'sequential' or 'batched', got {self.mode!r}")
        if not isinstance(self.vad_parameters, VadOptions):
            raise OptionsError("vad_parameters", f"expected VadOptions, got {self.vad_parameters!r}")
        _required("chunk_length", self.chunk_length, 5.0, CHUNK_LENGTH)
        if self.mode == "batched" and self.hallucination_silence_threshold is not None:
            raise OptionsError("hallucination_silence_threshold", "the batched mode has no such rule")

    def _check_texts(self) -> None:
        for name in ("initial_prompt", "hotwords"):
            if not isinstance(getattr(self, name), str | None):
                raise OptionsError(name, "expected a text")
        if isinstance(self.prefix, str | None):
            return
        ids = tuple(self.prefix) if isinstance(self.prefix, list | tuple) else (-1,)
        if not all(_whole(i) and i >= 0 for i in ids):
            raise OptionsError("prefix", "expected a text or token ids")
        object.__setattr__(self, "prefix", ids)

    def _check_search(self) -> None:
        for name, most in (("beam_size", 100), ("best_of", 100), ("sample_len", 10_000)):
            value = getattr(self, name)
            if value is not None and (not _whole(value) or not 1 <= value <= most):
                raise OptionsError(name, f"expected an integer from 1 to {most}, got {value!r}")
        _number("length_penalty", self.length_penalty, 0.0, 1.0)
        _number("patience", self.patience, 0.0, 100.0)
        if self.patience is not None:
            if self.beam_size is None:
                raise OptionsError("patience", "needs beam_size")
            if round(self.beam_size * self.patience) < 1:
                raise OptionsError("patience", f"too small: {self.beam_size} beams would look for no text")

    def texts(self, temperature: float) -> int:
        """How many texts of a window are searched at once at this temperature: beams at 0, samples above."""
        return (self.best_of if temperature > 0 else self.beam_size) or 1

    @property
    def slots(self) -> int:
        """Slots that one window takes."""
        return max(self.texts(temperature) for temperature in self.temperature)

    def suppressed(self) -> tuple[int, ...]:
        """`suppress_tokens` as ids, of which -1 stands for the non-speech symbols; empty for none."""
        ids = self.suppress_tokens
        try:
            if isinstance(ids, str):
                ids = tuple(int(part) for part in ids.split(",")) if ids.strip() else ()
            result = tuple(int(i) for i in ids or ())
        except (TypeError, ValueError):
            raise OptionsError(
                "suppress_tokens", f"expected token ids such as '-1' or '50,51', got {self.suppress_tokens!r}"
            ) from None
        if any(i < -1 for i in result):
            raise OptionsError("suppress_tokens", "the only negative id with a meaning is -1")
        return result


def _language(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise OptionsError("language", f"expected a language code or None, got {value!r}")
    code = value.strip().lower()
    code = LANGUAGE_CODES.get(code, code)
    if code not in LANGUAGES:
        raise OptionsError(
            "language", f"unknown language {value!r}; give a code such as 'en' or 'de', or leave it out"
        )
    return code


def _clips(value: object) -> tuple[float, ...]:
    if not isinstance(value, str | tuple | list):
        raise OptionsError("clip_timestamps", f"expected times such as '0,30,45', got {value!r}")
    try:
        return clip_points(value)
    except ValueError as error:
        raise OptionsError("clip_timestamps", f"expected times such as '0,30,45': {error}") from None


def _temperatures(value: object) -> tuple[float, ...]:
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not values:
        raise OptionsError("temperature", "expected at least one temperature")
    return tuple(_required("temperature", item, 0.0, 10.0) for item in values)


def _required(field: str, value: object, low: float, high: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        limits = "" if math.isinf(high) else f" from {low:g} to {high:g}"
        raise OptionsError(field, f"expected a number{limits}, got {value!r}")
    return float(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(field: str, value: object, low: float, high: float) -> None:
    if value is not None:
        _required(field, value, low, high)
