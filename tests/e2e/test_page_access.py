"""Who gets in, what they get, and that it ends: set-up, sign-in, accounts and keys, through the page."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from harness.browser import Talk, Watch, sign_in
from harness.daemon import ADMIN, PASSWORD, Daemon


def test_the_set_up_link_makes_the_first_account_and_leaves_the_address_bar(
    page: Page, watch: Watch, demo_bundle: Path, tmp_path: Path
) -> None:
    watch.expect_status(403)
    with Daemon(tmp_path / "data", model=demo_bundle) as fresh:
        assert fresh.setup_url is not None
        page.goto(fresh.url)
        expect(page.get_by_role("heading", name="This box is not set up yet")).to_be_visible()
        page.goto(f"{fresh.url}/setup#token=guessed")
        _fill_set_up(page, "maria", "a long password", "a long password")
        expect(page.get_by_role("alert").filter(has_text="no longer works")).to_be_visible()

        page.goto("about:blank")
        page.goto(fresh.setup_url)
        _fill_set_up(page, "maria", "short", "short")
        expect(page.get_by_text("At least 8 characters, please.")).to_be_visible()
        _fill_set_up(page, "maria", "a long password", "another password")
        expect(page.get_by_text("The two passwords are not the same.")).to_be_visible()
        _fill_set_up(page, "maria", "a long password", "a long password")
        expect(page.get_by_role("heading", name="Transcripts", level=1)).to_be_visible()
        assert page.url == f"{fresh.url}/#/"
        page.reload()
        expect(page.get_by_role("heading", name="Transcripts", level=1)).to_be_visible()


def test_a_wrong_password_is_told_and_the_right_one_lets_in(page: Page, watch: Watch, box: Daemon) -> None:
    watch.expect_status(401)
    page.goto(box.url)
    page.get_by_label("Name", exact=True).fill(ADMIN)
    page.get_by_label("Password", exact=True).fill("not this one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="The name or the password is not right")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Transcripts", level=1)).to_be_visible()


def test_signing_out_ends_the_session_and_back_shows_nothing(
    signed_in: Page, box: Daemon, finished: str
) -> None:
    page = signed_in
    page.goto(f"{box.url}/#/jobs/{finished}")
    expect(page.get_by_role("heading", name="morning talk.wav")).to_be_visible()
    cookies = {c.get("name", ""): c.get("value", "") for c in page.context.cookies()}
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("morning talk.wav")).to_have_count(0)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    assert box.get("/api/auth/me", headers={"Cookie": cookie}, key=None).status == 401


def test_the_password_is_changed_only_with_the_old_one(page: Page, watch: Watch, box: Daemon) -> None:
    watch.expect_status(401)
    body = {"name": "thomas", "password": "first password", "role": "user"}
    assert box.post("/api/users", json_body=body).status == 201
    sign_in(page, box.url, "thomas", "first password")
    page.get_by_role("link", name="Your account, thomas").click()
    for old, answer in (("wrong password", "is not right"), ("first password", None)):
        page.get_by_label("Password now").fill(old)
        page.get_by_label("New password", exact=True).fill("second password")
        page.get_by_label("New password once more").fill("second password")
        page.get_by_role("button", name="Change the password").click()
        if answer:
            expect(page.get_by_role("alert").filter(has_text=answer)).to_be_visible()
    expect(page.locator(".toast")).to_contain_text("The password was changed.")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, box.url, "thomas", "second password")


def test_a_key_is_shown_once_works_and_is_revoked(signed_in: Page, box: Daemon) -> None:
    page = signed_in
    page.get_by_role("link", name="API keys").click()
    page.get_by_label("What is it for?").fill("dictation folder")
    page.get_by_role("button", name="Create a key").click()
    secret = page.locator(".secret").inner_text()
    assert re.fullmatch(r"stbx_\S{40,}", secret)
    assert box.get("/api/auth/me", key=secret).json["name"] == ADMIN
    page.get_by_role("button", name="I have stored it").click()
    assert secret not in page.content()
    page.reload()
    row = page.get_by_role("row").filter(has_text="dictation folder")
    expect(row).to_be_visible()
    assert secret not in page.content()
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    assert box.get("/api/auth/me", key=secret).status == 401


def test_an_administrator_adds_a_user_who_sees_only_their_own(
    signed_in: Page, watch: Watch, box: Daemon, finished: str
) -> None:
    page = signed_in
    watch.expect_status(403, 404, 422)
    page.get_by_role("link", name="Users").click()
    _add_user(page, "sarah", "sarah's password")
    expect(page.get_by_role("row").filter(has_text="sarah")).to_be_visible()
    _add_user(page, "sarah", "another password")
    expect(page.get_by_role("alert").filter(has_text="already a user of that name")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    sign_in(page, box.url, "sarah", "sarah's password")
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    expect(page.get_by_text("Nothing here yet.")).to_be_visible()
    assert page.locator(".job").count() == 0
    page.goto(f"{box.url}/#/jobs/{finished}")
    expect(page.get_by_text("There is no such transcript, or it was deleted.")).to_be_visible()


def test_a_session_that_ended_elsewhere_leads_to_the_sign_in(
    signed_in: Page, watch: Watch, box: Daemon
) -> None:
    page = signed_in
    watch.expect_status(401)
    cookie = "; ".join(f"{c.get('name')}={c.get('value')}" for c in page.context.cookies())
    headers = {"Cookie": cookie, "Origin": box.url}
    assert box.post("/api/auth/logout", headers=headers, key=None).status == 204
    page.get_by_role("link", name="API keys").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator(".toast")).to_contain_text("Your session has ended.")


def _add_user(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("First password", exact=True).fill(password)
    page.get_by_role("button", name="Add", exact=True).click()


def _fill_set_up(page: Page, name: str, password: str, again: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Password once more").fill(again)
    page.get_by_role("button", name="Create the account").click()


def test_a_page_that_came_without_encryption_over_the_network_says_so_on_every_view(
    page: Page, watch: Watch, demo_bundle: Path, tmp_path: Path
) -> None:
    """ASVS 9.1.1. The browser is made to look like one on another machine, through a proxy without HTTPS."""
    settings = {"listen.trusted_proxies": "127.0.0.1"}
    warning = page.get_by_role("complementary", name="Warning")
    with Daemon(tmp_path / "data", model=demo_bundle, settings=settings) as fresh:
        fresh.set_up()
        watch.expect_status(401)
        page.set_extra_http_headers({"X-Forwarded-For": "192.0.2.1"})
        sign_in(page, fresh.url)
        expect(warning).to_contain_text("This connection is not encrypted.")
        page.get_by_role("link", name="Your account").click()
        expect(page.get_by_role("heading", name="Your account", level=1)).to_be_visible()
        expect(warning).to_be_visible()
        page.set_extra_http_headers({"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"})
        page.reload()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(warning).to_have_count(0)


def test_the_page_works_over_https_with_a_cookie_that_is_bound_to_the_host(
    browser: Browser, demo_bundle: Path, tmp_path: Path, talk: Talk
) -> None:
    """ASVS 3.4.1, 3.4.4, 9.1.1. The browser is told to go on, as people are who compared the fingerprint."""
    with Daemon(tmp_path / "data", model=demo_bundle, tls=True) as fresh:
        fresh.set_up()
        context = browser.new_context(locale="en-GB", ignore_https_errors=True)
        page = context.new_page()
        watch = Watch(page)
        watch.expect_status(401)
        # Led on from where people type the address without a scheme.
        sign_in(page, fresh.url.replace("https://", "http://"))
        assert page.url.startswith("https://")
        expect(page.get_by_role("complementary", name="Warning")).to_have_count(0)
        (cookie,) = context.cookies()
        assert cookie.get("name") == "__Host-stenobox_session"
        assert cookie.get("secure") and cookie.get("httpOnly")
        job = fresh.upload(talk.content, "over https.wav")
        assert job.status == 201
        expect(page.get_by_role("link", name="over https.wav")).to_be_visible()  # by the event stream
        assert watch.errors == []
        context.close()
