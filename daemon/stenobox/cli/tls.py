"""`stenobox tls`: the certificate for HTTPS.

A running daemon is told over its control socket, and serves a new certificate from the next connection on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stenobox.config import Settings
    from stenobox.tls import Pair


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "tls",
        help="make, import and show the certificate for HTTPS",
        description="The certificate for HTTPS, in the data folder unless the settings name another.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="tls_command")

    make = commands.add_parser(
        "self-signed",
        help="make a key and a certificate for this machine's names and addresses",
        description="Make a key and a certificate that the box signs itself. Compare the fingerprint that "
        "this prints with what a browser shows at the first visit.",
    )
    make.add_argument(
        "--name", action="append", default=[], help="a further host name or address; repeatable"
    )
    make.add_argument("--days", type=_days, default=825, help="how long it is valid (825, which is the most)")
    make.add_argument("--force", action="store_true", help="also in place of one that somebody else signed")
    make.set_defaults(func=run_self_signed)

    bring = commands.add_parser(
        "import",
        help="check a certificate and its key, and keep them",
        description="Check files in PEM and keep them: the certificate with its chain, the box's own first, "
        "and the key, unencrypted.",
    )
    bring.add_argument("certificate", type=Path, help="certificate and chain")
    bring.add_argument("key", type=Path, help="private key")
    bring.set_defaults(func=run_import)

    status = commands.add_parser(
        "status", help="show names, expiry and fingerprint", description="Show the certificate; 1 if none."
    )
    status.add_argument(
        "--pem", action="store_true", help="print it, so that clients can be told to trust it"
    )
    status.set_defaults(func=run_status)


def run_self_signed(args: argparse.Namespace) -> int:
    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.errors import CertificateInvalid  # noqa: PLC0415
    from stenobox.paths import Layout  # noqa: PLC0415
    from stenobox.tls import box_names, places_of, self_signed  # noqa: PLC0415

    settings = settings_of(args)
    layout = Layout(settings.data)
    _refuse_elsewhere(settings)
    if not args.force:
        try:
            present = places_of(settings.tls, layout).read()
        except CertificateInvalid:
            present = None  # nothing is lost with it
        if present is not None and not present.is_self_signed:
            problem = "There is a certificate that somebody else signed. --force replaces it and its key."
            raise CertificateInvalid(problem=problem)
    names = box_names((*args.name, *settings.listen.names), settings.listen.host)
    _keep(settings, self_signed(names, days=args.days))
    return 0


def run_import(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415

    from stenobox.cli import settings_of  # noqa: PLC0415
    from stenobox.errors import CertificateInvalid  # noqa: PLC0415
    from stenobox.tls import read_pair, server_context  # noqa: PLC0415

    settings = settings_of(args)
    _refuse_elsewhere(settings)
    try:
        certificates, key = args.certificate.read_bytes(), args.key.read_bytes()
    except OSError as error:
        problem = f"{error.filename} cannot be read: {error.strerror}."
        raise CertificateInvalid(problem=problem) from error
    pair = read_pair(certificates, key, valid_at=datetime.now(UTC))
    server_context(pair)  # OpenSSL has the last word
    _keep(settings, pair)
    return 0


def run_status(args: argparse.Namespace) -> int:
    from stenobox.cli import EXIT_FAILED, settings_of  # noqa: PLC0415
    from stenobox.paths import Layout  # noqa: PLC0415
    from stenobox.tls import places_of  # noqa: PLC0415

    settings = settings_of(args)
    places = places_of(settings.tls, Layout(settings.data))
    pair = places.read()
    if pair is None:
        sys.stdout.write("There is no certificate: the box speaks plain HTTP. See 'stenobox tls --help'.\n")
        return EXIT_FAILED
    if args.pem:
        sys.stdout.write(pair.certificates_pem().decode())
        return 0
    _show(pair)
    sys.stdout.write(f"file         {places.certificate}\n")
    return EXIT_FAILED if pair.expired() else 0


def _keep(settings: Settings, pair: Pair) -> None:
    import asyncio  # noqa: PLC0415

    from stenobox.cli.control import ask_daemon  # noqa: PLC0415
    from stenobox.errors import DataError  # noqa: PLC0415
    from stenobox.paths import Layout  # noqa: PLC0415
    from stenobox.tls import put  # noqa: PLC0415

    layout = Layout(settings.data)
    try:
        path = put(layout, pair)
    except OSError as error:
        problem = f"The certificate cannot be kept in {layout.root}: {error.strerror}."
        raise DataError(problem=problem) from error
    _show(pair)
    sys.stdout.write(f"file         {path}\n")
    told = asyncio.run(ask_daemon(layout.control_socket, "POST", "/api/admin/tls/reload"))
    when = "the next start" if told is None else "the next connection"
    sys.stdout.write(f"The box serves it from {when} on.\n")


def _show(pair: Pair) -> None:
    lines = {
        "names": ", ".join(pair.names),
        "issuer": "itself" if pair.is_self_signed else pair.issuer,
        "valid until": f"{pair.not_after:%Y-%m-%d %H:%M} UTC" + (" (expired)" if pair.expired() else ""),
        "SHA-256": pair.fingerprint,
    }
    sys.stdout.writelines(f"{name:12} {value}\n" for name, value in lines.items())


def _refuse_elsewhere(settings: Settings) -> None:
    """Never a file in the data folder that the daemon would not look at."""
    from stenobox.errors import SettingsError  # noqa: PLC0415

    if settings.tls.certificate is not None or settings.tls.key is not None:
        problem = "the settings name files of their own: replace those, and the box takes them by itself."
        raise SettingsError(source="tls.certificate", problem=problem)


def _days(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 825:
        raise argparse.ArgumentTypeError("from 1 to 825 days: Apple's systems take no longer certificates")
    return number
