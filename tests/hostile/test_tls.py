"""HTTPS as the started daemon speaks it: OWASP ASVS 4.0.3, chapter 9 (communication)."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from harness.certificates import Authority, Key, ec_key, key_pem, pem, rsa_key
from harness.daemon import ADMIN, PASSWORD, PATIENCE_S, Daemon, clean_environment, command
from storing import wave_bytes

TALK = wave_bytes(0.2)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, demo_bundle: Path) -> Iterator[Daemon]:
    """A started box with HTTPS and its first account."""
    with Daemon(tmp_path_factory.mktemp("box") / "data", model=demo_bundle, tls=True) as daemon:
        daemon.set_up()
        yield daemon


def place(box: Daemon) -> tuple[str, int]:
    parts = urlsplit(box.url)
    assert parts.hostname and parts.port
    return parts.hostname, parts.port


def served(box: Daemon) -> x509.Certificate:
    """What a new connection gets, whoever signed it."""
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(place(box)).encode())


def wait_until_served(box: Daemon, certificate: x509.Certificate) -> None:
    end = time.monotonic() + PATIENCE_S
    while served(box) != certificate:
        assert time.monotonic() < end, "the new certificate is not served"
        time.sleep(0.1)


def raw(box: Daemon, sent: bytes) -> bytes:
    """The answer to bytes that are sent without encryption."""
    with socket.create_connection(place(box), PATIENCE_S) as connection:
        connection.sendall(sent)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer


def test_a_client_that_verifies_is_served_and_one_that_trusts_others_is_not(box: Daemon) -> None:
    """ASVS 9.1.1, 9.2.1."""
    assert box.url.startswith("https://")
    assert box.get("/api/auth/me").json["name"] == ADMIN
    stranger = ssl.create_default_context()
    with socket.create_connection(place(box)) as connection, pytest.raises(ssl.SSLCertVerificationError):
        stranger.wrap_socket(connection, server_hostname="127.0.0.1")


def test_curl_verifies_the_box_by_the_certificate_that_status_prints(box: Daemon, tmp_path: Path) -> None:
    """ASVS 9.2.1."""
    told = command("tls", "status", "--pem", data=box.data)
    assert b"PRIVATE" not in told.stdout.encode()
    (tmp_path / "box.pem").write_text(told.stdout)
    ask = ["curl", "--silent", "--fail", "--cacert", str(tmp_path / "box.pem"), f"{box.url}/livez"]
    assert json.loads(subprocess.run(ask, capture_output=True, check=True).stdout) == {"status": "alive"}
    assert subprocess.run(["curl", "--silent", f"{box.url}/livez"], check=False).returncode == 60


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_of_tls_are_refused_and_http_1_1_is_agreed_on(box: Daemon) -> None:
    """ASVS 9.1.3."""
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = old.maximum_version = version
        old.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(place(box)) as connection, pytest.raises(ssl.SSLError):
            old.wrap_socket(connection)
    new = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    new.check_hostname, new.verify_mode = False, ssl.CERT_NONE
    new.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(place(box)) as connection, new.wrap_socket(connection) as encrypted:
        assert encrypted.selected_alpn_protocol() == "http/1.1"
        assert encrypted.version() == "TLSv1.3"


def test_ciphers_without_forward_secrecy_are_refused(box: Daemon) -> None:
    """ASVS 9.1.2."""
    for ciphers in ("AES256-SHA256:AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA256"):
        weak = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        weak.check_hostname, weak.verify_mode = False, ssl.CERT_NONE
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers(ciphers)
        with socket.create_connection(place(box)) as connection, pytest.raises(ssl.SSLError):
            weak.wrap_socket(connection)


def test_the_private_key_is_for_the_service_alone_and_in_no_answer(box: Daemon) -> None:
    """ASVS 6.4.1."""
    assert (box.data / "tls.pem").stat().st_mode & 0o777 == 0o600
    answer = box.get("/api/admin/tls")
    assert answer.json["certificate"]["self_signed"]
    assert "PRIVATE" not in answer.text
    assert answer.json["certificate"]["fingerprint"] in "".join(box.stdout)


def test_over_https_the_session_cookie_is_secure_and_bound_to_the_host(box: Daemon) -> None:
    """ASVS 3.4.1, 3.4.4."""
    login = box.post("/api/auth/login", json_body={"name": ADMIN, "password": PASSWORD}, key=None)
    cookie = login.headers["Set-Cookie"]
    assert cookie.startswith("__Host-stenobox_session=")
    flags = {part.strip().lower() for part in cookie.split(";")}
    assert {"secure", "httponly", "path=/", "samesite=lax"} <= flags
    # Under its plain name, which a page without encryption could have set, it opens nothing.
    value = cookie.partition("=")[2].partition(";")[0]
    plain = box.get("/api/auth/me", headers={"Cookie": f"stenobox_session={value}"}, key=None)
    assert plain.status == 401


def test_whoever_comes_without_encryption_is_led_to_https(box: Daemon) -> None:
    """ASVS 9.1.1."""
    host = urlsplit(box.url).netloc
    answer = raw(box, f"GET /setup?a=b%20c HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 308 ")
    assert f"Location: {box.url}/setup?a=b%20c\r\n".encode() in answer
    assert b"Content-Security-Policy: default-src 'none'" in answer
    # Only to the host that was asked for, never to what a request smuggles into it.
    for name in ("evil.example/@", 'a"b', ""):
        smuggled = raw(box, f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        assert b"Location" not in smuggled


def test_a_key_or_a_password_sent_without_encryption_is_refused_and_not_led_on(box: Daemon) -> None:
    """ASVS 9.1.1: a redirect would hide from its sender that the secret was readable on the network."""
    login = json.dumps({"name": ADMIN, "password": PASSWORD})
    head = f"Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(login)}"
    for sent in (
        f"GET /api/auth/me HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {box.key}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {box.key}\r\n\r\n",
        f"POST /api/auth/login HTTP/1.1\r\n{head}\r\n\r\n{login}",
    ):
        answer = raw(box, sent.encode())
        assert answer.startswith(b"HTTP/1.1 426 ")
        assert b'"code":"https_required"' in answer
        assert b"Set-Cookie" not in answer and b"Location" not in answer


def test_a_self_signed_box_sends_no_hsts_which_would_lock_people_out(box: Daemon) -> None:
    """ASVS 14.4.5 with RFC 6797, sections 8.1 and 11.3."""
    assert "Strict-Transport-Security" not in box.get("/").headers


def test_a_renewed_certificate_is_served_while_a_stream_and_an_upload_go_on(
    tmp_path: Path, demo_bundle: Path
) -> None:
    """ASVS 9.2.1: renewal is no reason to put it off."""
    with Daemon(tmp_path / "data", model=demo_bundle, tls=True) as box:
        box.set_up()
        before = served(box)
        events = box.events()
        assert next(events) == ("connected", None)
        begun = box.post("/api/uploads/init", json_body={"filename": "a.wav", "size": len(TALK)}).json
        upload = http.client.HTTPSConnection(*place(box), timeout=PATIENCE_S, context=box.trust)
        upload.putrequest("PUT", f"/api/uploads/{begun['id']}/chunk?offset=0")
        upload.putheader("Authorization", f"Bearer {box.key}")
        upload.putheader("Content-Length", str(len(TALK)))
        upload.endheaders(TALK[:1_000])

        told = command("tls", "self-signed", data=box.data)
        assert told.returncode == 0, told.stderr
        assert "from the next connection on" in told.stdout
        after = served(box)
        assert after != before
        assert after.fingerprint(after.signature_hash_algorithm).hex(":").upper() in told.stdout  # type: ignore[arg-type]

        upload.send(TALK[1_000:])
        answer = upload.getresponse()
        assert (answer.status, json.loads(answer.read())["received"]) == (200, len(TALK))
        box.trust = ssl.create_default_context(cadata=command("tls", "status", "--pem", data=box.data).stdout)
        job = box.post(f"/api/uploads/{begun['id']}/finalize", json_body={}).json
        seen = ""
        while job["id"] not in seen:
            seen = json.dumps(next(events))
        upload.close()
        events.close()


def write_pair(folder: Path, authority: Authority, key: Key, **options: timedelta) -> x509.Certificate:
    """As an ACME client does: the certificate first, then the key."""
    certificate = authority.server(key, **options)  # type: ignore[arg-type]
    (folder / "chain.pem").write_bytes(authority.chain(certificate))
    (folder / "key.pem").write_bytes(key_pem(key))
    return certificate


def test_files_of_the_settings_are_followed_by_themselves_and_at_sighup(
    tmp_path: Path, demo_bundle: Path
) -> None:
    """ASVS 9.2.1. A box whose certificate somebody signed, and its renewal by another kind of key."""
    authority = Authority.new().below()
    first = write_pair(tmp_path, authority, rsa_key())
    settings = {"tls.certificate": tmp_path / "chain.pem", "tls.key": tmp_path / "key.pem"}
    with Daemon(tmp_path / "data", model=demo_bundle, settings=settings) as box:
        box.trust = ssl.create_default_context(cadata=pem(authority.root).decode())
        box.set_up()
        assert served(box) == first
        hsts = box.get("/").headers["Strict-Transport-Security"]
        assert int(hsts.removeprefix("max-age=")) >= 15_724_800
        assert box.get("/api/nothing").headers["Strict-Transport-Security"] == hsts

        assert box.process is not None
        second = write_pair(tmp_path, authority, ec_key())
        box.process.send_signal(signal.SIGHUP)
        wait_until_served(box, second)
        third = write_pair(tmp_path, authority, rsa_key())
        wait_until_served(box, third)  # nobody said anything

        (tmp_path / "key.pem").write_bytes(key_pem(ec_key()))
        refused = box.post("/api/admin/tls/reload")
        assert (refused.status, refused.json["code"]) == (422, "certificate_invalid")
        assert served(box) == third  # what cannot be used changes nothing
        assert box.get("/api/auth/me").status == 200

        elsewhere = command("tls", "self-signed", data=box.data, settings=settings)
        assert elsewhere.returncode == 2
        assert not (box.data / "tls.pem").exists()


def test_a_box_that_gets_a_certificate_while_it_runs_speaks_https_from_then_on(
    tmp_path: Path, demo_bundle: Path
) -> None:
    """ASVS 9.1.1."""
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        assert command("tls", "status", data=box.data).returncode == 1
        box.make_certificate()
        assert raw(box, b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.0 308 ")
        box.url = box.url.replace("http://", "https://")
        assert box.get("/api/auth/me").status == 200


def test_push_sends_to_a_box_that_it_was_told_to_trust_and_to_no_other(box: Daemon, tmp_path: Path) -> None:
    """ASVS 9.2.1."""
    (tmp_path / "talk.wav").write_bytes(TALK)
    (tmp_path / "box.pem").write_text(command("tls", "status", "--pem", data=box.data).stdout)
    (tmp_path / "key").write_text(str(box.key))
    push = [
        sys.executable,
        "-m",
        "stenobox",
        "push",
        "--server",
        box.url,
        "--key-file",
        str(tmp_path / "key"),
    ]
    environment = clean_environment() | {"XDG_STATE_HOME": str(tmp_path / "state")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        call = [*push, *arguments, str(tmp_path / "talk.wav")]
        return subprocess.run(call, env=environment, capture_output=True, text=True, check=False)

    refused = run()
    assert refused.returncode == 1
    assert "not trusted" in refused.stderr
    sent = run("--ca-file", str(tmp_path / "box.pem"))
    assert sent.returncode == 0, sent.stderr
    assert box.get(f"/api/jobs/{sent.stdout.split()[0]}").status == 200


def test_prometheus_learns_when_the_certificate_expires(box: Daemon) -> None:
    """ASVS 9.2.1."""
    line = next(
        each
        for each in box.get("/metrics").text.splitlines()
        if each.startswith("stenobox_certificate_not_after")
    )
    assert float(line.split()[1]) == served(box).not_valid_after_utc.timestamp()


def test_import_keeps_what_was_there_when_the_files_are_wrong(tmp_path: Path) -> None:
    """ASVS 9.2.1."""
    authority, key = Authority.new(), ec_key()
    data, chain, private = tmp_path / "data", tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(authority.chain(authority.server(key)) or pem(authority.server(key)))
    private.write_bytes(key_pem(key))
    assert command("tls", "import", str(chain), str(private), data=data).returncode == 0
    kept = (data / "tls.pem").read_bytes()

    private.write_bytes(key_pem(ec_key()))
    wrong = command("tls", "import", str(chain), str(private), data=data)
    assert wrong.returncode == 2
    assert "does not belong" in wrong.stderr
    missing = command("tls", "import", str(tmp_path / "no.pem"), str(private), data=data)
    assert missing.returncode == 2
    # Neither is a key that somebody paid for thrown away by a command that makes another.
    assert command("tls", "self-signed", data=data).returncode == 2
    assert (data / "tls.pem").read_bytes() == kept
    assert command("tls", "self-signed", "--force", data=data).returncode == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_off_loopback_the_box_does_not_start_without_a_certificate(tmp_path: Path, host: str) -> None:
    """ASVS 9.1.1."""
    refused = command("serve", "--host", host, "--port", "0", data=tmp_path / "data")
    assert refused.returncode == 2
    assert "stenobox tls self-signed" in refused.stderr
    assert "listen.insecure_http" in refused.stderr


def test_the_old_name_of_the_word_for_plain_http_is_told_the_new_one(tmp_path: Path) -> None:
    """ASVS 9.1.1: no setting that opens the box is silently another."""
    config = tmp_path / "stenobox.toml"
    config.write_text("[listen]\nplain_http = true\n")
    refused = command("--config", str(config), "check-config", data=tmp_path / "data")
    assert refused.returncode == 2
    assert "listen.insecure_http" in refused.stderr
    refused = command("check-config", data=tmp_path, settings={"listen.plain_http": "true"})
    assert "STENOBOX_LISTEN_INSECURE_HTTP" in refused.stderr
