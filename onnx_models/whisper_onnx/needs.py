"""What a recording being transcribed may need from whoever runs the model.

A generator of needs yields one of these at a time, is sent the answer, and returns its result. It runs
nothing itself, so one driver (`batch.py`) serves many of them with one run of the model. The order:

    Scan...  (Slot, Encode, Prompt, [Fork], Feed..., [Prompt, [Fork], Feed...]..., [Align], Release)...

where a second Prompt starts the window's next attempt at a higher temperature. `Together` runs generators
side by side, and takes the place of the windows or surrounds them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .features import MelWindow
from .rules import Allowed
from .transcription import Segment

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording has come after a window: seconds, and what that window added.

    `state` is JSON-able; a task that resumes from it carries on after this window.
    """

    position: float
    duration: float
    new_segments: tuple[Segment, ...]
    language: str
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Partial:
    """What has been heard so far of a window that is being decoded, which may yet change altogether.

    `start` is the window's, in seconds of the recording; `text` is stripped.
    """

    start: float
    text: str


@dataclass(frozen=True, slots=True)
class Scan:
    """Wants to be called again to carry on with the first pass over the samples. No answer."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Wants `count` slots of the runtime for a window, when it has none. No answer.

    All at once: whoever held some and waited for others could wait for ever.
    """

    count: int = 1


@dataclass(frozen=True, slots=True)
class Encode:
    """Wants the encoder run into its first slot for this window. No answer."""

    window: MelWindow


@dataclass(frozen=True, slots=True)
class Prompt:
    """Wants its first slot's decoder restarted with these tokens.

    The answer: the logits of its positions `rows`, (len(rows), n_vocab) float32, which it may overwrite.
    """

    tokens: Sequence[int]
    rows: Sequence[int]


@dataclass(frozen=True, slots=True)
class Fork:
    """Wants the audio and text of its first slot copied to the others of its first `count`. No answer."""

    count: int


@dataclass(frozen=True, slots=True)
class Feed:
    """Wants its first slots' decoders fed one token each: slot i `tokens[i]`.

    Where there are `sources`, slot i takes over the text of slot `sources[i]` before that; a slot whose text
    goes to another one keeps it too (`Runtime.reorder`). The answer: the logits that follow, (len(tokens),
    n_vocab) float32, which it may overwrite; or, for a single token whose successor is the likeliest that is
    `allowed`, that choice, where the device makes it.
    """

    tokens: tuple[int, ...]
    sources: tuple[int, ...] | None = None
    allowed: Allowed | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A token and its natural-log probability among those that were allowed."""

    token: int
    logprob: float


@dataclass(frozen=True, slots=True)
class Align:
    """Wants its first slot's decoder restarted with a finished text, and shown where it looks.

    The answer: the attention weights of the alignment heads over the first `positions` of the audio, (heads,
    len(tokens), positions) float32, and the logits of its positions `rows`, (len(rows), n_vocab) float32,
    which it may overwrite (`Runtime.align`).
    """

    tokens: Sequence[int]
    positions: int
    rows: Sequence[int]


@dataclass(frozen=True, slots=True)
class Report:
    """Tells how far its window has come; `partial` is called only if somebody listens. No answer."""

    partial: Callable[[], Partial]


@dataclass(frozen=True, slots=True)
class Together:
    """Wants these generators of needs run side by side, each with slots of its own.

    Its own slots are given back first. The answer: the tuple of their results, once all have ended. What one
    of them raises ends the whole task.
    """

    children: Sequence[Generator[Need, Any, Any]]


@dataclass(frozen=True, slots=True)
class Release:
    """Gives its slots back after a window, and tells how far it has come. No answer."""

    progress: Progress | None = None


Need = Scan | Slot | Encode | Prompt | Fork | Feed | Align | Report | Together | Release
Needs = Generator[Need, Any, Result]
