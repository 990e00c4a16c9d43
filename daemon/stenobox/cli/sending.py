"""Sends one file to a box by tus 1.0.0 and goes on after whatever interrupted it.

tuspy keeps the protocol's books (offsets, metadata, headers). Its own requests wait forever on a dead link,
read a whole chunk into memory, follow redirects and let ~/.netrc replace our key, so the requests are made
here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin

from tusclient.client import TusClient
from tusclient.uploader.uploader import Uploader

from stenobox.cli.link import REFUSED_WISHES, Gone, Link, Trouble
from stenobox.cli.receipts import Receipt, Receipts, Snapshot, key_of
from stenobox.errors import EmptyFile, ServerRefused, ServerUnreachable

REQUEST_BYTES = 64 * 2**20
"""Of a file in one request; the server keeps what arrived of one that was cut off."""

DELAYS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 30.0, 30.0, 30.0, 30.0)
"""Before each further try; a try that brought bytes to the server begins the list anew."""


@dataclass(frozen=True, slots=True)
class Sent:
    """`again` is true when an earlier call had sent it already."""

    job: str
    again: bool = False


class Push:
    """Sends files over one link; `moved(bytes)` hears how many of them went out, or were there already."""

    def __init__(
        self,
        link: Link,
        receipts: Receipts,
        wishes: Mapping[str, str],
        *,
        moved: Callable[[int], object],
    ) -> None:
        self._link = link
        self._receipts = receipts
        self._wishes = wishes
        self._moved = moved

    def send(self, path: Path) -> Sent:
        """Return when the server holds the file durably as a job.

        Raises ServerRefused, ServerUnreachable (after minutes of trying), EmptyFile, InvalidRequest when the
        key or a wish is not accepted, or OSError.
        """
        file = Snapshot.of(path)
        if file.size == 0:
            raise EmptyFile
        key = key_of(self._link.server, file, self._wishes)
        known = self._receipts.find(key)
        if known is not None and known.job is not None:
            if self._link.knows(known.job):
                self._moved(file.size)
                return Sent(known.job, again=True)
            self._receipts.drop(key)
        with path.open("rb") as stream:
            job = self._persist(key, file, stream)
        return Sent(job)

    def _persist(self, key: str, file: Snapshot, stream: IO[bytes]) -> str:
        """Try until it is done, or nothing has moved for the whole list of delays."""
        progress = _Progress(self._moved)
        tries = 0
        while True:
            before = progress.furthest
            try:
                return self._attempt(key, file, stream, progress)
            except Gone:
                self._receipts.drop(key)
                problem = "The server lost the upload."
            except Trouble as trouble:
                problem = str(trouble)
            tries = 0 if progress.furthest > before else tries
            if tries == len(DELAYS_S):
                raise ServerUnreachable(problem=f"{problem} The same command goes on from there.")
            time.sleep(DELAYS_S[tries])
            tries += 1

    def _attempt(self, key: str, file: Snapshot, stream: IO[bytes], progress: _Progress) -> str:
        known = self._receipts.find(key)
        upload = _Upload(
            self._link,
            file,
            stream,
            url=known.url if known else None,
            metadata={"filename": _name(file.path)} | dict(self._wishes),
            progress=progress,
        )
        url = known.url if known else upload.create_url()
        if not known:
            self._receipts.keep(key, Receipt(url))
            upload.set_url(url)
        try:
            upload.upload()
        except ServerRefused:
            self._receipts.drop(key)  # It would be refused again, from wherever it goes on.
            raise
        if upload.job is None:
            upload.get_offset()  # The answer with the job was lost; the server tells it again.
        if upload.job is None:
            raise ServerRefused(problem="The server took the file and named no job.")
        self._receipts.keep(key, Receipt(url, upload.job))
        return upload.job


class _Upload(Uploader):
    """tuspy's uploader with our requests; `job` once the server has named it."""

    def __init__(
        self,
        link: Link,
        file: Snapshot,
        stream: IO[bytes],
        *,
        url: str | None,
        metadata: dict[str, str],
        progress: _Progress,
    ) -> None:
        self.job: str | None = None
        self._link = link
        self._file = file
        self._stream = stream
        self._endpoint = f"{link.server}/api/tus"
        self._progress = progress
        self._tuspy: Any = self  # The methods of the class above carry no types.
        super().__init__(
            file_stream=stream,
            url=url,
            client=TusClient(self._endpoint),
            chunk_size=REQUEST_BYTES,
            metadata=metadata,
        )

    def get_file_size(self) -> int:
        return self._file.size

    def create_url(self) -> str:
        try:
            answer = self._link.call(
                "POST", self._endpoint, self._tuspy.get_url_creation_headers(), wrong_call=REFUSED_WISHES
            )
        except Gone as gone:
            raise ServerRefused(problem=f"{self._link.server} takes no uploads by tus.") from gone
        return urljoin(self._endpoint, str(answer.headers["Location"]))

    def get_offset(self) -> int:
        answer = self._link.call("HEAD", self._tuspy.url, self._tuspy.get_headers())
        return self._taken(answer)

    def upload_chunk(self) -> None:
        _expect_same(self._file)
        self._progress.at(self.offset)
        size = self._tuspy.get_request_length()
        headers = self._tuspy.get_headers() | {
            "Upload-Offset": str(self.offset),
            "Content-Type": "application/offset+octet-stream",
        }
        self._stream.seek(self.offset)
        part = _Part(self._stream, size, self._progress)
        self.offset = self._taken(self._link.call("PATCH", self._tuspy.url, headers, part))
        self._progress.confirmed(self.offset)
        if self.offset == self._file.size:
            _expect_same(self._file)

    def _taken(self, answer: Any) -> int:
        """The server's offset; notes the job."""
        self.job = answer.headers.get("Stenobox-Job") or self.job
        try:
            offset = int(answer.headers["Upload-Offset"])
        except (KeyError, ValueError) as error:
            raise ServerRefused(problem="The server does not speak tus.") from error
        self._progress.confirmed(offset)
        return offset


class _Part:
    """The next `size` bytes of a file, as the body of a request that is never in memory as a whole."""

    def __init__(self, stream: IO[bytes], size: int, progress: _Progress) -> None:
        self._stream = stream
        self._size = size
        self._left = size
        self._progress = progress

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(self._left if size < 0 else min(size, self._left))
        if self._left and not piece:
            raise ServerRefused(problem="The file became shorter while it was sent.")
        self._left -= len(piece)
        self._progress.sent(len(piece))
        return piece


class _Progress:
    """Turns offsets that may go back after an interruption into a sum that a bar can show."""

    def __init__(self, moved: Callable[[int], object]) -> None:
        self._moved = moved
        self._shown = 0
        self.furthest = 0
        """What the server was heard to hold at most."""

    def at(self, offset: int) -> None:
        self._moved(offset - self._shown)
        self._shown = offset

    def sent(self, count: int) -> None:
        self.at(self._shown + count)

    def confirmed(self, offset: int) -> None:
        self.furthest = max(self.furthest, offset)


def _expect_same(file: Snapshot) -> None:
    if Snapshot.of(file.path) != file:
        raise ServerRefused(problem="The file changed while it was sent. Send it again when it is finished.")


def _name(path: Path) -> str:
    """A name that is not Unicode on this machine is one on the server."""
    return path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
