"""Signing in at a provider. Every test's name states a security property; the provider is a real one."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from joserfc.jwk import RSAKey

from harness.application import Box, Person, running_box, settings_for
from harness.daemon import ADMIN
from harness.provider import CLIENT, SECRET, OpenProvider, open_provider
from harness.refusals import code_of
from stenobox.app import build
from stenobox.config import OidcSettings
from stenobox.errors import SettingsError
from stenobox.types import Role
from stenobox.web.keys import OIDC

HERE = "http://127.0.0.1:8080"


@pytest.fixture
async def provider() -> AsyncIterator[OpenProvider]:
    async with open_provider() as provider:
        yield provider


@pytest.fixture
def oidc(provider: OpenProvider, tmp_path: Path) -> OidcSettings:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    return OidcSettings(
        issuer=provider.issuer, client_id=CLIENT, secret_file=secret, url=HERE, create_role="user"
    )


@pytest.fixture
async def box(oidc: OidcSettings, tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    """A box whose people sign in at the provider."""
    async with running_box(settings_for(tmp_path / "data", demo_bundle, oidc=oidc)) as box:
        await box.set_up()
        yield box


async def begun(box: Box) -> tuple[str, Person]:
    """Where the page sends the browser, and that browser."""
    answer = await box.nobody.post("/api/auth/oidc")
    assert answer.status == 200, await answer.text()
    cookie = answer.cookies["stenobox_oidc"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and not cookie["domain"]
    browser = Person(box.client, {"Cookie": f"stenobox_oidc={cookie.value}"})
    return str((await answer.json())["url"]), browser


async def sent_back(url: str) -> dict[str, str]:
    """What the provider puts into the address to which it sends the browser back."""
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as answer:
        location = answer.headers["Location"]
    assert location.startswith(f"{HERE}/api/auth/oidc/callback?")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def come_back(box: Box, browser: Person, query: dict[str, str]) -> Person | str:
    """Somebody who is signed in, or the code of the refusal."""
    answer = await browser.get("/api/auth/oidc/callback", params=query)
    assert answer.status == 303
    location = answer.headers["Location"]
    if location != "/":
        assert "stenobox_session" not in answer.cookies
        return location.removeprefix("/?sign_in=")
    return Person(box.client, {"Cookie": f"stenobox_session={answer.cookies['stenobox_session'].value}"})


async def sign_in(box: Box) -> Person | str:
    url, browser = await begun(box)
    return await come_back(box, browser, await sent_back(url))


async def name_of(person: Person | str) -> str:
    assert isinstance(person, Person), person
    return str((await (await person.get("/api/auth/me")).json())["name"])


async def test_who_comes_from_the_provider_has_an_account_of_the_role_in_the_settings_and_keeps_it(
    box: Box, provider: OpenProvider
) -> None:
    """OWASP ASVS 3.5.1; OpenID Connect Core 5.7: the subject decides, and not the name, which may change."""
    first = await sign_in(box)
    assert await name_of(first) == "wanda"
    assert isinstance(first, Person)
    assert (await first.get("/api/users")).status == 403
    provider.claims["preferred_username"] = "wanda.married"
    assert await name_of(await sign_in(box)) == "wanda"
    provider.subject = "person-2"
    assert await name_of(await sign_in(box)) == "wanda.married"


async def test_another_person_of_the_same_name_does_not_get_the_account(
    box: Box, provider: OpenProvider
) -> None:
    """OWASP ASVS 2.5.4, 4.1.2: least of all an administrator's."""
    assert await name_of(await sign_in(box)) == "wanda"
    provider.subject = "person-2"
    assert await sign_in(box) == "oidc_no_account"
    provider.claims["preferred_username"] = ADMIN
    assert await sign_in(box) == "oidc_no_account"


async def test_names_match_accounts_only_where_the_settings_say_so_and_letter_for_letter(
    oidc: OidcSettings, provider: OpenProvider, tmp_path: Path, demo_bundle: Path
) -> None:
    settings = dataclasses.replace(oidc, match_names=True, create_role="none")
    async with running_box(settings_for(tmp_path / "data", demo_bundle, oidc=settings)) as box:
        await box.set_up()
        await box.add("wanda", Role.VIEWER)
        provider.claims["preferred_username"] = "Wanda"
        assert await sign_in(box) == "oidc_no_account"
        provider.claims["preferred_username"] = "wanda"
        assert await name_of(await sign_in(box)) == "wanda"


async def test_nobody_is_let_in_for_the_first_time_where_no_accounts_are_made(
    oidc: OidcSettings, provider: OpenProvider, tmp_path: Path, demo_bundle: Path
) -> None:
    settings = dataclasses.replace(oidc, create_role="none")
    async with running_box(settings_for(tmp_path / "data", demo_bundle, oidc=settings)) as box:
        await box.set_up()
        assert await sign_in(box) == "oidc_no_account"


async def test_a_disabled_account_stays_shut_for_who_comes_from_the_provider(
    box: Box, provider: OpenProvider
) -> None:
    """OWASP ASVS 3.3.3."""
    await sign_in(box)
    admin = await box.by_session(ADMIN)
    assert (await admin.call("PATCH", "/api/users/wanda", json={"disabled": True})).status == 200
    assert await sign_in(box) == "oidc_no_account"


FORGED: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "another-program"},
    "another program among the audience": {"aud": [CLIENT, "other"], "azp": "other"},
    "several audiences and no program": {"aud": [CLIENT, "other"]},
    "over": {"exp": int(time.time()) - 3_600},
    "no end": {"exp": None},
    "from the future": {"iat": int(time.time()) + 3_600},
    "another nonce": {"nonce": "replayed"},
    "no nonce": {"nonce": None},
    "nobody": {"sub": None},
}


@pytest.mark.parametrize("claims", FORGED.values(), ids=FORGED)
async def test_a_token_that_was_not_made_for_this_sign_in_opens_nothing(
    box: Box, provider: OpenProvider, claims: dict[str, Any]
) -> None:
    """OWASP ASVS 3.5.3; OpenID Connect Core 3.1.3.7."""
    provider.claims |= claims
    assert await sign_in(box) == "oidc_refused"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_a_token_without_a_signature_by_the_providers_key_opens_nothing(
    box: Box, provider: OpenProvider, algorithm: str
) -> None:
    """OWASP ASVS 3.5.3; RFC 8725, 2.1: no signature at all, and the public key taken for a shared secret."""
    provider.algorithm = algorithm
    assert await sign_in(box) == "oidc_refused"


async def test_a_token_signed_by_a_strangers_key_opens_nothing_and_a_new_key_of_the_provider_does(
    box: Box, provider: OpenProvider
) -> None:
    """OWASP ASVS 3.5.3, 6.2.5."""
    await sign_in(box)
    provider.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
    assert await sign_in(box) == "oidc_refused"
    provider.key = provider.published = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
    assert await name_of(await sign_in(box)) == "wanda"


async def test_a_sign_in_comes_back_once_and_only_to_the_browser_that_began_it(
    box: Box, provider: OpenProvider
) -> None:
    """OWASP ASVS 3.5.3, 4.2.2; RFC 6749, 10.12."""
    url, browser = await begun(box)
    query = await sent_back(url)
    assert await come_back(box, box.nobody, query) == "oidc_refused"
    url, browser = await begun(box)
    query = await sent_back(url)
    assert await name_of(await come_back(box, browser, query)) == "wanda"
    assert await come_back(box, browser, query) == "oidc_refused"
    url, browser = await begun(box)
    query = await sent_back(url)
    for change in ({"state": "guessed"}, {"iss": "https://evil.example"}, {"code": ""}, {"code": "guessed"}):
        assert await come_back(box, browser, query | change) == "oidc_refused"


async def test_the_code_is_worthless_without_the_verifier_that_never_left_the_box(
    box: Box, provider: OpenProvider
) -> None:
    """RFC 7636 and 9700: a code that was stolen on its way, put into another sign-in."""
    victim, _browser = await begun(box)
    stolen = await sent_back(victim)
    url, browser = await begun(box)
    query = await sent_back(url)
    assert await come_back(box, browser, query | {"code": stolen["code"]}) == "oidc_refused"
    asked = provider.asked[0]
    assert asked["scope"] == "openid profile"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert all(len(asked[name]) >= 43 for name in ("state", "nonce", "code_challenge"))


async def test_another_sites_page_cannot_begin_a_sign_in(box: Box) -> None:
    """OWASP ASVS 4.2.2."""
    answer = await box.nobody.post("/api/auth/oidc", headers={"Sec-Fetch-Site": "cross-site"})
    assert code_of(await answer.json()) == "cross_site"
    assert "Set-Cookie" not in answer.headers


async def test_beginning_over_and_over_is_limited(box: Box, provider: OpenProvider) -> None:
    """OWASP ASVS 2.2.1."""
    statuses = [(await box.nobody.post("/api/auth/oidc")).status for _ in range(12)]
    assert (statuses[0], statuses[-1]) == (200, 429)


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": ""},
        {"padding": "x" * 2_000_000},
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_not_used(
    box: Box, provider: OpenProvider, document: dict[str, Any]
) -> None:
    """OWASP ASVS 5.1.5, 12.6.1; OpenID Connect Discovery 4.3."""
    provider.document = document
    answer = await box.nobody.post("/api/auth/oidc")
    assert (answer.status, code_of(await answer.json())) == (503, "provider_unreachable")


async def test_without_a_provider_there_is_none_to_begin_with(tmp_path: Path, demo_bundle: Path) -> None:
    async with running_box(settings_for(tmp_path / "data", demo_bundle)) as box:
        await box.set_up()
        assert (await (await box.nobody.get("/api/auth/oidc")).json()) == {"label": None}
        assert (await box.nobody.post("/api/auth/oidc")).status == 404
        answer = await box.nobody.get("/api/auth/oidc/callback")
        assert answer.headers["Location"] == "/?sign_in=not_found"


@pytest.mark.parametrize(
    "change",
    [{"issuer": "http://login.example"}, {"issuer": "login.example"}, {"client_id": ""}, {"url": ""},
     {"secret_file": Path("/nowhere")}],
)  # fmt: skip
async def test_settings_that_would_be_unsafe_or_cannot_work_stop_the_start(
    oidc: OidcSettings, tmp_path: Path, demo_bundle: Path, change: dict[str, Any]
) -> None:
    """OWASP ASVS 9.2.1: a secret goes to its provider over TLS."""
    settings = settings_for(tmp_path / "data", demo_bundle, oidc=dataclasses.replace(oidc, **change))
    runner = web.AppRunner(build(settings))
    try:
        with pytest.raises(SettingsError):
            await runner.setup()
    finally:
        await runner.cleanup()


async def test_a_person_who_came_from_the_provider_has_no_password_that_anybody_knows(
    box: Box, provider: OpenProvider
) -> None:
    await sign_in(box)
    for password in ("", "wanda", "none", "!"):
        login = {"name": "wanda", "password": password}
        assert (await box.nobody.post("/api/auth/login", json=login)).status == 401
    assert box.app[OIDC].label == "your office account"
