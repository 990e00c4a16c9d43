"""Word times and probabilities of whole recordings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from parity.answers import Transcript
from parity.comparing import compare
from parity.recordings import Recording
from parity.rows import Lines, Row
from parity.setup import Engines

__all__ = ["words"]

_BOUND: Final = 0.02  # seconds: one position of the encoder
_ROUNDING: Final = 1e-6
_VALUES: Final = 1e-4


def words(engines: Engines) -> Iterator[Row]:
    """The long recordings, greedy, with the times of words, which also move the windows."""
    if not engines.case.trained:
        return
    lines = Lines("words", engines.case.name, "openai-whisper")
    for recording in engines.setup.long:

        def rows(recording: Recording = recording) -> list[Row]:
            options = {"language": "en", "temperature": (0.0,), "word_timestamps": True}
            ours = engines.ours.transcribe(recording.audio, **options)
            theirs = engines.openai_transcript(recording, **options)
            return list(_rows(lines, recording, ours, theirs))

        yield from lines.attempt(recording.name, rows)


def _rows(lines: Lines, recording: Recording, ours: Transcript, theirs: Transcript) -> Iterator[Row]:
    length = f"{recording.seconds / 60:g} min, {recording.name.split('-')[0]}"
    found = compare(ours, theirs)
    same = [word.word for word in ours.words] == [word.word for word in theirs.words]
    yield lines.promised(
        f"words of {length}",
        promise="identical",
        measured=f"{len(ours.words)} and {len(theirs.words)}; {found.differing} segments differ",
        held=same and found.same_tokens and bool(theirs.words),
        details=tuple(str(difference) for difference in found.differences[:3]),
    )
    if not same:
        return
    pairs = list(zip(ours.words, theirs.words, strict=True))
    times = [max(abs(a.start - b.start), abs(a.end - b.end)) for a, b in pairs]
    too_far = [pair for pair, time in zip(pairs, times, strict=True) if time > _BOUND + _ROUNDING]
    yield lines.promised(
        f"word times of {length}",
        promise=f"within {_BOUND:g} s",
        measured=f"{max(times):.1e} s; {sum(time > _ROUNDING for time in times)} of {len(pairs)} not equal",
        held=not too_far,
        details=tuple(
            f"{a.word} ours {a.start:.2f}-{a.end:.2f}, theirs {b.start:.2f}-{b.end:.2f}"
            for a, b in too_far[:5]
        ),
    )
    apart = max(abs(a.probability - b.probability) for a, b in pairs)
    yield lines.bounded(f"word probabilities of {length}", apart, bound=_VALUES)
