"""Where everything lies inside the data folder. Nothing else in the product joins these names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stenobox.errors import DataError
from stenobox.files import make_dir

PRIVATE_FOLDER = 0o700
"""Recordings and transcripts are for the service's own user alone."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The data folder, by default `/var/lib/stenobox`.

    ```
    stenobox.db        rows (with -wal and -shm beside it)
    stenobox.lock      held by the one process that owns the data
    control.sock       the running daemon, for commands on the box itself
    tls.pem            private key and certificates for HTTPS, in one file
    incoming/          uploads that are still being received; emptied at start
    partials/          uploads that come in pieces, until they are complete or expire
    media/ab/abcd...   accepted recordings, named by the SHA-256 of their bytes
    peaks/ab/abcd...   waveforms of recordings, under the same names; made anew when they are missing
    scratch/           decoded samples of running jobs; may vanish at any time
    models/            model bundles that were installed here
    ```

    `incoming/`, `partials/` and `media/` share a file system: a recording moves from one to the next by its
    name alone.
    """

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "stenobox.db"

    @property
    def lock(self) -> Path:
        return self.root / "stenobox.lock"

    @property
    def control_socket(self) -> Path:
        return self.root / "control.sock"

    @property
    def tls_file(self) -> Path:
        return self.root / "tls.pem"

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    @property
    def partials(self) -> Path:
        return self.root / "partials"

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def peaks(self) -> Path:
        return self.root / "peaks"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def models(self) -> Path:
        return self.root / "models"

    def media_file(self, sha256: str) -> Path:
        """The place of the bytes with this SHA-256 (64 lower-case hex digits).

        Raises ValueError for anything else, so that no other string can ever become part of a path.
        """
        return _place(self.media, sha256)

    def peaks_file(self, sha256: str) -> Path:
        """The place of the waveform of these bytes; raises as `media_file`."""
        return _place(self.peaks, sha256)

    def create(self) -> None:
        """Make what is missing, durably and for the own user alone. Raises DataError when that is impossible.

        A root that exists keeps the mode that its maker chose (systemd's StateDirectory sets its own); every
        folder below it is private in any case.
        """
        try:
            make_dir(self.root, PRIVATE_FOLDER)
            for folder in (
                self.incoming,
                self.partials,
                self.media,
                self.peaks,
                self.scratch,
                self.models,
            ):
                make_dir(folder, PRIVATE_FOLDER)
                folder.chmod(PRIVATE_FOLDER)
        except OSError as error:
            problem = f"The data folder {self.root} cannot be used: {error.strerror}."
            raise DataError(problem=problem) from error


def _place(folder: Path, sha256: str) -> Path:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError("a recording is named by 64 lower-case hex digits")
    return folder / sha256[:2] / sha256
