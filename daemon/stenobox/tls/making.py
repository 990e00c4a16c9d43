"""A certificate that the box signs itself, for offices without an authority of their own."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stenobox.errors import CertificateInvalid
from stenobox.tls.pair import Pair, read_pair

MAX_DAYS: Final = 825
"""Apple's systems take no longer ones, even those that their owner trusts (support.apple.com/103769)."""

CLOCK_SKEW: Final = timedelta(hours=1)
"""Clients whose clocks are behind by less take it at once."""

LOCAL: Final = ("localhost", "127.0.0.1", "::1")
MAX_COMMON_NAME: Final = 64
_SIOCGIFADDR: Final = 0x8915


def self_signed(names: Iterable[str], *, days: int = MAX_DAYS, now: datetime | None = None) -> Pair:
    """A new ECDSA key (P-256) and a certificate for `names` (host names and addresses), the first of them
    its common name. Raises CertificateInvalid for a name that is none.

    No key usage and no authority: with `keyCertSign` missing OpenSSL would not take it for its own issuer,
    with CA set Firefox would not take it for a server's.
    """
    wanted = list(dict.fromkeys(names))
    general = [_general_name(each) for each in wanted]
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted[0][:MAX_COMMON_NAME])])
    begin = (now or datetime.now(UTC)).replace(microsecond=0) - CLOCK_SKEW
    public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        # Both ends count (RFC 5280, section 4.1.2.5), so a second less.
        .not_valid_after(begin + timedelta(days=days, seconds=-1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(general), critical=False)
        .add_extension(public, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return read_pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def box_names(configured: Iterable[str], host: str) -> tuple[str, ...]:
    """Under which names and addresses people may reach this machine. Blocks for a moment.

    `configured` come first, then its own name (alone, with its domain, and as mDNS spells it), loopback, and
    the addresses of its interfaces, `host` among them when it is one.
    """
    own = socket.gethostname().lower()
    short = own.partition(".")[0]
    found = [*configured]
    if _is_host_name(short) and short != "localhost":
        found += [own, short, f"{short}.local"]
    found += LOCAL
    found += [address for address in (host, *_addresses()) if _usable(address)]
    return tuple(dict.fromkeys(name.lower().strip("[]") for name in found))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        ascii_name = name.encode("idna").decode() if not name.isascii() else name
    except UnicodeError as error:
        raise CertificateInvalid(problem=f"{name!r} is no host name and no address.") from error
    if not _is_host_name(ascii_name.removeprefix("*.")):
        raise CertificateInvalid(problem=f"{name!r} is no host name and no address.")
    return x509.DNSName(ascii_name)


def _is_host_name(name: str) -> bool:
    """RFC 1123, section 2.1, in ASCII."""
    labels = name.split(".")
    return len(name) <= 253 and all(
        0 < len(label) <= 63
        and label.isascii()
        and label.replace("-", "").replace("_", "").isalnum()
        and not label.startswith("-")
        and not label.endswith("-")
        for label in labels
    )


def _usable(address: str) -> bool:
    """An address that a browser can be given: not "any", and not one that needs an interface beside it."""
    try:
        parsed = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    return not (parsed.is_unspecified or parsed.is_link_local or parsed.is_multicast)


def _addresses() -> Iterator[str]:
    """Of the interfaces that are up: the first IPv4 address of each, and every IPv6 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _index, interface in socket.if_nameindex():
            try:
                request = struct.pack("256s", interface.encode()[:15])
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # one without an address
            yield socket.inet_ntoa(answer[20:24])
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return  # IPv6 is off
    for line in lines:
        yield str(ipaddress.IPv6Address(int(line.split()[0], 16)))
