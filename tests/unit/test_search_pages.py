"""What a search shows: pages, an order, and lines cut to what matters."""

from __future__ import annotations

import pytest

from stenobox.errors import InvalidRequest
from stenobox.search import finding
from stenobox.search.finding import Found, Wish
from stenobox.search.passages import MAX_CHARACTERS, passages_of
from stenobox.types import Identity
from storing import Store, finished
from unit.test_search import found


async def test_pages_follow_each_other_whatever_comes_in_meanwhile(store: Store, ann: Identity) -> None:
    jobs = [await finished(store, ann, pitch, ["The board."]) for pitch in range(1, 8)]
    seen: list[str] = []
    cursor: str | None = None
    for turn in range(4):
        page: Found = await store.finder.find(ann, Wish("board"), 2, cursor)
        seen += [hit.job_id for hit in page.hits]
        cursor = page.next
        await finished(store, ann, 20 + turn, ["The board."])
    assert cursor is None
    assert seen == [job.id for job in reversed(jobs)]


async def test_a_limit_or_a_cursor_that_is_none_is_refused(store: Store, ann: Identity) -> None:
    for limit, cursor in ((0, None), (51, None), (5, "x"), (5, "WzEsMl0x"), (5, "Wy0xLDJd"), (5, "é")):
        with pytest.raises(InvalidRequest):
            await store.finder.find(ann, Wish("board"), limit, cursor)


async def test_a_search_that_fits_more_than_is_looked_at_says_so(
    store: Store, ann: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "CANDIDATES", 3)
    jobs = [await finished(store, ann, pitch, ["The board."]) for pitch in range(1, 6)]
    page = await store.finder.find(ann, Wish("board"))
    assert [hit.job_id for hit in page.hits] == [job.id for job in reversed(jobs[2:])]
    assert (page.total, page.complete) == (3, False)


async def test_words_that_most_transcripts_hold_put_the_newest_first(
    store: Store, ann: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "SAMPLE", 4)
    jobs = [await finished(store, ann, pitch, ["The board. " * (6 - pitch)]) for pitch in range(1, 6)]
    rare = await finished(store, ann, 8, ["The board and a chair."])
    assert await found(store, ann, "board") == [rare.id, *(job.id for job in reversed(jobs))]
    assert await found(store, ann, '"the board"') == [rare.id, *(job.id for job in reversed(jobs))]
    assert await found(store, ann, "board chair") == [rare.id]
    assert await found(store, ann, "boa*") != []


def test_a_long_line_is_cut_around_its_first_hit() -> None:
    words = "word " * 200
    (passage,), lines = passages_of(f"nothing\n{words}\x01hit\x02 {words}")
    text = "".join(part.text for part in passage.parts)
    assert (passage.line, lines) == (1, 1)
    assert [part.text for part in passage.parts if part.hit] == ["hit"]
    assert text.startswith("…word") and text.endswith("word…")
    assert len(text) <= MAX_CHARACTERS + 1


def test_of_many_lines_those_with_the_most_hits_are_shown_in_their_order() -> None:
    marked = "\n".join("\x01a\x02 " * count for count in (1, 3, 1, 4, 2))
    shown, lines = passages_of(marked)
    assert ([passage.line for passage in shown], lines) == ([1, 3, 4], 5)
