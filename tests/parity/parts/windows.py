"""One window decoded: token ids, mean log probability and no-speech probability, greedy and beam.

A model of random weights rambles, so only its first window is compared: whole without timestamps, and with
timestamps the segments that the window gives, which leave out an unfinished tail; its mean log probability
covers that tail too. Random logits tie now and then: two tokens that float64 has nearer to each other than
float32 can tell may be chosen either way, and the text after them is another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.answers import Segment
from parity.ours import segment_of
from parity.rows import Lines, Row
from parity.setup import Engines
from whisper_onnx import Batcher, Progress, Task, TranscribeOptions

__all__ = ["windows"]

Floats = NDArray[np.float32]

_SEARCHES: dict[str, dict[str, Any]] = {"greedy": {}, "beam 5": {"beam_size": 5}}
# Here no rule but the suppressed tokens stands between the logits and the choice.
_BY_LOGITS_ALONE = "greedy, no timestamps"
_TIE = 1e-4  # of two logits: nearer to each other than float32 can tell
_WINDOW = 30 * 16_000  # samples
_PEERS_WINDOWS = 4


def windows(engines: Engines) -> Iterator[Row]:
    """Both searches of the first window, with and without timestamps."""
    for search, options in _SEARCHES.items():
        for stamped in (False, True):
            how = f"{search}, {'with' if stamped else 'no'} timestamps"

            def rows(options: dict[str, Any] = options, stamped: bool = stamped, how: str = how) -> list[Row]:
                return _first_window(engines, how, {**options, "without_timestamps": not stamped})

            yield from _lines(engines).attempt(how, rows)
        if engines.case.trained:
            yield _transformers(engines, search, options)


def _first_window(engines: Engines, how: str, options: dict[str, Any]) -> list[Row]:
    audio = engines.setup.speech.audio[:_WINDOW]
    if options["without_timestamps"] and not engines.case.trained:
        # Random text would hold timestamps even so, and be cut at them.
        first = engines.ours.model.tokenizer("en", "transcribe").timestamp_begin
        options = {**options, "suppress_tokens": (-1, *range(first, engines.case.dims.n_vocab))}
    mel = engines.openai.log_mel(audio)[:, :3000]
    theirs = engines.openai.decode(np.ascontiguousarray(mel), language="en", **options)
    ours = _window_of_ours(engines, audio, options)
    tokens = [token for segment in ours for token in segment.tokens]
    expected = _kept(engines, theirs.tokens)
    lines = _lines(engines)
    agreeing = _agreeing(tokens, expected)
    measured, parted = f"{agreeing} of {len(expected)}", tokens != expected
    promise, tied = "identical", False
    if how == _BY_LOGITS_ALONE and not engines.case.trained:
        promise = f"identical up to a tie of {_TIE:g}"
        if parted and agreeing < min(len(tokens), len(expected)):
            gap = _gap(engines, mel, expected[:agreeing], tokens[agreeing], expected[agreeing])
            tied = gap <= _TIE
            measured += f"; there the two tokens' logits are {gap:.1e} apart in float64"
    rows = [
        lines.promised(
            f"token ids, {how}",
            promise=promise,
            measured=measured,
            held=bool(tokens) and (tied or not parted),
            details=(f"ours {tokens}", f"theirs {expected}") if parted else (),
        )
    ]
    pairs = (
        ("mean log probability", ours[0].avg_logprob, theirs.avg_logprob),
        ("no-speech probability", ours[0].no_speech_prob, theirs.no_speech_prob),
    )
    for what, mine, other in pairs[tied:]:  # another text has another mean log probability
        rows.append(lines.bounded(f"{what}, {how}", abs(mine - other), bound=1e-4))
    return rows


def _gap(engines: Engines, mel: Floats, agreed: list[int], ours: int, theirs: int) -> float:
    """How far apart float64 has the logits of two tokens, after those that agree."""
    start = engines.ours.model.tokenizer("en", "transcribe").sot_sequence_including_notimestamps
    window = np.ascontiguousarray(mel)[np.newaxis]
    row = engines.transformers.exact_logits(window, [*start, *agreed])[-1]
    return float(abs(row[ours] - row[theirs]))


def _lines(engines: Engines) -> Lines:
    return Lines("window", engines.case.name, "openai-whisper")


def _window_of_ours(engines: Engines, audio: np.ndarray, options: dict[str, Any]) -> tuple[Segment, ...]:
    """The segments of the first window: the task is called off when it has told of them."""
    told: list[Progress] = []
    batcher = Batcher(engines.ours.model, engines.ours.model.runtime.slots)
    chosen = TranscribeOptions(temperature=(0.0,), no_speech_threshold=None, language="en", **options)

    def on_progress(progress: Progress) -> None:
        told.append(progress)
        batcher.cancel(task)

    task = Task(audio, chosen, on_progress=on_progress)
    batcher.add(task)
    batcher.run()
    return tuple(segment_of(segment) for segment in told[0].new_segments)


def _transformers(engines: Engines, search: str, options: dict[str, Any]) -> Row:
    """transformers' tokens of some windows of speech, of its first pass over each."""
    mel = engines.openai.log_mel(engines.setup.medium.audio)
    agreed, total = 0, 0
    for index in range(_PEERS_WINDOWS):
        window = np.ascontiguousarray(mel[:, index * 3000 : (index + 1) * 3000])
        expected = engines.openai.decode(window, language="en", **options).tokens
        given = engines.transformers.decode(window, beams=options.get("beam_size", 1))
        agreed += expected == given[: len(expected)]
        total += 1
    return Lines("window", engines.case.name, "transformers").promised(
        f"token ids of {total} windows, {search}",
        promise="identical",
        measured=f"{agreed} of {total} windows",
        held=agreed == total,
    )


def _kept(engines: Engines, tokens: list[int]) -> list[int]:
    """The tokens of the segments that a window gives: those with a text, a length and an end."""
    tokenizer = engines.ours.model.tokenizer("en", "transcribe")
    stamped = [token >= tokenizer.timestamp_begin for token in tokens]
    cuts = [i for i in range(1, len(tokens)) if stamped[i - 1] and stamped[i]]
    if not cuts:
        return tokens
    if stamped[-2:] == [False, True]:
        cuts.append(len(tokens))
    spans = [tokens[first:last] for first, last in zip([0, *cuts], cuts, strict=False)]
    kept = [span for span in spans if span[0] != span[-1] and tokenizer.decode(span).strip()]
    return [token for span in kept for token in span]


def _agreeing(ours: list[int], theirs: list[int]) -> int:
    """Tokens before the first that differs."""
    pairs = zip(ours, theirs, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))
