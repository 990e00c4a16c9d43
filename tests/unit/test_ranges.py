"""Byte ranges against a plain set of positions, which cannot be wrong."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from stenobox.intake.ranges import Ranges, count, from_start, missing, split, with_range

SIZE = 40
SPANS = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=8)


def built(spans: list[tuple[int, int]]) -> tuple[Ranges, set[int]]:
    ranges: Ranges = ()
    positions: set[int] = set()
    for first, last in spans:
        ranges = with_range(ranges, first, last)
        positions |= set(range(first, last))
    return ranges, positions


@given(SPANS)
def test_ranges_hold_exactly_the_positions_that_were_added(spans: list[tuple[int, int]]) -> None:
    ranges, positions = built(spans)
    assert {position for first, last in ranges for position in range(first, last)} == positions
    assert count(ranges) == len(positions)


@given(SPANS)
def test_ranges_stay_sorted_and_never_touch(spans: list[tuple[int, int]]) -> None:
    ranges, _ = built(spans)
    assert all(first < last for first, last in ranges)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))


@given(SPANS)
def test_what_is_missing_and_what_is_there_make_the_file(spans: list[tuple[int, int]]) -> None:
    ranges, positions = built(spans)
    gaps = {position for first, last in missing(ranges, SIZE) for position in range(first, last)}
    assert gaps == set(range(SIZE)) - positions
    assert from_start(ranges) == min(set(range(SIZE + 1)) - positions)


@given(SPANS, st.integers(0, SIZE), st.integers(0, SIZE))
def test_split_cuts_a_piece_where_it_meets_what_is_there(
    spans: list[tuple[int, int]], first: int, last: int
) -> None:
    ranges, positions = built(spans)
    parts = list(split(ranges, first, last))
    covered = [position for begin, end, _ in parts for position in range(begin, end)]
    assert covered == list(range(first, last))
    for begin, end, there in parts:
        assert all((position in positions) is there for position in range(begin, end))
