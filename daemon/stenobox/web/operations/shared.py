"""What the descriptions of several routes share."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from stenobox import errors as e
from stenobox.web import answers as a
from stenobox.web.described import Answer, Parameter

NOTHING: Final = Answer("Done.")
JOB: Final = Answer("The job.", a.Job)
ORDER: Final = (e.UnknownModel, e.UnknownLanguage, e.NoModel, e.ModelError)
FILE: Final = (e.NotAudio, e.EmptyFile, e.FileTooLarge, e.QuotaExceeded, e.DiskFull, e.TooBusy)
AUDIO: Final = (e.AudioError, e.UndecodableAudio, e.AudioTooLong, e.DecoderLimit, e.DecoderFailed)
PIECES: Final = (
    *ORDER,
    *FILE,
    *AUDIO,
    e.ChunkConflict,
    e.ChunkOutOfRange,
    e.UploadTaken,
    e.UploadIncomplete,
    e.HashMismatch,
)
SHARED: Final = Parameter("shared", Literal["0", "1"], "`1`: what others share with the caller instead")
TRASHED: Final = Parameter("trashed", Literal["0", "1"], "`1`: those in the trash instead")
IDEMPOTENCY: Final = Parameter(
    "Idempotency-Key", str, "A name for this request: sent again within a day it makes nothing new", "header"
)
LIMIT: Final = Parameter("limit", Annotated[int, Meta(ge=0)], "How many to a page; 50 otherwise")
CURSOR: Final = Parameter("cursor", str, "`next` of the page before")
TAG: Final = Parameter("tag", str, "Only with this tag, whatever its case")
PERMANENT: Final = Parameter("permanent", Literal["0", "1"], "`1`: what is in the trash, for good")
BYTES: Final = {"type": "string", "format": "binary"}
