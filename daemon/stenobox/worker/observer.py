"""What the worker tells whoever counts; `monitor.metrics` implements it."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    FAILED = "failed"  # the recording is bad, or the box failed on it
    RELEASED = "released"  # given back unharmed: a clean stop, or a full disk
    LOST = "lost"  # cancelled by a person, or overtaken


class WorkerObserver(Protocol):
    """Called on the event loop; must not block or raise."""

    def attempt_ended(self, outcome: Outcome, seconds: float) -> None:
        """`seconds` since the claim."""

    def audio_decoded(self, seconds: float) -> None:
        """A recording of that length went through the decoding child."""

    def audio_transcribed(self, seconds: float) -> None:
        """The engine came that much further in some recording."""


class NoObserver:
    """Counts nothing."""

    def attempt_ended(self, outcome: Outcome, seconds: float) -> None:
        pass

    def audio_decoded(self, seconds: float) -> None:
        pass

    def audio_transcribed(self, seconds: float) -> None:
        pass
