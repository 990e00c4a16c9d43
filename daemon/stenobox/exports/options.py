"""What whoever asks for an export may choose, and which formats a choice means something to.

The rules for subtitles are those that broadcasters agree on (Netflix Timed Text Style Guide; BBC Subtitle
Guidelines): 42 characters to a line and two lines, 17 characters a second for the reader, five sixths of a
second to seven seconds for a cue, two frames between cues.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stenobox.errors import InvalidRequest

__all__ = ["LAYOUT", "OPTIONS", "SPEAKERS", "TIMESTAMPS", "ExportOptions", "Layout", "check_applies"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How subtitles are cut into cues: characters, lines, characters per second; milliseconds."""

    line_chars: int = 42
    cue_lines: int = 2
    max_cps: float = 17.0
    cue_min: int = 833
    cue_max: int = 7_000
    cue_gap: int = 83


class ExportOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is not given is as usual. One of the last six has subtitles laid out; else a segment is a cue."""

    timestamps: (
        Annotated[bool, Meta(description="Begin each paragraph or line with its time")] | UnsetType
    ) = UNSET
    speakers: Annotated[bool, Meta(description="Say which channel a line was heard in")] | UnsetType = UNSET
    line_chars: (
        Annotated[int, Meta(ge=10, le=100, description="Subtitles: most characters of a line; usually 42")]
        | UnsetType
    ) = UNSET
    cue_lines: (
        Annotated[int, Meta(ge=1, le=4, description="Subtitles: most lines of a cue; usually 2")] | UnsetType
    ) = UNSET
    max_cps: (
        Annotated[
            float,
            Meta(
                ge=5,
                le=60,
                description="Subtitles: a cue stays until so many characters a second were read, "
                "if the next one leaves room; usually 17",
            ),
        ]
        | UnsetType
    ) = UNSET
    cue_min: (
        Annotated[
            float,
            Meta(ge=0.1, le=5, description="Subtitles: seconds that a cue stays at least; usually 0.833"),
        ]
        | UnsetType
    ) = UNSET
    cue_max: (
        Annotated[
            float, Meta(ge=1, le=30, description="Subtitles: seconds that a cue stays at most; usually 7")
        ]
        | UnsetType
    ) = UNSET
    cue_gap: (
        Annotated[float, Meta(ge=0, le=1, description="Subtitles: seconds between two cues; usually 0.083")]
        | UnsetType
    ) = UNSET

    @property
    def given(self) -> tuple[str, ...]:
        """The names of those that were chosen."""
        return tuple(name for name in self.__struct_fields__ if getattr(self, name) is not UNSET)

    @property
    def layout(self) -> Layout | None:
        """How to lay subtitles out; None: a cue for each segment, as it is."""
        chosen: dict[str, Any] = {name: getattr(self, name) for name in self.given if name in LAYOUT}
        for name in ("cue_min", "cue_max", "cue_gap"):
            if name in chosen:
                chosen[name] = round(chosen[name] * 1000)
        return Layout(**chosen) if chosen else None


OPTIONS: Final = ExportOptions.__struct_fields__
TIMESTAMPS: Final = frozenset({"timestamps"})
SPEAKERS: Final = frozenset({"speakers"})
LAYOUT: Final = frozenset(OPTIONS) - TIMESTAMPS - SPEAKERS


def check_applies(options: ExportOptions, applicable: Iterable[Collection[str]], formats: str) -> None:
    """Raises InvalidRequest for an option that none of the formats has, or for two that exclude each other.

    `applicable`: the names that each format takes; `formats`: what to call them to people.
    """
    known = {name for names in applicable for name in names}
    for name in options.given:
        if name not in known:
            raise InvalidRequest(problem=f"The option {name} means nothing to the format {formats}.")
    layout = options.layout
    if layout is not None and layout.cue_min > layout.cue_max:
        raise InvalidRequest(
            problem="The option cue_min must not be more than cue_max "
            f"({layout.cue_min / 1000:g} and {layout.cue_max / 1000:g} seconds)."
        )
