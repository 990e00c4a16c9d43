"""Which bytes of a file are there: half-open ranges [first, last), sorted, apart from each other."""

from __future__ import annotations

from collections.abc import Iterator

Ranges = tuple[tuple[int, int], ...]


def with_range(ranges: Ranges, first: int, last: int) -> Ranges:
    """The same with one more, joined to what it touches."""
    if first >= last:
        return ranges
    apart: list[tuple[int, int]] = []
    for begin, end in ranges:
        if end < first or begin > last:
            apart.append((begin, end))
        else:
            first, last = min(first, begin), max(last, end)
    return tuple(sorted([*apart, (first, last)]))


def count(ranges: Ranges) -> int:
    """Bytes that are there."""
    return sum(last - first for first, last in ranges)


def from_start(ranges: Ranges) -> int:
    """Bytes that are there without a gap from the first one on."""
    return ranges[0][1] if ranges and ranges[0][0] == 0 else 0


def missing(ranges: Ranges, size: int) -> Ranges:
    """What a file of `size` bytes lacks."""
    gaps, at = [], 0
    for first, last in (*ranges, (size, size)):
        if first > at:
            gaps.append((at, first))
        at = max(at, last)
    return tuple(gaps)


def split(ranges: Ranges, first: int, last: int) -> Iterator[tuple[int, int, bool]]:
    """[first, last) in order, cut where it enters or leaves what is there; True: is there already."""
    at = first
    for begin, end in ranges:
        if end <= at or begin >= last:
            continue
        if begin > at:
            yield at, begin, False
        yield max(begin, at), min(end, last), True
        at = min(end, last)
    if at < last:
        yield at, last, False
