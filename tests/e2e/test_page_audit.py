"""Administrators read the audit trail on the page; others do not see that there is one."""

from __future__ import annotations

import csv
import io

from playwright.sync_api import Page, expect

from harness.browser import Watch, sign_in
from harness.daemon import ADMIN, PASSWORD, Daemon


def test_an_administrator_filters_the_trail_and_downloads_what_is_shown(signed_in: Page, box: Daemon) -> None:
    page = signed_in
    assert box.post("/api/users", json_body={"name": "filtered", "password": PASSWORD}).status == 201
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_role("heading", name="Audit trail", level=1)).to_be_visible()
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="box.started").first).to_be_visible()
    page.get_by_label("What", exact=True).select_option(label="Accounts")
    expect(rows.filter(has_text="box.started")).to_have_count(0)
    expect(rows.first).to_contain_text("user.created")
    expect(rows.first).to_contain_text("name: filtered")
    page.get_by_label("Who").fill("nobody-of-that-name")
    page.get_by_label("Who").press("Enter")
    expect(page.get_by_text("Nothing of that kind is recorded.")).to_be_visible()
    page.get_by_label("Who").fill(ADMIN.upper())
    page.get_by_label("Who").press("Enter")
    expect(rows.first).to_contain_text(ADMIN)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download as CSV").click()
    with started.value.path().open(newline="") as file:
        table = list(csv.DictReader(io.StringIO(file.read(), newline="")))
    assert {row["actor"] for row in table} == {ADMIN}
    assert {row["action"].partition(".")[0] for row in table} == {"user"}


def test_older_rows_come_when_they_are_asked_for(signed_in: Page, box: Daemon) -> None:
    page = signed_in
    for number in range(55):
        made = box.post("/api/keys", json_body={"name": f"key {number}"})
        assert made.status == 201, made.text
    page.goto(f"{box.url}/#/audit")
    page.get_by_label("What", exact=True).select_option(label="API keys")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show older ones").click()
    expect(rows.nth(54)).to_be_visible()
    expect(page.get_by_role("button", name="Show older ones")).to_be_hidden()


def test_others_see_no_way_to_the_trail(page: Page, watch: Watch, box: Daemon) -> None:
    watch.expect_status(401, 403)
    assert box.post("/api/users", json_body={"name": "curious", "password": PASSWORD}).status == 201
    sign_in(page, box.url, "curious")
    expect(page.get_by_role("link", name="Audit")).to_have_count(0)
    page.goto(f"{box.url}/#/audit")
    expect(page.get_by_role("alert")).to_contain_text("may not do this")
    expect(page.locator("tbody tr")).to_have_count(0)
