"""Which part of a file a request means (RFC 9110, sections 13.1 and 14.2)."""

from __future__ import annotations

import pytest

from stenobox.web.ranged import matches, range_of


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 0)), ("bytes=0-", (0, 99)), ("bytes=10-19", (10, 19)), ("bytes=-1", (99, 99)),
        ("bytes=-100", (0, 99)), ("bytes=-1000", (0, 99)), ("bytes=99-", (99, 99)), ("bytes=5-500", (5, 99)),
        ("Bytes=1-2", (1, 2)), ("bytes= 1 - 2 ", (1, 2)),
    ],
)  # fmt: skip
def test_one_range_is_the_part_that_it_names(header: str, part: tuple[int, int]) -> None:
    assert range_of(header, 100) == part


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={10**17}-"])
def test_a_range_beyond_the_end_holds_nothing(header: str) -> None:
    part = range_of(header, 100)
    assert part is not None
    assert part[0] > part[1]


@pytest.mark.parametrize(
    "header",
    [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=2-1", "items=0-5", "bytes=0-1,5-6",
        "bytes=+1-2", "bytes=1.5-2", "bytes=\u0661-\u0662", f"bytes={'9' * 19}-", "bytes=0-1;x", "0-5",
    ],
)  # fmt: skip
def test_what_is_no_single_range_of_bytes_is_ignored(header: str) -> None:
    assert range_of(header, 100) is None


def test_of_an_empty_file_no_range_holds_anything() -> None:
    for header in ("bytes=0-", "bytes=-5"):
        part = range_of(header, 0)
        assert part is not None
        assert part[0] > part[1]


def test_entity_tags_match_as_the_standard_says() -> None:
    assert matches('"a"', '"a"', weakly=False)
    assert matches('"b", "a"', '"a"', weakly=False)
    assert matches("*", '"a"', weakly=False)
    assert not matches('W/"a"', '"a"', weakly=False)
    assert matches('W/"a"', '"a"', weakly=True)
    assert not matches("a", '"a"', weakly=True)
