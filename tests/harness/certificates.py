"""Certificates for tests: an authority with one below it, and servers' certificates, right or wrong."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

LOCAL = ("localhost", "127.0.0.1")


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key, password: bytes | None = None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


@dataclass(frozen=True)
class Authority:
    """`certificate` is followed in a chain by those of `above`; `root` is what clients trust."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()

    @property
    def root(self) -> x509.Certificate:
        return self.above[-1] if self.above else self.certificate

    @classmethod
    def new(cls, name: str = "Office root") -> Authority:
        key = ec_key()
        return cls(_signed(name, key, name, key, authority=True), key)

    def below(self, name: str = "Office issuer") -> Authority:
        key = ec_key()
        certificate = _signed(name, key, _name_of(self.certificate), self.key, authority=True)
        return Authority(certificate, key, (self.certificate, *self.above))

    def server(
        self,
        key: Key,
        names: Sequence[str] = LOCAL,
        *,
        begins: timedelta = timedelta(days=-1),
        ends: timedelta = timedelta(days=90),
        usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
    ) -> x509.Certificate:
        return _signed(
            "server",
            key,
            _name_of(self.certificate),
            self.key,
            names=names,
            begins=begins,
            ends=ends,
            usage=usage,
        )

    def chain(self, server: x509.Certificate) -> bytes:
        """As a server has to send it: without the root."""
        return pem(server, *(self.certificate, *self.above)[:-1])


def _name_of(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _signed(
    name: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *,
    authority: bool = False,
    names: Sequence[str] = (),
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=90),
    usage: x509.ObjectIdentifier | None = None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        general = [
            x509.IPAddress(ipaddress.ip_address(each)) if each[0].isdigit() else x509.DNSName(each)
            for each in names
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
