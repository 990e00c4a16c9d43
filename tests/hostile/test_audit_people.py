"""What people change of accounts, second factors, sign-ins and texts is in the trail (OWASP ASVS 7.1.3)."""

from __future__ import annotations

from typing import Any

import pyotp

from harness.application import Box, Person
from harness.daemon import ADMIN, PASSWORD
from stenobox.types import Role
from stenobox.web.keys import SECOND_FACTORS
from storing import Clock, wave_bytes


async def actions(admin: Person, target: str) -> list[str]:
    """The newest first."""
    answer = await admin.get("/api/admin/audit", params={"target": target, "limit": "50"})
    assert answer.status == 200, await answer.text()
    return [row["action"] for row in (await answer.json())["rows"]]


async def target_of(admin: Person, name: str) -> str:
    users = (await (await admin.get("/api/users")).json())["users"]
    return f"user:{next(user['id'] for user in users if user['name'] == name)}"


async def test_roles_and_access_of_accounts_are_recorded_once_for_each_change(box: Box, anna: Person) -> None:
    await box.add("ben", Role.USER)
    ben = await target_of(anna, "ben")
    before = await actions(anna, ben)
    changes: tuple[dict[str, Any], ...] = (
        {"role": "viewer"},
        {"role": "viewer"},
        {"disabled": True},
        {"disabled": True},
        {"disabled": False},
    )
    for change in changes:
        assert (await anna.call("PATCH", "/api/users/ben", json=change)).status == 200
    after = await actions(anna, ben)
    assert after[: len(after) - len(before)] == ["user.enabled", "user.disabled", "user.changed"]


async def test_a_second_factor_is_recorded_from_its_beginning_to_its_end(
    box: Box, anna: Person, monkeypatch: Any
) -> None:
    clock = Clock()
    monkeypatch.setattr(box.app[SECOND_FACTORS], "_clock", clock)
    browser, me = await box.by_session(ADMIN), await target_of(anna, ADMIN)
    begun = await (await browser.post("/api/auth/totp", json={"password": PASSWORD})).json()
    phone = pyotp.TOTP(begun["secret"])
    code = phone.at(int(clock.now))
    confirmed = await browser.post("/api/auth/totp/confirm", json={"code": code})
    assert confirmed.status == 200
    assert (await actions(anna, me))[0] == "user.second_factor_on"
    wrong = {"name": ADMIN, "password": PASSWORD, "code": "000000"}
    assert (await box.nobody.post("/api/auth/login", json=wrong)).status == 401
    failed = (await (await anna.get("/api/admin/audit?action=auth.failed")).json())["rows"]
    assert failed[0]["details"]["reason"] == "wrong_code"
    clock.now += 60
    renewed = {"password": PASSWORD, "code": phone.at(int(clock.now))}
    assert (await browser.post("/api/auth/totp/recovery", json=renewed)).status == 200
    assert (await actions(anna, me))[0] == "user.recovery_codes"
    clock.now += 60
    removed = {"password": PASSWORD, "code": phone.at(int(clock.now))}
    assert (await browser.post("/api/auth/totp/remove", json=removed)).status == 204
    assert (await actions(anna, me))[0] == "user.second_factor_off"


async def test_an_administrator_who_removes_a_second_factor_or_ends_sign_ins_is_recorded(
    box: Box, anna: Person
) -> None:
    await box.add("ben", Role.USER)
    browser, ben = await box.by_session("ben"), await target_of(anna, "ben")
    begun = await (await browser.post("/api/auth/totp", json={"password": PASSWORD})).json()
    code = pyotp.TOTP(begun["secret"]).now()
    assert (await browser.post("/api/auth/totp/confirm", json={"code": code})).status == 200
    assert (await anna.delete("/api/users/ben/totp")).status == 204
    assert (await anna.delete("/api/users/ben/sessions")).status == 204
    assert (await actions(anna, ben))[:2] == ["user.sessions_ended", "user.second_factor_off"]
    rows = (await (await anna.get("/api/admin/audit", params={"target": ben})).json())["rows"]
    assert rows[0]["actor"] == ADMIN


async def test_a_sign_in_that_is_ended_from_elsewhere_is_recorded(box: Box, anna: Person) -> None:
    first, me = await box.by_session(ADMIN), await target_of(anna, ADMIN)
    await box.by_session(ADMIN)
    sessions = (await (await first.get("/api/auth/sessions")).json())["sessions"]
    other = next(session for session in sessions if not session["current"])
    assert (await first.delete(f"/api/auth/sessions/{other['id']}")).status == 204
    assert (await actions(anna, me))[0] == "user.sessions_ended"


async def test_corrections_and_zip_files_are_recorded_for_each_job(box: Box, anna: Person) -> None:
    job = await (await anna.upload(wave_bytes(0.3))).json()
    while (await (await anna.get(f"/api/jobs/{job['id']}")).json())["state"] != "done":
        pass
    line = {"start": 0.0, "end": 0.2, "text": "a secret of the board"}
    corrected = await anna.call("PUT", f"/api/jobs/{job['id']}/transcript", json={"segments": [line]})
    assert corrected.status == 200, await corrected.text()
    order = {"jobs": [job["id"]], "formats": ["txt"]}
    assert (await anna.post("/api/transcripts/export", json=order)).status == 200
    assert (await actions(anna, f"job:{job['id']}"))[:2] == ["transcript.exported", "transcript.corrected"]
    whole = await (await anna.get("/api/admin/audit/export")).text()
    assert "secret of the board" not in whole
