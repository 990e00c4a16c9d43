"""Tags: words that an owner puts on recordings, told apart without regard to case.

The spelling that an owner used first is the one that is shown; a tag that is on no recording and not shared
is forgotten.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from stenobox.db import Transaction
from stenobox.errors import InvalidRequest
from stenobox.search import index

MAX_CHARACTERS = 50
MAX_TAGS = 20
"""Of one recording."""

ADD = """
INSERT INTO tags (owner_id, name, key)
SELECT owner_id, :name, :key FROM recordings WHERE id = :recording_id
ON CONFLICT (owner_id, key) DO NOTHING
"""

ATTACH = """
INSERT INTO recording_tags (recording_id, tag_id)
SELECT recordings.id, tags.id FROM recordings JOIN tags ON tags.owner_id = recordings.owner_id
WHERE recordings.id = :recording_id AND tags.key = :key
ON CONFLICT DO NOTHING
"""

DETACH_ALL = "DELETE FROM recording_tags WHERE recording_id = ?"

DROP_UNUSED = """
DELETE FROM tags WHERE id NOT IN (SELECT tag_id FROM recording_tags)
    AND NOT EXISTS (SELECT 1 FROM shares WHERE shares.tag_id = tags.id)
"""

COUNT = "SELECT COUNT(*) AS n FROM recording_tags WHERE recording_id = ?"


def clean(text: str) -> str:
    """A tag as it is shown: NFC, one line of printable characters, single spaces. Raises InvalidRequest for
    one that is empty or longer than MAX_CHARACTERS.
    """
    shown = "".join(
        " " if unicodedata.category(character)[0] in "CZ" else character
        for character in unicodedata.normalize("NFC", text[: 8 * MAX_CHARACTERS])
    )
    shown = " ".join(shown.split())
    if not shown or len(shown) > MAX_CHARACTERS or len(text) > 8 * MAX_CHARACTERS:
        raise InvalidRequest(problem=f"A tag has 1 to {MAX_CHARACTERS} characters.")
    return shown


def key_of(shown: str) -> str:
    """What two tags have in common when they are the same one."""
    return unicodedata.normalize("NFC", shown.casefold())


def clean_all(texts: Iterable[str]) -> dict[str, str]:
    """Tags by key, each once, in their first spelling. Raises InvalidRequest, also for more than MAX_TAGS."""
    found: dict[str, str] = {}
    for text in texts:
        shown = clean(text)
        found.setdefault(key_of(shown), shown)
    if len(found) > MAX_TAGS:
        raise InvalidRequest(problem=f"A recording has at most {MAX_TAGS} tags.")
    return found


async def attach(tx: Transaction, recording_id: str, texts: Iterable[str]) -> None:
    """Put tags on a recording, beside those that it has; its owner's, whoever asks.

    For intakes too: in the `also` of `DirectIntake.accept` it runs in the transaction that makes the job, so
    that the tags are there if the job is. Raises InvalidRequest, after which the transaction must not be
    committed.
    """
    for key, shown in clean_all(texts).items():
        values = {"recording_id": recording_id, "name": shown, "key": key}
        await tx.execute(ADD, values)
        await tx.execute(ATTACH, values)
    row = await tx.fetch_one(COUNT, (recording_id,))
    if row is not None and row["n"] > MAX_TAGS:
        raise InvalidRequest(problem=f"A recording has at most {MAX_TAGS} tags.")
    await index.rescope(tx, recording_id)


async def attach_what_fits(tx: Transaction, recording_id: str, texts: Iterable[str]) -> None:
    """As `attach`, for names that nobody chose as tags: those that are none, and those too many, are left
    out.
    """
    for text in texts:
        try:
            shown = clean(text)
        except InvalidRequest:
            continue
        row = await tx.fetch_one(COUNT, (recording_id,))
        if row is not None and row["n"] < MAX_TAGS:
            await attach(tx, recording_id, [shown])


async def replace(tx: Transaction, recording_id: str, texts: Iterable[str]) -> None:
    """Make these the recording's tags. Raises as `attach`."""
    wanted = list(texts)
    clean_all(wanted)
    await tx.execute(DETACH_ALL, (recording_id,))
    await attach(tx, recording_id, wanted)
    await tx.execute(DROP_UNUSED)
