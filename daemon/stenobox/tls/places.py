"""Where the certificate lies: in the data folder, or where the settings say.

In the data folder key and chain are one file. It is replaced in one step, so no crash leaves the key of one
certificate beside another.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stenobox.config import TlsSettings
from stenobox.errors import CertificateInvalid, SettingsError
from stenobox.files import make_dir, write_durable
from stenobox.paths import Layout
from stenobox.tls.pair import Pair, read_pair


@dataclass(frozen=True, slots=True)
class Places:
    """`required`: the settings name the files, so that it is a fault when they are missing."""

    certificate: Path
    key: Path
    required: bool

    def read(self) -> Pair | None:
        """None when there is none in the data folder. Blocks. Raises CertificateInvalid."""
        try:
            certificates = self.certificate.read_bytes()
            # One file is read once: between two readings it may be replaced.
            key = certificates if self.key == self.certificate else self.key.read_bytes()
        except FileNotFoundError as error:
            if not self.required:
                return None
            raise CertificateInvalid(problem=f"{error.filename} does not exist.") from error
        except OSError as error:
            problem = f"{error.filename} cannot be read: {error.strerror}."
            raise CertificateInvalid(problem=problem) from error
        return read_pair(certificates, key)

    def stamp(self) -> tuple[tuple[int, ...] | None, ...]:
        """Changes when a file is replaced or written to. Blocks for a moment."""
        return tuple(_stamp(path) for path in dict.fromkeys((self.certificate, self.key)))


def places_of(tls: TlsSettings, layout: Layout) -> Places:
    """Raises SettingsError when only one of the two files is named."""
    if (tls.certificate is None) != (tls.key is None):
        raise SettingsError(source="tls", problem="set both tls.certificate and tls.key, or neither.")
    if tls.certificate is not None and tls.key is not None:
        return Places(tls.certificate, tls.key, required=True)
    return Places(layout.tls_file, layout.tls_file, required=False)


def put(layout: Layout, pair: Pair) -> Path:
    """Keep a pair in the data folder, durably and for the service alone. Blocks. Raises DiskFull, OSError.

    Root hands the file to the folder's owner: the service could not read it otherwise.
    """
    make_dir(layout.root)
    owner = layout.root.stat()
    given = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
    write_durable(layout.tls_file, pair.pem, owner=given)
    return layout.tls_file


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
