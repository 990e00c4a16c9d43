"""The library on the page: the shape of a recording, its title and tags, the trash, and space on the box."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from harness.browser import Talk, Watch, drop, open_job, sign_in
from harness.daemon import PASSWORD, Daemon
from storing import wave_bytes


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def job(box: Daemon, numbers: Iterator[int]) -> dict[str, str]:
    """A finished job of a recording that no other test has."""
    number = next(numbers)
    made = box.upload(wave_bytes(2.0, number), f"note {number}.wav").json
    box.wait_for(made["id"], "done")
    return dict(made)


def row_of(page: Page, job: dict[str, str]) -> Locator:
    return page_row(page, job["id"])


def page_row(page: Page, job_id: str) -> Locator:
    return page.locator(f"[data-job='{job_id}']")


def test_the_player_shows_the_shape_of_the_sound_and_how_much_of_it_was_played(
    signed_in: Page, box: Daemon, finished: str
) -> None:
    open_job(signed_in, box, finished)
    shape = signed_in.locator(".player svg.wave")
    expect(shape).to_be_visible()
    lines = box.get(f"/api/jobs/{finished}/transcript").json["segments"]
    signed_in.locator(".segment-text").nth(len(lines) // 2).click()
    signed_in.get_by_role("button", name="Pause").click()
    played = shape.locator(".wave-played").evaluate("path => getComputedStyle(path).clipPath")
    share = signed_in.evaluate(
        "(audio => audio.currentTime / audio.duration)(document.querySelector('audio'))"
    )
    hidden = float(re.findall(r"[\d.]+%", played)[0].rstrip("%"))
    assert hidden == pytest.approx(100 * (1 - share), abs=1)
    # Between sentences nobody speaks: the shape is not as high there as where somebody does.
    outline = str(shape.locator(".wave-rest").get_attribute("d"))
    heights = {float(number) for number in re.findall(r" ([\d.]+)H", outline)}
    assert min(heights) < 10
    assert any(45 < height < 55 for height in heights)


def test_a_title_and_tags_are_given_and_shown_everywhere(
    signed_in: Page, box: Daemon, job: dict[str, str]
) -> None:
    page = signed_in
    open_job(page, box, job["id"])
    page.get_by_role("button", name="Title, tags").click()
    expect(page.get_by_label("Title", exact=True)).to_be_focused()
    page.get_by_label("Title", exact=True).fill("Board <b>meeting</b>")
    page.get_by_role("textbox", name="Tags").fill("Board")
    page.keyboard.press("Enter")
    page.get_by_role("textbox", name="Tags").fill("2026")
    page.get_by_label("Keep the audio").select_option("30 days")
    page.get_by_role("button", name="Save").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Board <b>meeting</b>")
    expect(page.get_by_role("list", name="Tags").get_by_role("listitem")).to_have_text(["2026", "Board"])
    stored = box.get(f"/api/recordings/{job['recording_id']}").json
    assert (stored["title"], stored["tags"]) == ("Board <b>meeting</b>", ["2026", "Board"])
    assert (stored["audio_days"], stored["transcript_days"]) == (30, None)
    page.reload()
    expect(heading).to_have_text("Board <b>meeting</b>")
    page.get_by_role("link", name="All transcripts").click()
    expect(row_of(page, job).get_by_role("link")).to_have_text(["Board <b>meeting</b>", "2026", "Board"])


def test_a_tag_leads_to_everything_that_has_it_and_to_what_gets_it_meanwhile(
    signed_in: Page, box: Daemon, job: dict[str, str], finished: str
) -> None:
    page, other = signed_in, page_row(signed_in, finished)
    box.request("PATCH", f"/api/recordings/{job['recording_id']}", json_body={"tags": ["Käse & Co"]})
    row_of(page, job).get_by_role("link", name="Käse & Co").click()
    expect(page.get_by_text("Tagged")).to_be_visible()
    expect(row_of(page, job)).to_be_visible()
    expect(other).to_have_count(0)
    theirs = box.job(finished)["recording_id"]
    box.request("PATCH", f"/api/recordings/{theirs}", json_body={"tags": ["KÄSE & co"]})
    expect(other).to_be_visible()
    box.request("PATCH", f"/api/recordings/{theirs}", json_body={"tags": []})
    expect(other).to_have_count(0)
    page.get_by_role("link", name="Problems").click()
    expect(row_of(page, job)).to_have_count(0)
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("link", name="All", exact=True).click()
    expect(other).to_be_visible()


def test_a_change_that_somebody_else_was_quicker_with_is_not_overwritten(
    signed_in: Page, watch: Watch, box: Daemon, job: dict[str, str]
) -> None:
    page, path = signed_in, f"/api/recordings/{job['recording_id']}"
    open_job(page, box, job["id"])
    page.get_by_role("button", name="Title, tags").click()
    page.get_by_label("Title", exact=True).fill("Mine")
    box.request("PATCH", path, json_body={"title": "Theirs"})
    watch.expect_status(412)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="changed since you loaded it")).to_be_visible()
    assert box.get(path).json["title"] == "Theirs"
    expect(page.get_by_role("heading", level=1)).to_have_text("Theirs")


def test_what_was_deleted_comes_back_at_once_or_from_the_trash(
    signed_in: Page, box: Daemon, job: dict[str, str]
) -> None:
    page, row = signed_in, row_of(signed_in, job)
    row.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    page.get_by_role("link", name="Trash").click()
    expect(page.get_by_text("waits here for 7 days")).to_be_visible()
    row.get_by_role("button", name="Restore").click()
    expect(row).to_have_count(0)
    page.get_by_role("link", name="All transcripts").click()
    row.get_by_role("link").click()
    expect(page.get_by_role("link", name="Download as SRT")).to_be_visible()


def test_only_a_clear_answer_in_the_trash_deletes_for_good(
    signed_in: Page, box: Daemon, job: dict[str, str]
) -> None:
    page, row = signed_in, row_of(signed_in, job)
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("link", name="Trash").click()
    row.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row).to_be_visible()
    row.get_by_role("button", name="Delete for good").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(row).to_have_count(0)
    expect(page.get_by_role("heading", name="Trash")).to_be_focused()
    assert box.get(f"/api/recordings/{job['recording_id']}").status == 404
    trashed = box.get("/api/jobs?trashed=1").json["jobs"]
    assert job["id"] not in [entry["id"] for entry in trashed]


def test_an_administrator_gives_space_and_its_owner_sees_when_it_is_used_up(
    browser: Browser, signed_in: Page, box: Daemon, talk: Talk
) -> None:
    page = signed_in
    box.post("/api/users", json_body={"name": "bruno", "password": PASSWORD})
    page.goto(f"{box.url}/#/users")
    page.get_by_role("button", name="Space of bruno").click()
    page.get_by_label("What they may keep").select_option("A limit of their own")
    page.get_by_label("Gigabytes").fill("0.001")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has_text="bruno")).to_contain_text("0 bytes of 1.0 MB")
    context = browser.new_context()
    theirs = context.new_page()
    sign_in(theirs, box.url, "bruno")
    assert len(talk.content) > 1_000_000
    drop(theirs, "too much.wav", talk.content)
    expect(theirs.get_by_text("Your recordings may take 1000000 bytes")).to_be_visible()
    theirs.goto(f"{box.url}/#/account")
    expect(theirs.get_by_text("Your recordings take 0 bytes of the 1.0 MB")).to_be_visible()
    expect(theirs.get_by_role("progressbar", name="0% of your space is used")).to_be_visible()
    context.close()
