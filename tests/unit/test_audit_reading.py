"""Reading the audit trail: pages, filters and exports."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stenobox.audit import (
    Filter,
    Row,
    Trail,
    filter_by_action,
)
from stenobox.audit.formats import FORMATS, comma_separated, moment
from stenobox.errors import InvalidRequest
from storing import Store
from unit.test_audit import everything, filled


async def test_following_the_cursor_shows_each_row_once_whatever_is_added(store: Store, trail: Trail) -> None:
    await filled(store, 25)
    seen: list[int] = []
    cursor = None
    while True:
        page = await trail.page(Filter(), 7, cursor)
        seen += [row.seq for row in page.rows]
        await filled(store, 1)
        if (cursor := page.next) is None:
            break
    assert seen == list(range(25, 0, -1))


async def test_filters_select_what_they_name(store: Store, trail: Trail) -> None:
    await filled(store, 30)
    rows = await everything(trail)
    assert await everything(trail, Filter(action="auth.login")) == [r for r in rows if r.seq % 2 == 0]
    assert await everything(trail, Filter(subject="key")) == [r for r in rows if r.seq % 2]
    assert await everything(trail, Filter(actor="U1")) == [r for r in rows if r.actor == "u1"]
    assert await everything(trail, Filter(target="user:3")) == [r for r in rows if r.target == "user:3"]
    edge = rows[10].at_ms
    assert await everything(trail, Filter(since_ms=edge)) == [r for r in rows if r.at_ms >= edge]
    assert await everything(trail, Filter(until_ms=edge)) == [r for r in rows if r.at_ms < edge]


async def test_an_export_longer_than_a_batch_has_every_row_once_in_order(store: Store, trail: Trail) -> None:
    await filled(store, 1203)
    sizes = [len(rows) async for rows in trail.all(Filter())]
    assert max(sizes) <= 500
    assert [row.seq for row in await everything(trail)] == list(range(1, 1204))


@pytest.mark.parametrize("text", ["auth.logins", "", "auth.*", "x'; --", "AUTH"])
def test_an_unknown_action_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        filter_by_action(text)


@given(st.text(max_size=30))
def test_no_cell_of_the_csv_is_a_formula(text: str) -> None:
    row = Row(1, 0, None, text, text, text, text, text, text, "0" * 64)
    (cells,) = csv.reader(io.StringIO(comma_separated([row]), newline=""))
    for cell in cells[3:9]:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert cell.removeprefix("'") == text.removeprefix("'")


def test_the_csv_has_a_heading_for_each_column() -> None:
    write, _media_type, header = FORMATS["csv"]
    text = header + write([Row(3, 1_000, None, None, "box", None, "box.started", None, "{}", "f" * 64)])
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["seq"], row["time"], row["action"], row["hash"]) == (
        "3",
        "1970-01-01T00:00:01.000Z",
        "box.started",
        "f" * 64,
    )


def test_times_before_1970_are_written_too() -> None:
    assert moment(-1) == "1969-12-31T23:59:59.999Z"
