"""Notices on the page of one's account: webhooks and e-mail where the box offers them, nothing where not."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from harness.browser import Watch, sign_in
from harness.daemon import Daemon
from harness.receiver import Receiver, Reply
from storing import wave_bytes


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


def test_a_webhook_tells_what_was_chosen_and_is_changed_later(
    page: Page, watch: Watch, tmp_path: Path, demo_bundle: Path
) -> None:
    watch.expect_status(401)
    settings = {"webhooks.enabled": True, "webhooks.allow": "127.0.0.0/8"}
    with Receiver() as receiver, Daemon(tmp_path / "data", model=demo_bundle, settings=settings) as box:
        box.set_up()
        sign_in(page, box.url)
        page.goto(f"{box.url}/#/account")
        panel = page.get_by_role("region", name="Webhooks")
        panel.get_by_label("Address").fill(receiver.url)
        for event in ("A transcript is ready", "A job failed", "A job was set aside"):
            panel.get_by_label(event).uncheck()
        panel.get_by_role("button", name="Add a webhook").click()
        expect(panel.get_by_role("alert").filter(has_text="Choose at least one.")).to_be_visible()
        panel.get_by_label("A job failed").check()
        panel.get_by_role("button", name="Add a webhook").click()
        row = panel.get_by_role("listitem")
        expect(row).to_contain_text("Tells of all your jobs: A job failed.")
        row.get_by_role("button", name="Change").click()
        expect(row.get_by_label("Address")).to_be_focused()
        expect(row.get_by_label("A job failed")).to_be_checked()
        row.get_by_label("Address").fill(f"{receiver.url}/elsewhere")
        row.get_by_label("A job was cancelled").check()
        row.get_by_label("All of my jobs").uncheck()
        row.get_by_label("With the title of the recording").check()
        row.get_by_role("button", name="Save").click()
        wishes = "Tells of jobs that name it, with the title: A job failed, A job was cancelled."
        expect(row).to_contain_text(wishes)
        expect(row.get_by_role("button", name="Change")).to_be_focused()
        page.reload()
        expect(row).to_contain_text(wishes)
        found = box.get("/api/webhooks").json["webhooks"][0]
    assert (found["url"], found["events"]) == (f"{receiver.url}/elsewhere", ["job.failed", "job.cancelled"])
    assert (found["every_job"], found["title"]) == (False, True)


def test_deliveries_tell_what_became_of_them_and_are_sent_again(
    page: Page, watch: Watch, tmp_path: Path, demo_bundle: Path
) -> None:
    watch.expect_status(401)
    settings = {"webhooks.enabled": True, "webhooks.allow": "127.0.0.0/8"}
    replies = [Reply(500)]
    with (
        Receiver(lambda _: replies.pop() if replies else Reply()) as receiver,
        Daemon(tmp_path / "data", model=demo_bundle, settings=settings) as box,
    ):
        box.set_up()
        made = box.post("/api/webhooks", json_body={"url": receiver.url}).json
        sign_in(page, box.url)
        page.goto(f"{box.url}/#/account")
        panel = page.get_by_role("region", name="Webhooks")
        panel.get_by_role("button", name="Deliveries").click()
        sent = page.get_by_role("region", name="Deliveries to")
        expect(sent.get_by_text("Nothing was sent yet.")).to_be_visible()
        panel.get_by_role("button", name="Test").click()
        first = receiver.next()
        rows = sent.locator("tbody tr")
        expect(rows).to_have_count(1)
        again(sent, "It answered with status 500.")
        expect(rows).to_contain_text("Test")
        # The next attempt comes after a while; a person need not wait for it.
        rows.get_by_role("button", name="Send again").click()
        expect(rows.get_by_role("button", name="Send again")).to_be_focused()
        second = receiver.next()
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        again(sent, "Delivered: It answered with status 204.")
        expect(rows.locator("[data-label='Attempts']")).to_have_text("1")
        expect(rows.locator("[data-label='Next try']")).to_have_text("none")
        for _ in range(24):
            assert box.post(f"/api/webhooks/{made['id']}/test").status == 202
        sent.get_by_role("button", name="Look again").click()
        expect(rows).to_have_count(20)
        sent.get_by_role("button", name="Show older ones").click()
        expect(rows).to_have_count(25)
        expect(sent.get_by_role("button", name="Show older ones")).to_be_hidden()
        expect(rows.nth(20).get_by_role("button", name="Send again")).to_be_focused()
        job = box.upload(wave_bytes(0.2), "short.wav").json
        box.wait_for(job["id"], "done")
        again(sent, "A transcript is ready")
        rows.first.get_by_role("link", name="A transcript is ready").click()
        expect(page.get_by_role("heading", name="short.wav", level=1)).to_be_visible()


def again(sent: Locator, words: str) -> None:
    """Looks at the deliveries again until the newest one says it."""
    for _ in range(600):
        if words in sent.locator("tbody tr").first.inner_text():
            return
        with sent.page.expect_response("**/deliveries?*"):
            sent.get_by_role("button", name="Look again").click()
        sent.page.wait_for_timeout(100)
    raise AssertionError(f"the newest delivery never says {words}")
