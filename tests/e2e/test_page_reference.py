"""The API on the page: everything that the document names, for people."""

from __future__ import annotations

import re
import shlex

from playwright.sync_api import Page, expect

from harness.daemon import Daemon


def test_every_operation_of_the_document_is_on_the_page_with_its_details(
    signed_in: Page, box: Daemon
) -> None:
    page = signed_in
    page.goto(f"{box.url}/#/keys")
    page.get_by_role("link", name="What a program can do with it").click()
    expect(page.get_by_role("heading", name="API", level=1)).to_be_visible()
    document = box.get("/api/openapi.json").json
    described = {
        f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
    }
    names = page.locator(".operation-name")
    expect(names).to_have_count(len(described))
    assert set(names.all_inner_texts()) == described
    assert page.locator(".reference-area h2").count() == len(
        {operation["tags"][0] for methods in document["paths"].values() for operation in methods.values()}
    )
    for operation in page.locator("details.operation").all():
        operation.locator("summary").click()
        expect(operation.locator(".answer").first).to_be_visible()
        shlex.split(operation.locator("pre").inner_text())


def test_an_operation_tells_its_fields_refusals_and_a_command(signed_in: Page, box: Daemon) -> None:
    page = signed_in
    page.goto(f"{box.url}/#/reference")
    page.get_by_role("searchbox", name="Find an address").fill("/priority")
    shown = page.locator("details.operation:visible")
    expect(shown).to_have_count(1)
    page.get_by_role("searchbox", name="Find an address").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    row = shown.get_by_role("row", name=re.compile("^priority needed")).first
    expect(row).to_contain_text('"batch" or "interactive" or "normal"')
    expect(shown.locator(".answer", has_text="state_conflict")).to_be_visible()
    command = shown.locator("pre").inner_text()
    assert command.startswith("curl -f -X POST")
    assert f"{box.url}/api/jobs/{{id}}/priority" in command
    assert '{"priority":"batch"}' in command


def test_the_document_is_a_download_too(signed_in: Page, box: Daemon) -> None:
    page = signed_in
    page.goto(f"{box.url}/#/reference")
    with page.expect_download() as download:
        page.get_by_role("link", name="openapi.json").click()
    assert download.value.suggested_filename == "stenobox-openapi.json"
