"""Version 6: the words of a line with their times, and the tokens and the window that it was heard in.

`words` is a JSON array of [word, start, end, probability]: always read with its line, never searched by
itself. NULL where words were not asked for. Lines from before have neither tokens nor a window.
"""

from __future__ import annotations

DESCRIPTION = "words"

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE segments ADD COLUMN seek INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE segments ADD COLUMN tokens TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE segments ADD COLUMN words TEXT",
)
