"""Administrators look after the box on the page; others do not see that they could."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.browser import Watch, sign_in
from harness.daemon import PASSWORD, Daemon


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, demo_bundle: Path) -> Iterator[Daemon]:
    """With a second model that nobody uses, and a setting that is unsafe."""
    data = tmp_path_factory.mktemp("box") / "data"
    spare = data / "models" / "spare"
    shutil.copytree(demo_bundle, spare)
    manifest = spare / "model.toml"
    manifest.write_text(manifest.read_text().replace('name = "demo"', 'name = "spare"'))
    with Daemon(data, model=demo_bundle, settings={"metrics.public": True}) as daemon:
        daemon.set_up()
        daemon.wait_ready()
        yield daemon


def open_box(page: Page) -> None:
    page.get_by_role("link", name="Box", exact=True).click()
    expect(page.get_by_role("heading", name="Box", level=1)).to_be_focused()


def test_health_and_figures_are_shown(signed_in: Page, box: Daemon, finished: str) -> None:
    page = signed_in
    open_box(page)
    health = page.get_by_role("region", name="Health")
    expect(health.get_by_role("listitem")).to_have_count(4)
    expect(health).to_contain_text("demo on cpu")
    speed = page.get_by_role("region", name="Performance")
    day = speed.get_by_role("row", name="In the last day")
    expect(day).to_contain_text(re.compile(r"demo: \d"))
    expect(speed).to_contain_text("free of")
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#announcer")).to_have_text("The figures are up to date.")


def test_a_model_is_verified_and_removed_after_a_question(signed_in: Page, box: Daemon) -> None:
    page = signed_in
    open_box(page)
    models = page.get_by_role("region", name="Models", exact=True)
    spare = models.get_by_role("row").filter(has_text="spare")
    expect(models.get_by_role("row").filter(has_text="(default)")).to_contain_text("in memory")
    page.get_by_role("button", name="Verify spare").click()
    expect(page.get_by_text("Every byte of spare is as it should be.")).to_be_visible()
    page.get_by_role("button", name="Remove spare").click()
    question = page.get_by_role("dialog", name="Remove spare?")
    question.get_by_role("button", name="Keep it").click()
    expect(spare).to_be_visible()
    page.get_by_role("button", name="Remove spare").click()
    question.get_by_role("button", name="Remove").click()
    expect(spare).to_have_count(0)
    assert [model["name"] for model in box.get("/api/admin/models").json["models"]] == ["demo"]


def test_a_model_that_is_in_use_stays_and_the_page_says_why(
    signed_in: Page, watch: Watch, box: Daemon
) -> None:
    watch.expect_status(409)
    page = signed_in
    open_box(page)
    page.get_by_role("button", name="Remove demo").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("it is the default")).to_be_visible()
    expect(
        page.get_by_role("region", name="Models", exact=True).get_by_role("row").filter(has_text="demo")
    ).to_be_visible()


def test_settings_are_read_with_the_warnings_first(signed_in: Page, box: Daemon) -> None:
    page = signed_in
    open_box(page)
    settings = page.get_by_role("region", name="Settings", exact=True)
    expect(settings.get_by_role("list", name="Unsafe settings")).to_contain_text(
        "metrics.public shows to anyone"
    )
    settings.get_by_text("metrics", exact=True).last.click()
    row = settings.get_by_role("row").filter(has_text="public")
    expect(row).to_contain_text("true")
    expect(row).to_contain_text("environment")
    settings.get_by_text("mail", exact=True).click()
    expect(settings.get_by_role("row").filter(has_text="password_file")).to_contain_text("not set")


def test_others_see_no_way_there(page: Page, watch: Watch, box: Daemon) -> None:
    watch.expect_status(401, 403)
    assert box.post("/api/users", json_body={"name": "curious", "password": PASSWORD}).status == 201
    sign_in(page, box.url, "curious")
    expect(page.get_by_role("link", name="Box", exact=True)).to_have_count(0)
    page.goto(f"{box.url}/#/box")
    expect(page.get_by_role("alert").first).to_contain_text("may not do this")
    expect(page.locator("tbody tr")).to_have_count(0)
