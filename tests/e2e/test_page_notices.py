"""Notices on the page of one's account: webhooks and e-mail where the box offers them, nothing where not."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from harness.browser import Watch, sign_in
from harness.daemon import Daemon
from harness.receiver import Receiver, Reply


def test_a_box_that_offers_no_notices_shows_none(signed_in: Page, box: Daemon) -> None:
    with (
        signed_in.expect_response("**/api/webhooks"),
        signed_in.expect_response("**/api/notices/mail"),
    ):
        signed_in.goto(f"{box.url}/#/account")
    expect(signed_in.get_by_role("heading", name="Your account", level=1)).to_be_visible()
    expect(signed_in.get_by_role("heading", name="Webhooks")).to_be_hidden()
    expect(signed_in.get_by_role("heading", name="E-mail when")).to_be_hidden()


def test_a_webhook_is_added_tested_switched_off_and_removed(
    page: Page, watch: Watch, tmp_path: Path, demo_bundle: Path
) -> None:
    watch.expect_status(401, 400)
    settings = {"webhooks.enabled": True, "webhooks.allow": "127.0.0.0/8", "mail.host": "mail.invalid"}
    replies = [Reply(500)]
    with (
        Receiver(lambda _: replies.pop() if replies else Reply()) as receiver,
        Daemon(tmp_path / "data", model=demo_bundle, settings=settings) as box,
    ):
        box.set_up()
        sign_in(page, box.url)
        page.goto(f"{box.url}/#/account")
        panel = page.get_by_role("region", name="Webhooks")
        panel.get_by_label("Address").fill("https://192.168.0.1/hook")
        panel.get_by_role("button", name="Add a webhook").click()
        expect(panel.get_by_role("alert")).to_contain_text("not public")
        panel.get_by_label("Address").fill(receiver.url)
        panel.get_by_role("button", name="Add a webhook").click()
        expect(panel.locator(".secret")).to_contain_text("whsec_")
        expect(panel.get_by_text("Not called yet.")).to_be_visible()
        panel.get_by_role("button", name="Test").click()
        receiver.next()
        page.reload()
        expect(panel.locator(".secret")).to_have_count(0)
        expect(panel.get_by_text("It answered with status 500.")).to_be_visible()
        receiver.next()
        panel.get_by_role("button", name="Switch off").click()
        expect(panel.get_by_text("Switched off.")).to_be_visible()
        panel.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(panel.get_by_role("listitem")).to_have_count(0)
        mail = page.get_by_role("region", name="E-mail when a transcript is ready")
        mail.get_by_label("Address").fill("ann@example.org")
        mail.get_by_role("button", name="Send me e-mail").click()
        mail.get_by_role("button", name="No more e-mail").click()
        expect(mail.get_by_label("Address")).to_have_value("")
