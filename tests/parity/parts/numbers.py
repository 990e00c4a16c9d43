"""log-mel, encoder output, teacher-forced logits, language probabilities: numbers near the reference's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from golden.scrambled import scrambled_mel, scrambled_tokens
from parity.cases import plain_case
from parity.rows import Lines, Row
from parity.setup import Engines
from whisper_onnx.dims import N_FRAMES, N_SAMPLES
from whisper_onnx.features import LogMel, log_mel

__all__ = ["encoder", "language", "log_mels", "logits"]

Floats = NDArray[np.float32]

_BOUND: Final = 1e-4  # absolute
_TOKENS: Final = 100
_STRAYS: Final = 2.0


def furthest(ours: Floats, theirs: Floats) -> float:
    """The largest absolute difference; a different shape is a mistake here, not a result."""
    assert ours.shape == theirs.shape, f"{ours.shape} against {theirs.shape}"
    return float(np.abs(ours - theirs).max())


def log_mels(engines: Engines) -> Iterator[Row]:
    """Every frame of the recordings, by both ways we compute them."""
    lines = Lines("log-mel", engines.case.name, "openai-whisper")
    for recording in (engines.setup.speech, *(engines.setup.long if engines.case.trained else ())):
        theirs = engines.openai.log_mel(recording.audio)
        whole = log_mel(recording.audio, engines.case.dims.n_mels, padding=N_SAMPLES)
        windows = LogMel(recording.audio, engines.case.dims.n_mels)
        apart = furthest(whole, theirs)
        for seek in range(0, theirs.shape[1] - N_FRAMES, N_FRAMES):
            apart = max(apart, furthest(windows.window(seek), theirs[:, seek : seek + N_FRAMES]))
        yield lines.bounded(f"every frame of {recording.name}", apart, bound=_BOUND)


def encoder(engines: Engines) -> Iterator[Row]:
    """The encoder's output for a window of speech, and with random weights for one of noise."""
    for kind, mel in _windows(engines):
        ours = engines.ours.encode(mel)
        theirs = {
            "openai-whisper": engines.openai.encode(mel),
            "faster-whisper": engines.faster.encode(mel),
            "transformers": engines.transformers.encode(mel),
        }
        for peer, expected in theirs.items():
            lines = Lines("encoder", engines.case.name, peer)
            yield lines.bounded(f"output for a window of {kind}", furthest(ours, expected), bound=_BOUND)


def logits(engines: Engines) -> Iterator[Row]:
    """Teacher-forced logits of a whole prompt and of single steps; the likeliest token at every position.

    The bound is for a trained model and for random weights. Those that shape_case sharpens are so hard on
    rounding that the reference in float32 is itself up to 1e-4 from float64: there float64 is the yardstick.
    """
    if engines.case.trained:
        yield from _near_the_peers(engines, "")
        return
    plain = Engines(plain_case(engines.case.name, engines.setup.cache / "models"), engines.setup)
    yield from _near_the_peers(plain, "random weights, ", model=engines.case.name)
    yield from _near_float64(engines)


def _near_the_peers(engines: Engines, weights: str, *, model: str | None = None) -> Iterator[Row]:
    for kind, mel in _windows(engines):
        encoded = engines.openai.encode(mel)
        tokens = [*engines.start, *_text(engines, mel)][:_TOKENS]
        theirs = {
            "openai-whisper": engines.openai.logits(encoded, tokens),
            "transformers": engines.transformers.logits(encoded, tokens),
        }
        for how, first in (("as one prompt", len(tokens)), ("step by step", len(engines.start))):
            ours = engines.ours.logits(mel, tokens, first)
            compared = f"{weights}{len(tokens)} tokens over {kind}, {how}"
            for peer, expected in theirs.items():
                lines = Lines("logits", model or engines.case.name, peer)
                yield lines.bounded(compared, furthest(ours, expected), bound=_BOUND)
            lines = Lines("logits", model or engines.case.name, "openai-whisper")
            yield _likeliest(lines, compared, ours, theirs["openai-whisper"])


def _near_float64(engines: Engines) -> Iterator[Row]:
    lines = Lines("logits", engines.case.name, "openai-whisper")
    for kind, mel in _windows(engines):
        tokens = [*engines.start, *_text(engines, mel)][:_TOKENS]
        theirs = engines.openai.logits(engines.openai.encode(mel), tokens)
        exact = engines.transformers.exact_logits(mel, tokens)
        strays = float(np.abs(theirs - exact).max())
        for how, first in (("as one prompt", len(tokens)), ("step by step", len(engines.start))):
            ours = engines.ours.logits(mel, tokens, first)
            apart = float(np.abs(ours - exact).max())
            compared = f"sharpened weights, {len(tokens)} tokens over {kind}, {how}"
            yield lines.promised(
                compared,
                promise=f"at most {_STRAYS:g} times as far from float64",
                measured=f"{apart / strays:.2f} times (ours {apart:.1e}, theirs {strays:.1e}; "
                f"{furthest(ours, theirs):.1e} between them)",
                held=apart <= _STRAYS * strays,
            )
            yield _likeliest(lines, compared, ours, theirs)


def _likeliest(lines: Lines, compared: str, ours: Floats, theirs: Floats) -> Row:
    equal = int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum())
    return lines.promised(
        f"likeliest token after {compared}",
        promise="identical",
        measured=f"{equal} of {len(ours)}",
        held=equal == len(ours),
    )


def language(engines: Engines) -> Iterator[Row]:
    """Probability of every language in the first window."""
    if not engines.case.dims.is_multilingual:
        return
    theirs = engines.openai.languages(engines.window)
    best, ours = engines.ours.model.detect_language(engines.setup.speech.audio)
    assert ours.keys() == theirs.keys()
    apart = max(abs(ours[code] - theirs[code]) for code in theirs)
    expected = max(theirs, key=theirs.__getitem__)
    lines = Lines("language", engines.case.name, "openai-whisper")
    yield lines.bounded(f"probabilities of {len(theirs)} languages", apart, bound=_BOUND)
    measured = f"{best} and {expected}"
    yield lines.promised("likeliest language", promise="identical", measured=measured, held=best == expected)


def _windows(engines: Engines) -> Iterator[tuple[str, Floats]]:
    yield "speech", engines.window[np.newaxis]
    if not engines.case.trained:
        yield "noise", scrambled_mel(engines.case.dims.n_mels)[np.newaxis]


def _text(engines: Engines, mel: Floats) -> list[int]:
    """What a trained model hears; any tokens for one of random weights."""
    if engines.case.trained:
        return list(engines.openai.decode(mel[0], language="en").tokens)
    return scrambled_tokens(engines.case.dims.n_vocab, _TOKENS)[1:]
