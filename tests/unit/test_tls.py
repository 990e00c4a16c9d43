"""Keys and certificates: what is made is what browsers take, and what they would refuse is refused."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.certificates import Authority, ec_key, key_pem, pem, rsa_key
from stenobox.config import TlsSettings
from stenobox.errors import CertificateInvalid, DiskFull, SettingsError
from stenobox.paths import Layout
from stenobox.tls import Pair, box_names, places_of, put, read_pair, self_signed, server_context

NOW = datetime.now(UTC)


def shake_hands(pair: Pair, trust: bytes, name: str, *, strict: bool = False) -> ssl.SSLObject:
    """A handshake in memory, with a client that trusts `trust` alone; returns the client's side."""
    client = ssl.create_default_context(cadata=trust.decode())
    if strict:
        client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    other = server_context(pair).wrap_bio(to_server, to_client, server_side=True)
    waiting: list[ssl.SSLObject] = [one, other]
    while waiting:
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    return one


def test_a_certificate_that_the_box_made_is_of_the_kind_that_all_browsers_take() -> None:
    pair = self_signed(("steno.office.example", "192.0.2.7"))
    leaf = pair.leaf
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    # Both ends are part of the time that it is valid.
    length = leaf.not_valid_after_utc - leaf.not_valid_before_utc + timedelta(seconds=1)
    assert length <= timedelta(days=825)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH
    ]
    assert pair.names == ("steno.office.example", "192.0.2.7")
    assert pair.is_self_signed


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", ["steno.office.example", "192.0.2.7", "2001:db8::7"])
def test_a_client_that_trusts_the_boxs_own_certificate_verifies_it_by_name_and_address(
    name: str, strict: bool
) -> None:
    pair = self_signed(("steno.office.example", "192.0.2.7", "2001:db8::7"))
    assert shake_hands(pair, pair.certificates_pem(), name, strict=strict).version() == "TLSv1.3"


def test_a_client_refuses_it_under_another_name_and_another_certificate_of_the_same_name() -> None:
    pair, other = self_signed(("one.example",)), self_signed(("one.example",))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(pair, pair.certificates_pem(), "two.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(pair, other.certificates_pem(), "one.example")


def test_the_boxs_names_are_those_of_the_settings_its_own_loopback_and_its_addresses() -> None:
    names = box_names(("Steno.Office.example",), "192.0.2.9")
    assert names[0] == "steno.office.example"
    assert {"localhost", "127.0.0.1", "::1", "192.0.2.9"} <= set(names)
    assert socket.gethostname().lower() in names
    assert len(set(names)) == len(names)
    for not_an_address in ("0.0.0.0", "::"):
        assert not_an_address not in box_names((), not_an_address)
    self_signed(names)


@pytest.mark.parametrize("name", ["a b", "", "-a.example", "a..b", "x" * 64, "http://a", "a,b", "*"])
def test_what_is_no_name_gets_no_certificate(name: str) -> None:
    with pytest.raises(CertificateInvalid):
        self_signed((name, "localhost"))


def test_a_chain_with_its_key_is_taken_and_served_so_that_the_root_is_enough_to_trust_it() -> None:
    issuer = Authority.new().below()
    for key in (ec_key(), rsa_key()):
        pair = read_pair(issuer.chain(issuer.server(key)), key_pem(key), valid_at=NOW)
        assert len(pair.chain) == 2
        assert not pair.is_self_signed
        assert shake_hands(pair, pem(issuer.root), "localhost").version() == "TLSv1.3"


def test_a_pair_that_does_not_hold_is_refused_with_what_is_wrong() -> None:
    issuer = Authority.new().below()
    key, other, weak = ec_key(), ec_key(), rsa_key(1024)
    good = issuer.server(key)
    stranger = Authority.new("Stranger")
    day = timedelta(days=1)
    cases = {
        "does not belong": (issuer.chain(good), key_pem(other)),
        "encrypted": (issuer.chain(good), key_pem(key, b"secret")),
        "not a private key": (issuer.chain(good), b"nothing"),
        "no certificate": (b"nothing", key_pem(key)),
        "wrong order": (pem(issuer.certificate, good), key_pem(key)),
        "chain is broken": (pem(good, stranger.certificate), key_pem(key)),
        "expired": (issuer.chain(issuer.server(key, begins=-3 * day, ends=-day)), key_pem(key)),
        "valid only from": (issuer.chain(issuer.server(key, begins=day)), key_pem(key)),
        "too weak": (issuer.chain(issuer.server(weak)), key_pem(weak)),
        "alternative name": (issuer.chain(issuer.server(key, names=())), key_pem(key)),
        "not for servers": (
            issuer.chain(issuer.server(key, usage=ExtendedKeyUsageOID.CLIENT_AUTH)),
            key_pem(key),
        ),
    }
    for words, (certificates, private) in cases.items():
        with pytest.raises(CertificateInvalid) as caught:
            read_pair(certificates, private, valid_at=NOW)
        assert words in caught.value.detail


def test_a_certificate_of_an_issuer_that_only_has_the_right_name_breaks_the_chain() -> None:
    issuer, impostor = Authority.new("Office root"), Authority.new("Office root")
    key = ec_key()
    with pytest.raises(CertificateInvalid, match="broken"):
        read_pair(pem(issuer.server(key), impostor.certificate), key_pem(key))


def test_a_box_whose_certificate_ran_out_still_starts() -> None:
    authority, key = Authority.new(), ec_key()
    late = authority.server(key, begins=timedelta(days=-9), ends=timedelta(days=-1))
    pair = read_pair(pem(late), key_pem(key))
    assert pair.expired()
    server_context(pair)


def test_a_chain_expires_with_the_first_of_its_certificates() -> None:
    issuer, key = Authority.new(), ec_key()
    pair = read_pair(pem(issuer.server(key, ends=timedelta(days=900)), issuer.certificate), key_pem(key))
    assert pair.not_after == issuer.certificate.not_valid_after_utc


def test_key_and_certificate_are_one_private_file_that_is_always_whole(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    places = places_of(TlsSettings(), layout)
    assert places.read() is None
    pairs = [self_signed(("a.example",)), self_signed(("b.example",))]
    put(layout, pairs[0])
    assert layout.tls_file.stat().st_mode & 0o777 == 0o600
    done = threading.Event()

    def write() -> None:
        for number in range(60):
            put(layout, pairs[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        found = places.read()  # raises when key and certificate are of two pairs
        assert found is not None
    writer.join()
    assert [path.name for path in layout.root.iterdir()] == ["tls.pem"]


def test_a_full_disk_leaves_the_certificate_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / "data")
    put(layout, self_signed(("old.example",)))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            put(layout, self_signed(("new.example",)))
    found = places_of(TlsSettings(), layout).read()
    assert found is not None and found.names == ("old.example",)
    assert [path.name for path in layout.root.iterdir()] == ["tls.pem"]


def test_files_that_the_settings_name_must_be_there_and_both(tmp_path: Path) -> None:
    layout, missing = Layout(tmp_path), tmp_path / "missing.pem"
    with pytest.raises(SettingsError):
        places_of(TlsSettings(certificate=missing), layout)
    with pytest.raises(CertificateInvalid, match="does not exist"):
        places_of(TlsSettings(certificate=missing, key=missing), layout).read()


def test_old_protocols_and_ciphers_without_forward_secrecy_are_off() -> None:
    context = server_context(self_signed(("localhost",)))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    for cipher in context.get_ciphers():
        assert cipher["protocol"] == "TLSv1.3" or cipher["name"].startswith("ECDHE-"), cipher
        assert cipher["aead"], cipher
