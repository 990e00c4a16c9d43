"""A reverse proxy in front, and those who pretend to be one: OWASP ASVS 4.0.3, chapters 11.1 and 13.2."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from harness.application import Box, running_box, settings_for
from harness.daemon import ADMIN, PASSWORD
from stenobox.config import LimitsSettings, ListenSettings, load_settings
from stenobox.errors import SettingsError
from stenobox.networks import Client, address_of, networks_of, side_of
from stenobox.web.client import client_of
from stenobox.web.keys import LOGIN_LIMIT

PROXIES = networks_of(("127.0.0.0/8", "10.1.0.0/16", "fd00::/64"), "test")


class FromPeer:
    """A transport whose other end is `peer`."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._peer, 1234) if name == "peername" else default


def seen(peer: str, *headers: tuple[str, str], by: str = "x-forwarded-for") -> Client:
    """What the box takes for the client of a request with these headers."""
    sent = CIMultiDict([("Host", "box.example"), *headers])
    request = make_mocked_request("GET", "/", headers=sent, transport=FromPeer(peer))
    return client_of(request, PROXIES, by)


def test_what_an_address_that_is_no_trusted_proxy_says_of_the_client_is_ignored() -> None:
    """ASVS 11.1.4, 13.2.3."""
    for by in ("x-forwarded-for", "forwarded"):
        client = seen(
            "192.0.2.66",
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil.example"),
            ("Forwarded", "for=127.0.0.1;proto=https;host=evil.example"),
            ("X-Real-IP", "127.0.0.1"),
            by=by,
        )
        assert client == Client(ipaddress.ip_address("192.0.2.66"), secure=False, host="box.example")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1"),  # the left was written by the client
        ("127.0.0.1, 192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.1.2.3, 10.1.2.4", "192.0.2.1"),  # proxies behind proxies
        ("10.1.2.3", "10.1.2.3"),  # a proxy that calls for itself
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, nonsense", "10.1.0.1"),  # nobody but the proxy is known
        ("192.0.2.1, ", "10.1.0.1"),
        ("unknown", "10.1.0.1"),
        ("", "10.1.0.1"),
        ("192.0.2.1, nonsense, 10.1.0.7", "10.1.0.7"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_proxy(chain: str, client: str) -> None:
    """ASVS 11.1.4."""
    assert str(seen("10.1.0.1", ("X-Forwarded-For", chain)).address) == client


def test_a_header_that_came_twice_is_read_as_one_list() -> None:
    """ASVS 13.2.3: a client's own line stands before the proxy's."""
    client = seen("10.1.0.1", ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "192.0.2.1"))
    assert str(client.address) == "192.0.2.1"


def test_an_endless_chain_is_not_followed() -> None:
    """ASVS 11.1.4."""
    chain = ", ".join(["192.0.2.1", *(["10.1.0.9"] * 500)])
    assert str(seen("10.1.0.1", ("X-Forwarded-For", chain)).address) == "10.1.0.9"


def test_only_the_family_of_headers_that_the_settings_name_is_read() -> None:
    """ASVS 13.2.3: the other one goes through a proxy as the client wrote it."""
    both = (
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=192.0.2.2;proto=http;host=other.example"),
    )
    assert seen("10.1.0.1", *both) == Client(address_of("192.0.2.1"), True, "box.example", proxied=True)
    assert seen("10.1.0.1", *both, by="forwarded") == Client(
        address_of("192.0.2.2"), False, "other.example", proxied=True
    )


def test_forwarded_is_read_as_rfc_7239_writes_it() -> None:
    """ASVS 13.2.3."""
    header = (
        'for=6.6.6.6;proto=http, For="[2001:db8::1]:4711" ; Proto=HTTPS;host="box.office:8443", for=10.1.0.5'
    )
    client = seen("10.1.0.1", ("Forwarded", header), by="forwarded")
    assert client == Client(address_of("2001:db8::1"), True, "box.office:8443", proxied=True)
    for nonsense in ("for", "for=_hidden", 'for="192.0.2.1', "for=unknown;proto=https", ";;", "by=192.0.2.1"):
        client = seen("10.1.0.1", ("Forwarded", nonsense), by="forwarded")
        assert (str(client.address), client.secure) == ("10.1.0.1", False), nonsense


def test_a_host_that_a_proxy_hands_on_is_a_host_or_nothing() -> None:
    """ASVS 13.2.3."""
    for value in ("evil.example/path", "a b", "a\tb", "x" * 300, "", "user@host"):
        assert seen("10.1.0.1", ("X-Forwarded-Host", value)).host == "box.example"
    assert seen("10.1.0.1", ("X-Forwarded-Host", "evil.example, steno.office")).host == "steno.office"


def test_a_protocol_that_is_not_one_of_two_says_nothing() -> None:
    """ASVS 13.2.3."""
    for value in ("ftp", "https2", "on", ""):
        assert not seen("10.1.0.1", ("X-Forwarded-Proto", value)).secure
    assert not seen("10.1.0.1", ("X-Forwarded-Proto", "https, http")).secure


def test_one_machine_with_a_whole_network_of_ipv6_addresses_is_one_side() -> None:
    """ASVS 11.1.4."""
    assert side_of(address_of("2001:db8:1:2::3")) == side_of(address_of("2001:db8:1:2:ffff::4"))
    assert side_of(address_of("2001:db8:1:3::3")) != side_of(address_of("2001:db8:1:2::3"))
    assert side_of(address_of("::ffff:192.0.2.1")) == side_of(address_of("192.0.2.1")) == "192.0.2.1"


@pytest.mark.parametrize("text", ["10.0.0.0/33", "proxy.example", "10.0.0.1/8", "10.0.0.0/8,10.1.0.0/8x"])
def test_a_proxy_that_is_no_address_stops_the_start(text: str) -> None:
    """ASVS 14.1.3."""
    with pytest.raises(SettingsError, match=r"listen\.trusted_proxies"):
        load_settings(None, None, {"STENOBOX_LISTEN_TRUSTED_PROXIES": text})


@pytest.fixture
async def behind(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    """A box behind a proxy on the same machine, for office.example."""
    listen = ListenSettings(names=("office.example",), trusted_proxies=("127.0.0.1",))
    limits = LimitsSettings(requests_per_second=0.001, requests_at_once=8)
    settings = settings_for(tmp_path / "data", demo_bundle, listen=listen, limits=limits)
    async with running_box(settings) as box:
        await box.set_up()
        yield box


def by_proxy(address: str, proto: str = "https") -> dict[str, str]:
    return {
        "X-Forwarded-For": address,
        "X-Forwarded-Proto": proto,
        "X-Forwarded-Host": "office.example",
    }


LOGIN = {"name": ADMIN, "password": PASSWORD}


async def test_behind_a_proxy_with_https_the_cookie_is_secure(behind: Box) -> None:
    """ASVS 3.4.1, 3.4.4."""
    answer = await behind.nobody.post("/api/auth/login", json=LOGIN, headers=by_proxy("192.0.2.1"))
    assert answer.cookies["__Host-stenobox_session"]["secure"]
    plain = await behind.nobody.post(
        "/api/auth/login", json=LOGIN, headers=by_proxy("192.0.2.1", proto="http")
    )
    assert not plain.cookies["stenobox_session"]["secure"]


async def test_behind_a_proxy_the_origin_is_compared_to_the_name_that_the_browser_knows(behind: Box) -> None:
    """ASVS 4.2.2, 13.2.3."""
    headers = by_proxy("192.0.2.1")
    for origin, status in (("https://office.example", 200), ("https://127.0.0.1", 403)):
        answer = await behind.nobody.post("/api/auth/login", json=LOGIN, headers=headers | {"Origin": origin})
        assert answer.status == status


async def test_behind_a_proxy_a_foreign_name_gets_nothing(behind: Box) -> None:
    """ASVS 13.2.3."""
    headers = by_proxy("192.0.2.1") | {"X-Forwarded-Host": "evil.example"}
    assert (await behind.nobody.get("/livez", headers=headers)).status == 400


async def test_behind_a_proxy_guessing_is_counted_for_the_one_who_guesses(behind: Box) -> None:
    """ASVS 2.2.1."""
    behind.app[LOGIN_LIMIT]._burst = 2.0

    async def guess(address: str, name: str) -> int:
        body = {"name": name, "password": "wrong password"}
        # What a client writes into the header stands to the left of what the proxy adds.
        headers = by_proxy(f"203.0.113.{len(name)}, {address}")
        return (await behind.nobody.post("/api/auth/login", json=body, headers=headers)).status

    names = ["a", "bb", "ccc", "dddd"]
    assert [await guess("192.0.2.1", name) for name in names] == [401, 401, 429, 429]
    assert await guess("192.0.2.2", "eeeee") == 401


async def test_one_address_that_asks_too_much_is_told_when_to_come_back_and_others_are_served(
    behind: Box,
) -> None:
    """ASVS 11.1.4, 8.1.4."""
    answers = [await behind.nobody.get("/livez", headers=by_proxy("192.0.2.1")) for _ in range(10)]
    assert [answer.status for answer in answers] == [200] * 8 + [429] * 2
    assert (await answers[-1].json())["code"] == "too_many_requests"
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert (await behind.nobody.get("/livez", headers=by_proxy("192.0.2.2"))).status == 200
    # And the box's own people, without a proxy between.
    for _ in range(20):
        assert (await behind.nobody.get("/livez")).status == 200


async def test_one_account_that_asks_too_much_is_stopped_from_wherever_it_asks(behind: Box) -> None:
    """ASVS 11.1.4, 8.1.4."""
    anna = await behind.by_key(ADMIN)
    statuses = [
        (await anna.get("/api/auth/me", headers=by_proxy(f"192.0.2.{number}"))).status for number in range(10)
    ]
    assert statuses == [200] * 8 + [429] * 2


async def test_beginning_uploads_has_a_limit_of_its_own(tmp_path: Path, demo_bundle: Path) -> None:
    """ASVS 12.1.1, 11.1.4."""
    listen = ListenSettings(names=("office.example",), trusted_proxies=("127.0.0.1",))
    limits = LimitsSettings(uploads_per_second=0.001, uploads_at_once=2)
    settings = settings_for(tmp_path / "data", demo_bundle, listen=listen, limits=limits)
    async with running_box(settings) as box:
        anna, headers = await box.set_up(), by_proxy("192.0.2.1")
        body = {"filename": "a.wav", "size": 9}
        begun = [await anna.post("/api/uploads/init", json=body, headers=headers) for _ in range(3)]
        assert [answer.status for answer in begun] == [201, 201, 429]
        assert (await anna.post("/api/tus", headers=headers)).status == 429
        assert (await anna.get("/api/jobs", headers=headers)).status == 200
        # Pieces of an upload that was let in are not counted.
        upload = (await begun[0].json())["id"]
        for offset in range(5):
            piece = await anna.call(
                "PUT", f"/api/uploads/{upload}/chunk?offset={offset}", data=b"x", headers=headers
            )
            assert piece.status == 200


async def test_limits_hold_a_bounded_number_of_buckets() -> None:
    """ASVS 11.1.4."""
    from stenobox.access import RequestLimits
    from stenobox.access.ratelimit import MAX_BUCKETS

    limits = RequestLimits(LimitsSettings())
    for number in range(MAX_BUCKETS + 500):
        limits.count(f"address {number}", upload=True)
    for limiter in (limits._requests, limits._uploads):
        assert limiter is not None and len(limiter._buckets) == MAX_BUCKETS


async def test_a_request_names_one_host(behind: Box) -> None:
    """ASVS 13.2.3, with RFC 9112, section 3.2."""
    import asyncio

    for head in ("GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", behind.client.port)
        writer.write(f"{head}Connection: close\r\n\r\n".encode())
        assert b" 400 Bad Request\r\n" in await reader.read()
        writer.close()
        await writer.wait_closed()
