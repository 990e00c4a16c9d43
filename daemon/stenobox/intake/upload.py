"""One upload that comes in pieces, as its row tells it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from stenobox.intake.ranges import Ranges, count, from_start

__all__ = ["Part", "Road", "Upload", "upload_of"]

Road = Literal["chunked", "tus"]
Part = Literal["whole", "partial", "final"]


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload. `size` None: not told yet. `ranges`: the durable bytes. `job_id`: what it became."""

    id: str
    owner_id: int
    road: Road
    filename: str
    size: int | None
    sha256: str | None
    wishes: Mapping[str, str]
    metadata: str
    part: Part
    ranges: Ranges
    job_id: str | None
    created_at: float
    expires_at: float

    @property
    def received(self) -> int:
        """Bytes that are durable, wherever they are."""
        return count(self.ranges)

    @property
    def offset(self) -> int:
        """Bytes that are durable without a gap; all of them once it has become a job."""
        return self.size if self.job_id is not None and self.size is not None else from_start(self.ranges)

    @property
    def complete(self) -> bool:
        return self.size is not None and self.offset == self.size


def upload_of(row: sqlite3.Row) -> Upload:
    """The row of `uploads` as a value."""
    values: dict[str, Any] = dict(row)
    values["wishes"] = msgspec.json.decode(values["wishes"], type=dict[str, str])
    values["ranges"] = msgspec.json.decode(values["ranges"], type=Ranges)
    return Upload(**values)
