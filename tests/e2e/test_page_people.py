"""One's own account, and other people's, through the page: sign-ins, the second factor, keys, roles."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pyotp
from playwright.sync_api import Browser, Page, expect

from harness.browser import Watch, sign_in
from harness.daemon import Daemon
from harness.provider import other_provider

WORDS = "kettles sing in Ulm"


def add(box: Daemon, name: str, role: str = "user") -> None:
    body = {"name": name, "password": WORDS, "role": role}
    assert box.post("/api/users", json_body=body).status == 201


def code_after(secret: str, used: str) -> str:
    """A code that the box takes now and that is another than the one used last."""
    totp = pyotp.TOTP(secret)
    for moment in (time.time(), time.time() + 30):
        if (code := totp.at(moment)) != used:
            return code
    raise AssertionError("two steps of the clock have the same code")


def test_a_second_factor_is_switched_on_used_and_switched_off(page: Page, watch: Watch, box: Daemon) -> None:
    watch.expect_status(401)
    add(box, "nina")
    sign_in(page, box.url, "nina", WORDS)
    page.get_by_role("link", name="Your account, nina").click()
    panel = page.get_by_role("region", name="Second factor")
    panel.get_by_label("Your password", exact=True).fill("not this one")
    panel.get_by_role("button", name="Set up a second factor").click()
    expect(panel.get_by_role("alert").filter(has_text="is not right")).to_be_visible()
    panel.get_by_label("Your password", exact=True).fill(WORDS)
    panel.get_by_role("button", name="Set up a second factor").click()
    expect(panel.get_by_role("img", name="QR code")).to_be_visible()
    secret = panel.locator(".secret").inner_text().replace(" ", "")
    panel.get_by_label("Code that the app shows").fill("12345")
    panel.get_by_role("button", name="Switch it on").click()
    expect(panel.get_by_role("alert").filter(has_text="The code is wrong")).to_be_visible()
    first = pyotp.TOTP(secret).now()
    panel.get_by_label("Code that the app shows").fill(first)
    panel.get_by_role("button", name="Switch it on").click()
    items = panel.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    expect(items).to_have_count(10)
    codes = items.all_inner_texts()
    panel.get_by_role("button", name="I have stored them").click()
    expect(panel.get_by_text("10 recovery codes are left")).to_be_visible()
    assert codes[0] not in page.content()

    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_label("Name", exact=True).fill("nina")
    page.get_by_label("Password", exact=True).fill(WORDS)
    expect(page.get_by_label("Code", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Sign in").click()
    field = page.get_by_label("Code", exact=True)
    expect(field).to_be_focused()
    field.fill(code_after(secret, first))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Transcripts", level=1)).to_be_visible()

    page.get_by_role("link", name="Your account, nina").click()
    panel.get_by_role("button", name="Switch it off").click()
    dialog = page.get_by_role("dialog", name="Switch the second factor off")
    dialog.get_by_label("Your password", exact=True).fill(WORDS)
    dialog.get_by_label("Code").fill(codes[3])
    dialog.get_by_role("button", name="Switch it off").click()
    expect(panel.get_by_role("button", name="Set up a second factor")).to_be_visible()


def test_a_sign_in_elsewhere_is_seen_and_ended(
    page: Page, watch: Watch, box: Daemon, browser: Browser
) -> None:
    watch.expect_status(401)
    add(box, "olga")
    elsewhere = browser.new_context()
    other = elsewhere.new_page()
    sign_in(other, box.url, "olga", WORDS)
    sign_in(page, box.url, "olga", WORDS)
    page.get_by_role("link", name="Your account, olga").click()
    panel = page.get_by_role("region", name="Where you are signed in")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    expect(panel.get_by_role("listitem").first).to_contain_text("Chrome on Linux (this one)")
    panel.get_by_role("button", name="End the sign-in with Chrome on Linux").click()
    expect(panel.get_by_role("listitem")).to_have_count(1)
    expect(panel.get_by_role("heading")).to_be_focused()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    elsewhere.close()


def test_a_key_has_the_uses_and_the_end_that_were_chosen(signed_in: Page, box: Daemon) -> None:
    page = signed_in
    page.get_by_role("link", name="API keys").click()
    page.get_by_label("What is it for?").fill("figures")
    page.get_by_label("Read transcripts and recordings").uncheck()
    page.get_by_label("Send recordings, change and delete them").uncheck()
    page.get_by_label("Read the metrics of the box").check()
    page.get_by_label("When does it end?").select_option("In 30 days")
    page.get_by_role("button", name="Create a key").click()
    secret = page.locator(".secret").inner_text()
    assert box.get("/metrics", key=secret).status == 200
    assert box.get("/api/jobs", key=secret).json["code"] == "scope_missing"
    row = page.get_by_role("row").filter(has_text="figures")
    expect(row).to_contain_text("metrics")
    made = next(key for key in box.get("/api/keys").json["keys"] if key["name"] == "figures")
    assert made["expires_at"] is not None


def test_who_signs_in_at_the_offices_provider_comes_back_signed_in(
    page: Page, tmp_path: Path, demo_bundle: Path
) -> None:
    """Against a provider that others wrote; its pages are not ours to watch."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "secret").write_text("anything")
    with other_provider({"sub": "person-1", "preferred_username": "wanda"}) as issuer:
        settings = {
            "oidc.issuer": issuer,
            "oidc.client_id": "stenobox",
            "oidc.secret_file": tmp_path / "secret",
            "oidc.url": f"http://127.0.0.1:{port}",
            "oidc.label": "Office ID",
            "oidc.create_role": "viewer",
        }
        with Daemon(tmp_path / "data", model=demo_bundle, settings=settings, port=port) as box:
            box.set_up()
            page.goto(f"{box.url}/?sign_in=oidc_no_account")
            expect(page.get_by_role("alert").filter(has_text="Ask the administrator")).to_be_visible()
            assert page.url == f"{box.url}/"
            page.get_by_role("button", name="Sign in with Office ID").click()
            page.get_by_role("button", name="person-1").click(no_wait_after=True)
            expect(page.get_by_role("heading", name="Transcripts", level=1)).to_be_visible()
            expect(page.get_by_role("link", name="Your account, wanda")).to_be_visible()
            users = {user["name"]: user["role"] for user in box.get("/api/users").json["users"]}
            assert users["wanda"] == "viewer"


def test_an_administrator_changes_a_role_and_disables_and_enables_an_account(
    signed_in: Page, watch: Watch, box: Daemon
) -> None:
    page = signed_in
    watch.expect_status(422)
    add(box, "paula")
    page.get_by_role("link", name="Users").click()
    row = page.get_by_role("row").filter(has_text="paula")
    row.get_by_role("button", name="Manage paula").click()
    page.get_by_role("dialog").get_by_label("Role").select_option("Viewer")
    page.get_by_role("dialog").get_by_role("button", name="Save the role").click()
    expect(row).to_contain_text("Viewer")
    row.get_by_role("button", name="Manage paula").click()
    page.get_by_role("dialog", name="paula").get_by_role("button", name="Disable").click()
    page.get_by_role("dialog", name="Disable paula?").get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("(disabled)")
    login = {"name": "paula", "password": WORDS}
    assert box.post("/api/auth/login", json_body=login, key=None).status == 401
    row.get_by_role("button", name="Manage paula").click()
    page.get_by_role("dialog", name="paula").get_by_role("button", name="Enable").click()
    expect(row).not_to_contain_text("(disabled)")
    row.get_by_role("button", name="Manage paula").click()
    page.get_by_role("dialog", name="paula").get_by_label("New password", exact=True).fill(
        "19 moths hum here"
    )
    page.get_by_role("dialog", name="paula").get_by_role("button", name="Set the password").click()
    expect(page.locator(".toast").last).to_contain_text("paula has a new password.")
    assert box.post("/api/auth/login", json_body=login, key=None).status == 401

    page.get_by_role("row").filter(has_text="(you)").get_by_role("button", name="Manage").click()
    page.get_by_role("dialog").get_by_label("Role").select_option("User")
    page.get_by_role("dialog").get_by_role("button", name="Save the role").click()
    alert = page.get_by_role("dialog").get_by_role("alert")
    expect(alert.filter(has_text="the last administrator")).to_be_visible()
