"""A started box behind a real nginx: OWASP ASVS 4.0.3, chapters 3.4, 9.1 and 13.2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.daemon import ADMIN, PASSWORD, Daemon
from harness.nginx import Proxy
from storing import wave_bytes

TALK = wave_bytes(0.2)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory, demo_bundle: Path) -> Iterator[Daemon]:
    """The box as it is reached through nginx."""
    folder = tmp_path_factory.mktemp("behind")
    settings = {"listen.trusted_proxies": "127.0.0.1", "limits.requests_at_once": 40}
    settings |= {"limits.requests_per_second": 0.01}
    with Daemon(folder / "data", model=demo_bundle, settings=settings) as box:
        box.set_up()
        with Proxy(folder / "nginx", box.url) as nginx:
            box.url, box.trust = nginx.url, nginx.trust
            yield box


def from_address(address: str) -> dict[str, str]:
    """nginx appends 127.0.0.1, which is a proxy, so that this is the client: as one behind two proxies."""
    return {"X-Forwarded-For": address}


def test_a_recording_goes_through_and_its_events_come_back(behind: Daemon) -> None:
    """ASVS 13.2.3."""
    events = behind.events()
    assert next(events) == ("connected", None)
    job = behind.upload(TALK)
    assert job.status == 201, job.text
    seen = ""
    while job.json["id"] not in seen:
        seen = json.dumps(next(events))
    events.close()


def test_the_cookie_is_secure_and_opens_the_box_again(behind: Daemon) -> None:
    """ASVS 3.4.1, 3.4.4."""
    login = behind.post("/api/auth/login", json_body={"name": ADMIN, "password": PASSWORD}, key=None)
    cookie = login.headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith("__Host-stenobox_session=")
    assert behind.get("/api/auth/me", headers={"Cookie": cookie}, key=None).status == 200
    same = {"Cookie": cookie, "Origin": behind.url}
    other = {"Cookie": cookie, "Origin": "https://evil.example"}
    assert behind.post("/api/keys", json_body={"name": "a"}, headers=same, key=None).status == 201
    assert behind.post("/api/auth/logout", headers=other, key=None).status == 403


def test_the_page_does_not_warn_of_a_connection_that_nginx_encrypts(behind: Daemon) -> None:
    """ASVS 9.1.1."""
    headers = from_address("192.0.2.9")
    assert behind.get("/api/setup", headers=headers, key=None).json == {"needed": False, "encrypted": True}


def test_a_client_behind_it_is_limited_and_its_neighbour_is_not(behind: Daemon) -> None:
    """ASVS 11.1.4."""
    statuses = [behind.get("/livez", headers=from_address("192.0.2.1"), key=None).status for _ in range(42)]
    assert statuses == [200] * 40 + [429] * 2
    assert behind.get("/livez", headers=from_address("192.0.2.2"), key=None).status == 200


def test_no_hsts_is_added_which_is_for_nginx_to_decide(behind: Daemon) -> None:
    """ASVS 14.4.5."""
    assert "Strict-Transport-Security" not in behind.get("/", key=None).headers


def test_a_large_upload_is_not_cut_by_any_limit(behind: Daemon) -> None:
    """ASVS 12.1.1: the honest get through."""
    answer = behind.upload(wave_bytes(600.0), "long.wav")
    assert answer.status == 201, answer.text
