"""A key with its chain of certificates, and everything that must hold before the box serves it.

What is checked is what a browser would refuse later (RFC 5280; RFC 9525 for names; CA/Browser Forum Baseline
Requirements, section 6.1.5, for keys), so that a wrong file is noticed by whoever brings it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from stenobox.errors import CertificateInvalid

MIN_RSA_BITS: Final = 2_048
CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
BROKEN_HASHES: Final = (hashes.MD5, hashes.SHA1)


@dataclass(frozen=True, slots=True)
class Pair:
    """What the box serves; `chain` has its own certificate first, `pem` is key and chain in one text."""

    pem: bytes
    chain: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The names and addresses that it is for, as in its subject alternative name."""
        try:
            names = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ()
        return (
            *names.get_values_for_type(x509.DNSName),
            *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
        )

    @property
    def not_after(self) -> datetime:
        """The first of the chain to expire: from then on nobody trusts it."""
        return min(certificate.not_valid_after_utc for certificate in self.chain)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as browsers show it."""
        return self.leaf.fingerprint(hashes.SHA256()).hex(":").upper()

    @property
    def is_self_signed(self) -> bool:
        return self.leaf.issuer == self.leaf.subject

    @property
    def issuer(self) -> str:
        return self.leaf.issuer.rfc4514_string()

    def certificates_pem(self) -> bytes:
        """The chain without the key: what may be given to anybody."""
        encoding = serialization.Encoding.PEM
        return b"".join(certificate.public_bytes(encoding) for certificate in self.chain)

    def expired(self, at: datetime | None = None) -> bool:
        return (at or datetime.now(UTC)) > self.not_after


def read_pair(certificates: bytes, key: bytes, *, valid_at: datetime | None = None) -> Pair:
    """Check PEM texts that belong together. Raises CertificateInvalid with what is wrong and what to do.

    With `valid_at` dates are checked too; without, an expired one passes: a box whose certificate ran out
    over night still is to start, and `stenobox doctor` and every browser say what is wrong.
    """
    private = _key_of(key)
    chain = _chain_of(certificates)
    _check_key(private)
    if _public(chain[0].public_key()) != _public(private.public_key()):
        if any(_public(other.public_key()) == _public(private.public_key()) for other in chain[1:]):
            raise CertificateInvalid(problem="The chain is in the wrong order: the box's own comes first.")
        raise CertificateInvalid(problem="The key does not belong to the first certificate of the file.")
    _check_chain(chain)
    _check_leaf(chain[0])
    if valid_at is not None:
        _check_dates(chain, valid_at)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(
        pem + b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain), chain
    )


def _key_of(text: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(text, password=None)
    except TypeError as error:
        problem = "The key is encrypted. The box starts without anybody to type a pass-phrase: decrypt it."
        raise CertificateInvalid(problem=problem) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateInvalid(problem="The key is not a private key in PEM that can be read.") from error


def _chain_of(text: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(text))
    except ValueError as error:
        raise CertificateInvalid(problem="The file holds no certificate in PEM that can be read.") from error


def _check_key(key: PrivateKeyTypes) -> None:
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise CertificateInvalid(problem=f"An RSA key of {key.key_size} bits is too weak: 2048 or more.")
    elif not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        raise CertificateInvalid(problem="Browsers take RSA keys and ECDSA keys of P-256, P-384 or P-521.")


def _check_chain(chain: tuple[x509.Certificate, ...]) -> None:
    for certificate, issuer in pairwise(chain):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            problem = "The chain is broken: each certificate must be followed by the one that signed it."
            raise CertificateInvalid(problem=problem) from error


def _check_leaf(leaf: x509.Certificate) -> None:
    if isinstance(leaf.signature_hash_algorithm, BROKEN_HASHES):
        raise CertificateInvalid(problem="The certificate is signed with a broken hash (MD5 or SHA-1).")
    try:
        extensions = leaf.extensions
    except ValueError as error:
        raise CertificateInvalid(problem="The certificate's extensions cannot be read.") from error
    try:
        usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        raise CertificateInvalid(problem="The certificate is not for servers (extended key usage).")
    try:
        extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound as error:
        problem = "The certificate has no subject alternative name: no browser would take it."
        raise CertificateInvalid(problem=problem) from error


def _check_dates(chain: tuple[x509.Certificate, ...], at: datetime) -> None:
    for certificate in chain:
        if at > certificate.not_valid_after_utc:
            day = certificate.not_valid_after_utc.date()
            raise CertificateInvalid(problem=f"A certificate of the file expired on {day}.")
        if at < certificate.not_valid_before_utc:
            day = certificate.not_valid_before_utc.date()
            raise CertificateInvalid(problem=f"A certificate of the file is valid only from {day} on.")


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
