"""One recording's way through the model, from samples to transcription.

`transcribing` is a generator that says what it needs next (`needs.py`), and is sent the answer: time to scan,
slots, an encoder run, a prompt, the logits that follow a token. A recording whose language has to be detected
first takes a Slot, Encode and Prompt for that, and keeps the slots for its first window.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .alignment import WordTiming, alignment_tokens, word_timings
from .beam import BeamSearch
from .dims import FRAMES_PER_SECOND, N_FRAMES
from .errors import OptionsError
from .features import LogMel
from .longform import AlignRequest, Course, LongformState, Transcription, WindowRequest, windows
from .needs import Align, Chosen, Encode, Fork, Needs, Partial, Progress, Prompt, Release, Report, Scan, Slot
from .options import TranscribeOptions
from .prompting import initial_tokens, sample_limit
from .rules import Rule, rules_for
from .sampling import Sampling
from .search import WindowResult, WindowSearch, language_probabilities, needs_fallback
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    from .model import WhisperModel

# Frames of log-mel scanned at a time, about 5 ms of work: a recording of ten hours takes 1,200 times.
SCAN_FRAMES: Final = 3_000
# Tokens between two reports of partial text, 2 to 3 s of speech: counted, not timed, hence deterministic.
REPORT_TOKENS: Final = 8


def transcribing(
    model: WhisperModel,
    audio: NDArray[np.floating],
    options: TranscribeOptions,
    resume: Mapping[str, Any] | None = None,
) -> Needs[Transcription]:
    """Yields a recording's needs, in their order, and returns its transcription.

    `resume` is a `Progress.state` of the same audio, options and model. Raises AudioError for unusable
    samples, and OptionsError for an option that the model cannot do or a state that does not fit, but never
    before its first need.
    """
    yield Scan()  # before anything that may fail, so that starting the generator does not
    language = wanted_language(model, options)
    state = None if resume is None else LongformState.from_dict(resume)
    if state is not None and language not in (None, state.language):
        raise OptionsError("resume", f"its language is {state.language!r}, not {language!r}")

    log_mel = LogMel(audio, model.dims.n_mels)
    while not log_mel.scan(SCAN_FRAMES):
        yield Scan()

    detected = False
    if state is None:
        if language is None:
            yield Slot(options.slots)
            language = yield from detect_language(model, log_mel)
            detected = True
        tokenizer = model.tokenizer(language, options.task)
        state = LongformState.start(tokenizer, options, language)
    tokenizer = model.tokenizer(state.language, options.task)
    rules = rules_for(tokenizer, options, model.dims.n_audio_ctx)
    course = windows(
        state,
        tokenizer=tokenizer,
        options=options,
        dims=model.dims,
        content_frames=log_mel.n_frames,
        duration=log_mel.duration,
    )

    request = _advance(course, None)
    while isinstance(request, WindowRequest):
        if not detected:
            yield Slot(options.slots)
        # The detection's window is this one, unless that starts later (a clip) or ends in padding: silence
        # there, zeros here.
        if not detected or request.seek or request.size < N_FRAMES:
            yield Encode(log_mel.at(request.seek, request.size))
        detected = False
        result = yield from decode_window(model, tokenizer, rules, options, request)
        known = len(state.segments)
        request = _advance(course, result)
        if isinstance(request, AlignRequest):
            request = _advance(course, (yield from align_words(model, tokenizer, request)))
        finished = isinstance(request, Transcription)
        yield Release(
            Progress(
                position=log_mel.duration if finished else state.seek / FRAMES_PER_SECOND,
                duration=log_mel.duration,
                new_segments=tuple(state.segments[known:]),
                language=state.language,
                state=state.to_dict(),
            )
        )
    if isinstance(request, AlignRequest):
        raise AssertionError("words are aligned only after their window was decoded")
    return request


def wanted_language(model: WhisperModel, options: TranscribeOptions) -> str | None:
    """The language asked for, None to detect it; OptionsError if the model cannot do what is asked."""
    initial_tokens(model.tokenizer(), (), options, model.dims.n_text_ctx)  # raises for a prefix or hot words
    if model.dims.is_multilingual:
        if options.language is not None:
            model.tokenizer(options.language, options.task)  # raises if the model does not have it
        return options.language
    if options.language not in (None, "en"):
        raise OptionsError("language", f"this model knows only English, not {options.language!r}")
    if options.task == "translate":
        raise OptionsError("task", "an English-only model does not translate")
    return "en"


def detect_language(model: WhisperModel, log_mel: LogMel) -> Needs[str]:
    """The likeliest language of the first 30 seconds."""
    tokenizer = model.tokenizer()
    yield Encode(log_mel.at(0, N_FRAMES))
    logits = yield Prompt((tokenizer.sot,), rows=(0,))
    probabilities = language_probabilities(tokenizer, logits[0])
    return max(probabilities, key=probabilities.__getitem__)


def decode_window(
    model: WhisperModel,
    tokenizer: Tokenizer,
    rules: tuple[Rule, ...],
    options: TranscribeOptions,
    request: WindowRequest,
) -> Needs[WindowResult]:
    """Decodes the encoded window at rising temperatures until a result passes, or returns the last one's.

    openai-whisper's `decode_with_fallback`.
    """
    n_text_ctx = model.dims.n_text_ctx
    initial = initial_tokens(tokenizer, request.prompt_tokens, options, n_text_ctx)
    limit = sample_limit(options, n_text_ctx, len(initial))
    last_attempt = len(options.temperature) - 1
    for attempt, temperature in enumerate(options.temperature):
        search: WindowSearch
        if temperature == 0 and options.beam_size is not None:
            search = BeamSearch(
                tokenizer,
                rules,
                initial,
                count=options.beam_size,
                limit=limit,
                patience=options.patience,
                length_penalty=options.length_penalty,
            )
        else:
            search = Sampling(
                tokenizer,
                rules,
                initial,
                count=options.texts(temperature),
                limit=limit,
                temperature=temperature,
                length_penalty=options.length_penalty,
                seed=(options.seed, request.seek, attempt),
            )
        feed = search.begin((yield Prompt(initial, search.rows)))
        if feed is not None and search.count > 1:
            yield Fork(search.count)
        fed = 0
        while feed is not None:
            answer = yield feed
            feed = search.chosen(answer) if isinstance(answer, Chosen) else search.advance(answer)
            fed += 1
            if fed % REPORT_TOKENS == 0:
                yield Report(partial(_heard_so_far, search, request))
        result = search.result()
        if attempt == last_attempt or not needs_fallback(result, options):
            return result
    raise AssertionError("TranscribeOptions holds at least one temperature")


def _heard_so_far(search: WindowSearch, request: WindowRequest) -> Partial:
    return Partial(start=request.seek / FRAMES_PER_SECOND, text=search.result().text)


def align_words(model: WhisperModel, tokenizer: Tokenizer, request: AlignRequest) -> Needs[list[WordTiming]]:
    """The words of a window's text with their times, by one more pass of the decoder in the window's slot."""
    dims = model.dims
    tokens = alignment_tokens(tokenizer, request.text_tokens, dims.n_text_ctx)
    positions = request.size * dims.n_audio_ctx // N_FRAMES
    # Each text token is predicted at the position before it; two tokens follow the last such position.
    rows = range(len(tokenizer.sot_sequence), len(tokens) - 2)
    attention, logits = yield Align(tokens, positions, rows)
    return word_timings(tokenizer, request.text_tokens, attention, logits)


def _advance(
    course: Course, result: WindowResult | list[WordTiming] | None
) -> WindowRequest | AlignRequest | Transcription:
    """Sends a result (None to start): the next request, or the transcription at the end."""
    try:
        return next(course) if result is None else course.send(result)
    except StopIteration as stop:
        transcription: Transcription = stop.value
        return transcription
