"""What corrections and searches take and answer, and how values of the product become that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stenobox.editing import difference, versions
from stenobox.moments import moment
from stenobox.search import finding, passages
from stenobox.types import Segment, Transcript
from stenobox.web.answers import Channel, Line, Moment, Said, Seconds


class CorrectedLine(msgspec.Struct, forbid_unknown_fields=True):
    """Times in seconds; `channel` counts from 0."""

    start: float
    end: float
    text: str
    channel: int | None = None


class CorrectedTranscript(msgspec.Struct, forbid_unknown_fields=True):
    """All lines, in the order of their starts; what is left out is gone from the new version."""

    segments: list[CorrectedLine]


class Version(Said):
    """Who made a version of a transcript, and when."""

    number: Annotated[int, Meta(ge=1)]
    author: Annotated[str | None, Meta(description="Name of the account; null is the model")]
    created_at: Moment
    restored_from: Annotated[int | None, Meta(description="The version that it says again")]


class VersionList(Said):
    """All versions, the oldest first; the last one is current."""

    versions: list[Version]


class VersionText(Version):
    """A version with its lines."""

    segments: list[Line]


class DifferencePart(Said):
    """Words that are in both versions, only in the old one, or only in the new one."""

    kind: Literal["same", "removed", "added"]
    text: str


class DifferenceChange(Said):
    """A stretch that differs, in the lines of both versions and word by word."""

    old: list[Line]
    new: list[Line]
    parts: list[DifferencePart]


class Difference(Said):
    """What makes one version of another."""

    number: int
    against: int
    same: Annotated[int, Meta(ge=0, description="Lines that are in both")]
    changes: list[DifferenceChange]


class FoundPart(Said):
    """Some text, and whether it is what was looked for."""

    text: str
    hit: bool


class FoundPassage(Said):
    """A line that holds hits."""

    line: Annotated[int, Meta(ge=0, description="Its `id` in the transcript")]
    start: Seconds
    end: Seconds
    channel: Channel
    parts: list[FoundPart]


class FoundTranscript(Said):
    """A transcript that fits a search."""

    job_id: str
    recording_id: str
    owner: Annotated[str, Meta(description="Name of the account")]
    title: list[FoundPart]
    tags: list[FoundPart]
    language: str
    duration: Seconds
    created_at: Moment
    version: Annotated[int, Meta(ge=1)]
    passages: Annotated[list[FoundPassage], Meta(description="Those with the most hits, in their order")]
    lines: Annotated[int, Meta(ge=0, description="How many lines hold hits")]


class SearchPage(Said):
    """What fits best first."""

    hits: list[FoundTranscript]
    total: Annotated[int, Meta(ge=0, description="How many there are, on all pages")]
    complete: Annotated[bool, Meta(description="False: more fit, and these are the newest of them")]
    next: Annotated[str | None, Meta(description="The `cursor` of the next page; null on the last")]


def version(value: versions.Version) -> Version:
    return Version(value.number, value.author, moment(value.created_at), value.restored_from)


def version_text(value: versions.Version, transcript: Transcript) -> VersionText:
    return VersionText(
        value.number,
        value.author,
        moment(value.created_at),
        value.restored_from,
        _lines(transcript.segments),
    )


def difference_of(number: int, against: int, value: difference.Difference) -> Difference:
    changes = [
        DifferenceChange(
            _lines(change.old),
            _lines(change.new),
            [DifferencePart(part.kind, part.text) for part in change.parts],
        )
        for change in value.changes
    ]
    return Difference(number, against, value.same, changes)


def search_page(value: finding.Found) -> SearchPage:
    return SearchPage([_hit(hit) for hit in value.hits], value.total, value.complete, value.next)


def _hit(hit: finding.Hit) -> FoundTranscript:
    shown = [
        FoundPassage(place.passage.line, place.start, place.end, place.channel, _parts(place.passage.parts))
        for place in hit.places
    ]
    return FoundTranscript(
        job_id=hit.job_id,
        recording_id=hit.recording_id,
        owner=hit.owner,
        title=_parts(hit.title),
        tags=_parts(hit.tags),
        language=hit.language,
        duration=hit.duration,
        created_at=moment(hit.created_at),
        version=hit.version,
        passages=shown,
        lines=hit.lines,
    )


def _parts(parts: Iterable[passages.Part]) -> list[FoundPart]:
    return [FoundPart(part.text, part.hit) for part in parts]


def _lines(segments: Iterable[Segment]) -> list[Line]:
    return [Line(s.id, s.start, s.end, s.text, s.channel) for s in segments]
