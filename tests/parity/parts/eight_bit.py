"""What 8-bit weights cost: word error on speech, and how long free-running tokens stay with fp32's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parity.answers import Transcript
from parity.comparing import word_errors
from parity.recordings import Recording, composed, spoken
from parity.rows import Lines, Row
from parity.setup import Engines

__all__ = ["agreement", "word_error"]

Floats = NDArray[np.float32]

_TOKENS: Final = 100
_WINDOWS: Final = 48
_POINTS: Final = 0.2  # percentage points of word error
_PIECE: Final = 300.0  # seconds of one recording


def word_error(engines: Engines) -> Iterator[Row]:
    """Word error of the same recordings in fp32 and in int8."""
    if engines.case.trained:
        lines = Lines("int8", engines.case.name, "ours fp32")
        yield from lines.attempt("word error", lambda: list(_word_error(engines, lines)))


def _word_error(engines: Engines, lines: Lines) -> Iterator[Row]:
    """As everybody decodes, by the usual temperatures; at 0 alone, one window that repeats itself weighs more
    than all others together, and how long it does so says little of the weights.
    """
    for kind, recordings in _test_speech(engines).items():
        words = sum(word_errors(r.text, "")[1] for r in recordings)
        compared = f"word error over {words} words, {kind}"
        usual = _errors(engines, recordings, {"language": "en"})
        yield lines.promised(
            compared,
            promise=f"at most {_POINTS:g} points more",
            measured=_listed(usual),
            held=usual["int8"] - usual["fp32"] <= _POINTS,
        )
        yield lines.told(
            f"{compared}, temperature 0 alone",
            _listed(_errors(engines, recordings, {"language": "en", "temperature": (0.0,)})),
        )


def _errors(engines: Engines, recordings: Sequence[Recording], options: dict[str, Any]) -> dict[str, float]:
    """Word errors for each hundred words: of fp32, int8, and the peer's int8."""
    return {
        "fp32": _percent(recordings, lambda r: engines.ours.transcribe(r.audio, **options)),
        "int8": _percent(recordings, lambda r: engines.ours_int8.transcribe(r.audio, **options)),
        "faster-whisper int8": _percent(
            recordings, lambda r: engines.faster_transcript(r, "int8", beam_size=1, **options)
        ),
    }


def _listed(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {percent:.2f}%" for name, percent in errors.items())


def _test_speech(engines: Engines) -> dict[str, list[Recording]]:
    """Recordings of five minutes whose words are known: as many as fill the length asked for."""
    count = max(1, round(engines.setup.seconds / _PIECE))
    seeds = [engines.setup.seed + 1000 + index for index in range(count)]
    found = {"composed": [composed(_PIECE, seed) for seed in seeds]}
    with suppress(OSError):  # espeak-ng is not installed, which the long recordings have said
        found["espeak"] = [spoken(_PIECE, seed, clean=True) for seed in seeds]
    return found


def _percent(recordings: Sequence[Recording], transcribe: Callable[[Recording], Transcript]) -> float:
    """Word errors for each hundred words that were said."""
    counted = [word_errors(recording.text, transcribe(recording).text) for recording in recordings]
    return 100 * sum(errors for errors, _ in counted) / sum(words for _, words in counted)


def agreement(engines: Engines) -> Iterator[Row]:
    """Of 100 free-running greedy tokens, the share that stands where fp32 has it, against CTranslate2's."""
    lines = Lines("int8", engines.case.name, "CTranslate2")
    compared = f"{_TOKENS} free-running tokens of {_WINDOWS} windows"
    yield from lines.attempt(compared, lambda: _agreement(engines, lines, compared))


def _agreement(engines: Engines, lines: Lines, compared: str) -> list[Row]:
    tokenizer = engines.ours.model.tokenizer("en", "transcribe")
    prompt, never = list(tokenizer.sot_sequence_including_notimestamps), [tokenizer.eot]
    mel = engines.openai.log_mel(composed(30.0 * _WINDOWS, engines.setup.seed + 300).audio)
    shares: dict[str, list[float]] = {"ours": [], "theirs": [], "between": []}
    for index in range(_WINDOWS):
        window = np.ascontiguousarray(mel[np.newaxis, :, index * 3000 : (index + 1) * 3000])
        exact = engines.ours.free_running(window, prompt, _TOKENS, never)
        ours = engines.ours_int8.free_running(window, prompt, _TOKENS, never)
        expected = engines.faster.free_running(window, prompt, _TOKENS, never)
        theirs = engines.faster_int8.free_running(window, prompt, _TOKENS, never)
        shares["ours"].append(_share(ours, exact))
        shares["theirs"].append(_share(theirs, expected))
        shares["between"].append(_share(exact, expected))
    mean = {key: float(np.mean(values)) for key, values in shares.items()}
    each = tuple(f"{key}: {' '.join(f'{share:.2f}' for share in values)}" for key, values in shares.items())
    return [
        lines.promised(
            f"{compared} as in fp32",
            promise="at least theirs",
            measured=f"ours {mean['ours']:.3f}, theirs {mean['theirs']:.3f}",
            held=mean["ours"] >= mean["theirs"],
            details=each,
        ),
        lines.told(f"{compared}, fp32 of both", f"{mean['between']:.3f}"),
    ]


def _share(tokens: Sequence[int], exact: Sequence[int]) -> float:
    """Share of positions with the same token; a position that one of the two lacks counts as different."""
    pairs = zip(tokens, exact, strict=False)
    return sum(a == b for a, b in pairs) / max(len(tokens), len(exact))
