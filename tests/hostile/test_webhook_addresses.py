"""Webhooks that are meant to reach what only the box can reach (OWASP ASVS 4.0.3, 5.2.6 and 12.6.1:
server-side request forgery).
"""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from harness.receiver import Receiver, Reply
from stenobox.config import WebhooksSettings
from stenobox.errors import InvalidRequest, SettingsError
from stenobox.notices import Allowed, Due, Webhooks, Wishes
from stenobox.notices.signing import new_signing_secret
from stenobox.notifying import Poster, guarded
from stenobox.notifying.guarded import AddressRefused, guarded_session
from stenobox.notifying.outcome import Outcome
from storing import opened_store

REFUSED = Outcome("Its address is not one that requests may go to.")

FORBIDDEN = [
    "0.0.0.0", "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "198.19.255.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "192.88.99.1", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "fc00::1", "fd12:3456::1", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1", "4000::1",
]  # fmt: skip

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "2a00::1",
]


class Names(AbstractResolver):
    """A name server in the hands of an attacker: it answers with one list after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        return None


async def sent(
    url: str, allowed: Allowed, names: AbstractResolver | None = None, ca: Path | None = None
) -> Outcome:
    notice = Due(
        id=1, message_id="msg_1", user_id=1, webhook_id="wh_1", event="webhook.test", job_id=None,
        recording_id=None, error=None, queued_at=None, started_at=None, finished_at=None, created_at=5.0,
        attempts=0, url=url, secret=new_signing_secret(), address=None, disabled=False, title=None,
    )  # fmt: skip
    async with Poster(WebhooksSettings(enabled=True, ca=ca), allowed, resolver=names) as poster:
        return await poster.send(notice)


@pytest.fixture
def receiver() -> Receiver:
    """Of the LAN: nothing may arrive here."""
    return Receiver()


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_not_allowed(address: str) -> None:
    assert not Allowed().allows(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert Allowed().allows(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_in_the_form_of_ipv6(address: object) -> None:
    assert Allowed().allows(str(address)) == Allowed().allows(f"::ffff:{address}")


@given(st.ip_addresses())
def test_what_the_standard_library_takes_for_private_is_never_allowed(address: object) -> None:
    private = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast  # type: ignore[attr-defined]
    assert not (private and Allowed().allows(str(address)))


def test_listed_networks_are_allowed_and_nothing_beside_them() -> None:
    allowed = Allowed(("10.1.0.0/16", "fd00:1::/32"))
    assert allowed.allows("10.1.2.3") and allowed.allows("::ffff:10.1.2.3") and allowed.allows("fd00:1::5")
    assert not (allowed.allows("10.2.0.1") or allowed.allows("fd00:2::5") or allowed.allows("127.0.0.1"))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "somewhere", "10.0.0.0/33", ""])
def test_a_list_that_is_no_list_of_networks_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError):
        Allowed((text,))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1",
        "0177.0.0.1", "localhost.", "0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_however_loopback_is_written_nothing_arrives_there(
    receiver: Receiver, host: str, scheme: str
) -> None:
    with receiver:
        outcome = await sent(f"{scheme}://{host}:{receiver.port}/hook", Allowed())
    assert outcome.problem is not None
    assert receiver.arrived == []


async def test_a_name_of_a_private_address_is_refused(receiver: Receiver) -> None:
    with receiver:
        url = f"https://innocent.example:{receiver.port}/hook"
        assert await sent(url, Allowed(), Names(["127.0.0.1"])) == REFUSED
        assert await sent(url, Allowed(), Names(["1.1.1.1", "127.0.0.1"])) == REFUSED
        assert await sent(url, Allowed(), Names(["::1"])) == REFUSED
    assert receiver.arrived == []


async def test_a_name_that_changes_its_answer_is_asked_once(receiver: Receiver) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    with receiver:
        url = f"http://rebinding.example:{receiver.port}/hook"
        assert (await sent(url, Allowed(("127.0.0.0/8",)), names)).problem is None
    assert names.asked == 1
    assert receiver.arrived[0].headers["host"] == f"rebinding.example:{receiver.port}"


async def test_the_socket_itself_refuses_what_the_resolver_let_pass(receiver: Receiver) -> None:
    answers = iter([True, False])
    with receiver:
        async with guarded_session(
            lambda _: next(answers), ssl.create_default_context(), Names(["127.0.0.1"])
        ) as client:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await client.post(f"http://some.example:{receiver.port}/")
    assert isinstance(caught.value.os_error, AddressRefused)
    assert receiver.arrived == []


async def test_a_redirect_to_a_private_address_is_not_followed(receiver: Receiver) -> None:
    with receiver:
        inside = f"http://127.0.0.1:{receiver.port}/secret"
        with Receiver(lambda _: Reply(307, {"Location": inside})) as outside:
            outcome = await sent(outside.url, Allowed(("127.0.0.0/8",)))
    assert outcome.status == 307
    assert receiver.arrived == []


async def test_without_encryption_only_listed_addresses_are_called(receiver: Receiver) -> None:
    with receiver:
        url = f"http://public.example:{receiver.port}/hook"
        assert await sent(url, Allowed(), Names(["1.1.1.1"])) == REFUSED


async def test_no_proxy_of_the_environment_is_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver, Receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await sent(receiver.url, Allowed(("127.0.0.0/8",)))).problem is None
    assert len(receiver.arrived) == 1
    assert proxy.arrived == []
    assert "HTTP_PROXY" in os.environ


async def test_a_certificate_is_verified_for_the_name_that_was_called(tmp_path: Path) -> None:
    ours, other = trustme.CA(), trustme.CA()
    trusted = tmp_path / "ca.pem"
    ours.cert_pem.write_to_path(str(trusted))
    allowed = Allowed(("127.0.0.0/8",))
    for authority, name, taken in ((ours, "hook.example", True), (ours, "else.example", False),
                                   (other, "hook.example", False)):  # fmt: skip
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(context)
        with Receiver(tls=context) as server:
            url = f"https://hook.example:{server.port}/hook"
            outcome = await sent(url, allowed, Names(["127.0.0.1"]), trusted)
        assert (outcome.problem is None) is taken, outcome
        assert bool(server.arrived) is taken


async def test_a_server_that_says_nothing_or_endless_headers_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guarded, "TIMEOUT", aiohttp.ClientTimeout(total=0.5))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert await sent(url, Allowed(("127.0.0.0/8",))) == Outcome("It did not answer in time.")
    with Receiver(lambda _: Reply(200, {"X-Long": "a" * 200_000})) as endless:
        outcome = await sent(endless.url, Allowed(("127.0.0.0/8",)))
    assert outcome.problem is not None and outcome.status is None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/", "file:///etc/passwd", "example.org", "https://", "https:///x", "https://a b/",
        "https://user:secret@example.org/", "https://user@example.org/", "https://example.org/#x",
        "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1:9200/", "https://2130706433/",
        "http://1.1.1.1/", "gopher://example.org/", "https://example.org:99999/", "https://example.org:0/",
        "https://[::ffff:10.0.0.1]/", "https://" + "a" * 2_001,
    ],
)  # fmt: skip
async def test_an_address_that_no_request_may_go_to_is_refused_when_it_is_named(
    tmp_path: Path, url: str
) -> None:
    async with opened_store(tmp_path) as store:
        ann = await store.user("ann")
        with pytest.raises(InvalidRequest):
            await Webhooks(store.db, Allowed()).create(ann, url, Wishes())
