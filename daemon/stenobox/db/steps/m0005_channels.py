"""Version 5: the channel that a line of a transcript was heard in, from 0; NULL where they were mixed."""

from __future__ import annotations

DESCRIPTION = "channels"

STATEMENTS: tuple[str, ...] = ("ALTER TABLE segments ADD COLUMN channel INTEGER CHECK (channel >= 0)",)
