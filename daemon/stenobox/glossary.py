"""Glossaries: names and terms that an account's recordings are likely to hold.

The model is told of them before it listens, as hot words, so that it writes them as they are written. They
go into the options of each job that the account sends from then on, after the words that were chosen for the
job itself; so a transcript's provenance says which words its model was told.
"""

from __future__ import annotations

import dataclasses
import time
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from stenobox.db import Database, Reader, Transaction
from stenobox.errors import ChangedMeanwhile, InvalidRequest
from stenobox.types import JobOptions

MAX_WORDS = 200
MAX_WORD_CHARACTERS = 80
MAX_CHARACTERS = 1_000
"""Of all words together. A model takes some 220 tokens, the text before a window included."""
SEPARATOR = ", "

GET = "SELECT words, revision FROM glossaries WHERE user_id = ?"

PUT = """
INSERT INTO glossaries (user_id, words, revision, updated_at) VALUES (:user_id, :words, :revision, :now)
ON CONFLICT (user_id) DO UPDATE
SET words = excluded.words, revision = excluded.revision, updated_at = excluded.updated_at
"""


@dataclass(frozen=True, slots=True)
class Glossary:
    """Words or short phrases, each once. `revision` grows with every change; 0 was never written."""

    words: tuple[str, ...] = ()
    revision: int = 0


class Glossaries:
    """One for each account."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    async def get(self, user_id: int) -> Glossary:
        """An account's words; none of an account that has not written any."""
        async with self._db.read() as reader:
            return await _get(reader, user_id)

    async def put(self, user_id: int, words: Iterable[str], *, revision: int | None = None) -> Glossary:
        """Make these an account's words; with `revision`, only if that is still the one that it has.

        Raises InvalidRequest for words that are too long or too many; ChangedMeanwhile.
        """
        good = clean(words)
        async with self._db.write() as tx:
            before = await _get(tx, user_id)
            if revision is not None and revision != before.revision:
                raise ChangedMeanwhile
            values = {
                "user_id": user_id,
                "words": msgspec.json.encode(good).decode(),
                "revision": before.revision + 1,
                "now": self._clock(),
            }
            await tx.execute(PUT, values)
        return Glossary(good, before.revision + 1)


def clean(words: Iterable[str]) -> tuple[str, ...]:
    """Words as they are kept: in NFC, single blanks, each once, none empty. Raises InvalidRequest."""
    found: list[str] = []
    for word in words:
        text = " ".join(unicodedata.normalize("NFC", word).split())
        if len(text) > MAX_WORD_CHARACTERS:
            raise InvalidRequest(
                problem=f"A word of a glossary has at most {MAX_WORD_CHARACTERS} characters."
            )
        if "<|" in text or any(unicodedata.category(character) == "Cc" for character in text):
            # What a model takes for an order and not for text.
            raise InvalidRequest(problem="A word of a glossary holds no control characters and no '<|'.")
        if text and text not in found:
            found.append(text)
    if len(found) > MAX_WORDS or sum(map(len, found)) > MAX_CHARACTERS:
        problem = f"A glossary has at most {MAX_WORDS} words and {MAX_CHARACTERS} characters."
        raise InvalidRequest(problem=f"{problem} Keep those that are misheard most.")
    return tuple(found)


async def applied(tx: Transaction, owner_id: int, options: JobOptions) -> JobOptions:
    """The options of a new job with the words of its owner's glossary after its own."""
    words = (await _get(tx, owner_id)).words
    own = options.hotwords or ""
    known = {word.strip().casefold() for word in own.split(SEPARATOR.strip())}
    new = [word for word in words if word.casefold() not in known]
    if not new:
        return options
    return dataclasses.replace(options, hotwords=SEPARATOR.join([own, *new] if own else new))


async def _get(reader: Reader, user_id: int) -> Glossary:
    row = await reader.fetch_one(GET, (user_id,))
    if row is None:
        return Glossary()
    return Glossary(msgspec.json.decode(row["words"], type=tuple[str, ...]), row["revision"])
