"""The second factor. Every test's name states a security property."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from harness.application import Box, Person
from harness.daemon import ADMIN, PASSWORD
from harness.refusals import code_of
from stenobox.types import Role
from stenobox.web.keys import SECOND_FACTORS
from storing import Clock


@pytest.fixture
def clock(box: Box, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which codes are judged, which the test moves."""
    clock = Clock()
    monkeypatch.setattr(box.app[SECOND_FACTORS], "_clock", clock)
    return clock


class Phone:
    """An authenticator app that was given a secret."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._totp = pyotp.TOTP(secret)
        self._clock = clock

    def code(self, steps: int = 0) -> str:
        """What it shows now, or some steps of 30 seconds from now."""
        return self._totp.at(int(self._clock.now) + 30 * steps)


async def enrolled(person: Person, clock: Clock) -> tuple[Phone, list[str]]:
    begun = await (await person.post("/api/auth/totp", json={"password": PASSWORD})).json()
    phone = Phone(begun["secret"], clock)
    confirmed = await person.post("/api/auth/totp/confirm", json={"code": phone.code()})
    assert confirmed.status == 200, await confirmed.text()
    clock.now += 30
    return phone, list((await confirmed.json())["recovery_codes"])


async def sign_in(box: Box, **body: str) -> tuple[int, Any]:
    answer = await box.nobody.post("/api/auth/login", json={"name": ADMIN, "password": PASSWORD, **body})
    return answer.status, await answer.json()


async def test_with_a_second_factor_the_password_alone_opens_nothing(
    box: Box, anna: Person, clock: Clock
) -> None:
    """OWASP ASVS 2.8.1, 4.3.1."""
    phone, _codes = await enrolled(await box.by_session(ADMIN), clock)
    answer = await box.nobody.post("/api/auth/login", json={"name": ADMIN, "password": PASSWORD})
    assert (answer.status, code_of(await answer.json())) == (401, "totp_required")
    assert "Set-Cookie" not in answer.headers
    assert (await sign_in(box, code=phone.code()))[0] == 200


async def test_a_code_alone_tells_nobody_that_there_is_a_second_factor(
    box: Box, anna: Person, clock: Clock
) -> None:
    """OWASP ASVS 2.2.1: only who knows the password learns of it."""
    phone, _codes = await enrolled(await box.by_session(ADMIN), clock)
    status, body = await sign_in(box, password="not this one", code=phone.code())
    assert (status, code_of(body)) == (401, "wrong_credentials")


async def test_a_code_opens_once(box: Box, anna: Person, clock: Clock) -> None:
    """OWASP ASVS 2.8.4, RFC 6238 section 5.2: not even two at the same moment."""
    phone, _codes = await enrolled(await box.by_session(ADMIN), clock)
    code = phone.code()
    outcomes = await asyncio.gather(sign_in(box, code=code), sign_in(box, code=code))
    assert sorted(status for status, _body in outcomes) == [200, 401]
    clock.now += 30
    assert code_of((await sign_in(box, code=code))[1]) == "wrong_code"
    assert (await sign_in(box, code=phone.code()))[0] == 200


async def test_the_code_that_switched_it_on_does_not_sign_in(box: Box, anna: Person, clock: Clock) -> None:
    """OWASP ASVS 2.8.4."""
    phone, _codes = await enrolled(await box.by_session(ADMIN), clock)
    assert code_of((await sign_in(box, code=phone.code(-1)))[1]) == "wrong_code"


async def test_a_code_counts_for_one_step_more_or_less_and_no_longer(
    box: Box, anna: Person, clock: Clock
) -> None:
    """OWASP ASVS 2.8.1."""
    phone, _codes = await enrolled(await box.by_session(ADMIN), clock)
    clock.now += 3_000
    for steps in (-2, 2):
        assert code_of((await sign_in(box, code=phone.code(steps)))[1]) == "wrong_code"
    for steps in (-1, 0, 1):
        assert (await sign_in(box, code=phone.code(steps)))[0] == 200


async def test_guessing_codes_is_limited_even_for_who_knows_the_password(
    box: Box, anna: Person, clock: Clock
) -> None:
    """OWASP ASVS 2.2.1; RFC 6238 section 5.2. The user still gets in, with a recovery code."""
    phone, codes = await enrolled(await box.by_session(ADMIN), clock)
    right = phone.code()
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    answers = [code_of((await sign_in(box, code=wrong))[1]) for _ in range(7)]
    assert answers == ["wrong_code"] * 5 + ["rate_limited"] * 2
    assert code_of((await sign_in(box, code=right))[1]) == "rate_limited"
    assert (await sign_in(box, code=codes[0]))[0] == 200


async def test_guessing_recovery_codes_is_limited(box: Box, anna: Person, clock: Clock) -> None:
    """OWASP ASVS 2.2.1."""
    await enrolled(await box.by_session(ADMIN), clock)
    answers = [code_of((await sign_in(box, code="aaaa-bbbb-cccc-dddd"))[1]) for _ in range(7)]
    assert answers[0] == "wrong_code"
    assert answers[-1] == "rate_limited"


async def test_each_of_ten_recovery_codes_opens_once(box: Box, anna: Person, clock: Clock) -> None:
    """OWASP ASVS 2.6.1."""
    _phone, codes = await enrolled(await box.by_session(ADMIN), clock)
    assert len(set(codes)) == 10
    for code in (codes[0], codes[1].upper().replace("-", " ")):
        assert (await sign_in(box, code=code))[0] == 200
        assert code_of((await sign_in(box, code=code))[1]) == "wrong_code"
    person = await box.by_session(ADMIN, code=codes[2])
    left = await (await person.get("/api/auth/totp")).json()
    assert (left["enabled"], left["recovery_codes"]) == (True, 7)


async def test_recovery_codes_are_stored_as_salted_hashes_and_the_database_is_its_owners_alone(
    box: Box, anna: Person, clock: Clock, tmp_path: Path
) -> None:
    """OWASP ASVS 2.6.2, 2.6.3, 6.1.1: 80 random bits each, and of the secret no copy but the database."""
    _phone, codes = await enrolled(await box.by_session(ADMIN), clock)
    for file in (tmp_path / "data").glob("stenobox.db*"):
        content = await asyncio.to_thread(file.read_bytes)
        assert not [code for code in codes if code.encode() in content]
        assert not [code for code in codes if code.replace("-", "").encode() in content]
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert all(len(code.replace("-", "")) == 16 for code in codes)


async def test_new_recovery_codes_end_the_old_ones_and_need_password_and_code(
    box: Box, anna: Person, clock: Clock
) -> None:
    """OWASP ASVS 2.6.1."""
    person = await box.by_session(ADMIN)
    phone, old = await enrolled(person, clock)
    for body in (
        {"password": "not this one", "code": phone.code()},
        {"password": PASSWORD, "code": "000000"},
    ):
        assert (await person.post("/api/auth/totp/recovery", json=body)).status == 401
    body = {"password": PASSWORD, "code": phone.code()}
    fresh = (await (await person.post("/api/auth/totp/recovery", json=body)).json())["recovery_codes"]
    assert not set(fresh) & set(old)
    assert code_of((await sign_in(box, code=old[0]))[1]) == "wrong_code"
    assert (await sign_in(box, code=fresh[0]))[0] == 200


async def test_nobody_at_an_open_page_switches_it_on_or_off_without_the_password(
    box: Box, anna: Person, clock: Clock
) -> None:
    """OWASP ASVS 2.2.3, 4.3.1: nor off without a code."""
    person = await box.by_session(ADMIN)
    wrong = await person.post("/api/auth/totp", json={"password": "not this one"})
    assert code_of(await wrong.json()) == "wrong_credentials"
    phone, codes = await enrolled(person, clock)
    for body, code in (
        ({"password": "not this one", "code": phone.code()}, "wrong_credentials"),
        ({"password": PASSWORD, "code": "000000"}, "wrong_code"),
        ({"password": PASSWORD, "code": ""}, "totp_required"),
    ):
        refused = await person.post("/api/auth/totp/remove", json=body)
        assert (refused.status, code_of(await refused.json())) == (401, code)
    assert code_of((await sign_in(box))[1]) == "totp_required"
    removed = await person.post("/api/auth/totp/remove", json={"password": PASSWORD, "code": codes[0]})
    assert removed.status == 204
    assert (await sign_in(box))[0] == 200


async def test_it_is_on_only_once_a_code_was_confirmed_and_a_second_one_does_not_replace_it(
    box: Box, anna: Person, clock: Clock
) -> None:
    """OWASP ASVS 2.8.5: a secret that never reached an app shuts nobody out."""
    person = await box.by_session(ADMIN)
    nothing = await person.post("/api/auth/totp/confirm", json={"code": "123456"})
    assert code_of(await nothing.json()) == "second_factor_state"
    assert (await person.post("/api/auth/totp", json={"password": PASSWORD})).status == 201
    wrong = await person.post("/api/auth/totp/confirm", json={"code": "00000"})
    assert code_of(await wrong.json()) == "wrong_code"
    assert (await sign_in(box))[0] == 200
    phone, _codes = await enrolled(person, clock)
    again = await person.post("/api/auth/totp", json={"password": PASSWORD})
    assert code_of(await again.json()) == "second_factor_state"
    assert (await sign_in(box, code=phone.code()))[0] == 200


async def test_an_administrator_lets_in_who_lost_the_telephone(box: Box, anna: Person, clock: Clock) -> None:
    """OWASP ASVS 2.5.6, 2.5.7: nobody else switches off the factor of another."""
    await box.add("bob", Role.USER)
    carla = await box.add("carla", Role.USER)
    await enrolled(await box.by_session("bob"), clock)
    listed = (await (await anna.get("/api/users")).json())["users"]
    assert [user["name"] for user in listed if user["second_factor"]] == ["bob"]
    assert (await carla.delete("/api/users/bob/totp")).status == 403
    assert (await anna.delete("/api/users/bob/totp")).status == 204
    await box.by_session("bob")
    assert (await anna.delete("/api/users/nobody/totp")).status == 404


async def test_the_secret_comes_once_as_text_address_and_picture_and_no_key_reads_it(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 2.8.2; the picture is made here and asks no other machine."""
    person = await box.by_session(ADMIN)
    answer = await person.post("/api/auth/totp", json={"password": PASSWORD})
    begun = await answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    address = urlsplit(begun["uri"])
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert parse_qs(address.query) == {"secret": [begun["secret"]], "issuer": ["Stenobox"]}
    assert len(begun["secret"]) * 5 >= 160
    assert begun["qr"]["path"].startswith("M4 4h1v1h-1z")
    assert begun["secret"] not in await (await person.get("/api/auth/totp")).text()
    assert code_of(await (await anna.get("/api/auth/totp")).json()) == "not_by_key"
