"""Asking the index: what fits, in the order in which it fits best, for the one who asks.

A search looks at no more than CANDIDATES transcripts that fit, the newest ones, and orders those by BM25
(Robertson and Zaragoza, "The Probabilistic Relevance Framework", as FTS5 has it), a word in the title
counting ten times. So it costs the same whatever the size of the library. Words that most transcripts hold
say nothing of which of them fits better, and counting them costs the most: if there are no others, the
newest come first.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from stenobox.db import Database, Reader
from stenobox.paging import check_limit, packed, unpacked
from stenobox.search import passages, query, scripts
from stenobox.search.passages import Part, Passage
from stenobox.search.scope import Scope, scope_of
from stenobox.types import Identity

CANDIDATES = 2_000
MAX_PAGE = 50
AT_ONCE = 2
"""Searches at the same time, so that they leave some of the database's readers to everybody else."""
SAMPLE = 1_000
"""Transcripts, the newest ones, by which words are taken for common."""

WEIGHTS = "0.0, 10.0, 5.0, 1.0"
"""Of scope, title, tags and text."""

_FITTING = """
FROM search_index CROSS JOIN search_docs AS docs ON docs.id = search_index.rowid
WHERE search_index MATCH :match AND search_index.rowid BETWEEN :low AND :high
  AND {condition} AND docs.created_at >= :since AND docs.created_at < :until
ORDER BY search_index.rowid DESC LIMIT :candidates
"""

_BEST_FIRST = f"""
SELECT id, COUNT(*) OVER () AS found FROM (SELECT docs.id, bm25(search_index, {WEIGHTS}) AS score {_FITTING})
ORDER BY score, id DESC LIMIT :limit OFFSET :offset
"""  # noqa: S608 - all parts are constants, here and below

_NEWEST_FIRST = f"""
SELECT id, COUNT(*) OVER () AS found FROM (SELECT docs.id {_FITTING})
ORDER BY id DESC LIMIT :limit OFFSET :offset
"""  # noqa: S608

# With `+` each match is looked at once. Without, FTS5 would begin the whole search anew for each row.
SHOW = """
SELECT docs.id, docs.job_id, docs.recording_id, docs.version, docs.created_at, transcripts.language,
    transcripts.duration, users.name AS owner,
    highlight(search_index, 1, char(1), char(2)) AS title,
    highlight(search_index, 2, char(1), char(2)) AS tags,
    highlight(search_index, 3, char(1), char(2)) AS body
FROM search_index CROSS JOIN search_docs AS docs ON docs.id = search_index.rowid
    JOIN transcripts ON transcripts.job_id = docs.job_id JOIN users ON users.id = docs.owner_id
WHERE search_index MATCH :match AND search_index.rowid BETWEEN :low AND :high
  AND +search_index.rowid IN (SELECT value FROM json_each(:ids))
"""

NEWEST = "SELECT COALESCE(MAX(id), 0) AS id FROM search_docs"

SAMPLED = "SELECT id FROM search_docs ORDER BY id DESC LIMIT 1 OFFSET :sample"

HOW_MANY = """
SELECT COUNT(*) AS n FROM search_index WHERE search_index MATCH :match AND search_index.rowid > :after
"""

AGES = """
SELECT MIN(id) AS low, MAX(id) AS high FROM search_docs WHERE created_at >= :since AND created_at < :until
"""

LINES = """
SELECT id, start, "end", channel FROM segments
WHERE job_id = :job_id AND id IN (SELECT value FROM json_each(:ids))
"""

CORRECTED_LINES = """
SELECT key AS id, json_extract(value, '$[0]') AS start, json_extract(value, '$[1]') AS "end",
    json_extract(value, '$[2]') AS channel
FROM transcript_versions, json_each(transcript_versions.lines)
WHERE job_id = :job_id AND number = :version AND key IN (SELECT value FROM json_each(:ids))
"""

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


@dataclass(frozen=True, slots=True)
class Wish:
    """What to find: `text` as typed; only what came in from `since` until before `until` (Unix seconds), in a
    `language` (code), of an `owner` (name), with a tag (`library.tags.key_of`).
    """

    text: str
    since: float = -math.inf
    until: float = math.inf
    language: str | None = None
    owner: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A passage and when it is heard: seconds from the beginning; `channel` from 0, None if mixed."""

    start: float
    end: float
    channel: int | None
    passage: Passage


@dataclass(frozen=True, slots=True)
class Hit:
    """A transcript that fits. `tags`: each with whether it is what was looked for. `lines`: how many lines
    hold hits, of which `places` shows some.
    """

    job_id: str
    recording_id: str
    owner: str
    title: tuple[Part, ...]
    tags: tuple[Part, ...]
    language: str
    duration: float
    created_at: float
    version: int
    places: tuple[Place, ...]
    lines: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits. `total` is how many there are; if not `complete`, these are the newest of still more.
    `next` is the cursor of the page after this one, None on the last.
    """

    hits: tuple[Hit, ...]
    total: int
    complete: bool
    next: str | None


class Finder:
    """Finds in what the caller may see."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def find(self, identity: Identity, wish: Wish, limit: int = 20, cursor: str | None = None) -> Found:
        """The page after `cursor`, at most `limit` (1 to MAX_PAGE) hits. What came in after the first page
        was asked for is on none of them.

        Raises BadQuery, InvalidRequest for a limit or a cursor that is none, NotFound for such an owner.
        """
        check_limit(limit, MAX_PAGE)
        asked = query.read(wish.text)
        newest, offset = (None, 0) if cursor is None else unpacked(cursor, tuple[_Count, _Count], "search")
        async with self._turns, self._db.read() as reader:
            scope = await scope_of(reader, identity, owner=wish.owner, language=wish.language, tag=wish.tag)
            values = None if scope is None else await self._narrowed(reader, wish, asked, scope, newest)
            if scope is None or values is None:
                return Found((), 0, complete=True, next=None)
            statement = _NEWEST_FIRST if await _all_common(reader, asked) else _BEST_FIRST
            page = {"candidates": CANDIDATES, "limit": limit, "offset": offset}
            rows = await reader.fetch_all(
                statement.format(condition=scope.condition), {**values, **scope.values, **page}
            )
            hits = await _shown(reader, [row["id"] for row in rows], values)
        total = rows[0]["found"] if rows else 0
        more = offset + len(rows) < total
        after = packed((values["high"], offset + len(rows))) if more else None
        return Found(hits, total, complete=total < CANDIDATES, next=after)

    async def _narrowed(
        self, reader: Reader, wish: Wish, asked: query.Query, scope: Scope, newest: int | None
    ) -> dict[str, Any] | None:
        """The parameters of the statements; None when nothing can fit."""
        match = f"{asked.match} AND scope : ({scope.match})" if scope.match else asked.match
        ages = {"since": wish.since, "until": wish.until}
        # Numbers grow with time, unless the clock was set back: so this is no more than a bound.
        bounds = (
            await reader.fetch_one(AGES, ages) if wish.since > -math.inf or wish.until < math.inf else None
        )
        top = await reader.fetch_one(NEWEST)
        high = top["id"] if top else 0
        low = 0
        if bounds is not None:
            if bounds["low"] is None:
                return None
            low, high = bounds["low"], bounds["high"]
        if newest is not None:
            high = min(high, newest)
        return {"match": match, "low": low, "high": high, **ages}


async def _all_common(reader: Reader, asked: query.Query) -> bool:
    """Whether each word that is looked for is in most of the newest transcripts, in a library where that
    makes a difference.
    """
    sampled = await reader.fetch_one(SAMPLED, {"sample": SAMPLE})
    if sampled is None:
        return False
    for term in asked.wanted:
        if term.prefix or scripts.is_dense(term.match):
            return False
        for word in term.words:
            row = await reader.fetch_one(HOW_MANY, {"match": f'"{word}"', "after": sampled["id"]})
            if row is None or row["n"] <= SAMPLE // 2:
                return False
    return True


async def _shown(reader: Reader, ids: Sequence[int], values: dict[str, Any]) -> tuple[Hit, ...]:
    if not ids:
        return ()
    rows = await reader.fetch_all(
        SHOW,
        {
            "match": values["match"],
            "low": min(ids),
            "high": max(ids),
            "ids": msgspec.json.encode(ids).decode(),
        },
    )
    # In a thread: a page of ten-hour transcripts is some megabytes.
    found = await asyncio.to_thread(lambda: {row["id"]: passages.passages_of(row["body"]) for row in rows})
    by_id = {row["id"]: row for row in rows}
    return tuple([await _hit(reader, by_id[number], *found[number]) for number in ids])


async def _hit(reader: Reader, row: sqlite3.Row, shown: tuple[Passage, ...], lines: int) -> Hit:
    ids = msgspec.json.encode([passage.line for passage in shown]).decode()
    wanted = {"job_id": row["job_id"], "ids": ids}
    if row["version"] == 1:
        times = await reader.fetch_all(LINES, wanted) if shown else []
    else:
        times = await reader.fetch_all(CORRECTED_LINES, {**wanted, "version": row["version"]})
    at = {time["id"]: time for time in times}
    places = [
        Place(at[each.line]["start"], at[each.line]["end"], at[each.line]["channel"], each)
        for each in shown
        if each.line in at
    ]
    return Hit(
        job_id=row["job_id"],
        recording_id=row["recording_id"],
        owner=row["owner"],
        title=passages.parts_of(row["title"]),
        tags=_tags(row["tags"]),
        language=row["language"],
        duration=row["duration"],
        created_at=row["created_at"],
        version=row["version"],
        places=tuple(places),
        lines=lines,
    )


def _tags(marked: str) -> tuple[Part, ...]:
    names = marked.split("\n") if marked else []
    return tuple(
        Part(name.replace(passages.OPEN, "").replace(passages.CLOSE, ""), passages.OPEN in name)
        for name in sorted(names, key=str.casefold)
    )
