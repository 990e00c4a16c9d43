"""Downloads on the page: all formats with their options, and many jobs at once."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import docx
import pytest
import srt
from playwright.sync_api import Locator, Page, expect

from harness.browser import Watch, open_job
from harness.daemon import Daemon
from stenobox.exports import FORMATS
from storing import wave_bytes


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def jobs(box: Daemon, numbers: Iterator[int]) -> list[str]:
    """Three finished jobs of recordings that no other test has."""
    ids = [
        str(box.upload(wave_bytes(0.5, number), f"note {number}.wav").json["id"])
        for number in (next(numbers) for _ in range(3))
    ]
    for job_id in ids:
        box.wait_for(job_id, "done")
    return ids


def row_of(page: Page, job_id: str) -> Locator:
    return page.locator(f"[data-job='{job_id}']")


def select(page: Page, *job_ids: str) -> Locator:
    """Choose these jobs of the list; returns what can be done with them."""
    page.get_by_role("button", name="Select", exact=True).click()
    for job_id in job_ids:
        row_of(page, job_id).get_by_role("checkbox").check()
    return page.get_by_role("group", name="What to do with the selected jobs")


def saved(page: Page, button: Locator) -> Path:
    with page.expect_download() as download:
        button.click()
    path = Path(str(download.value.path()))
    return path.rename(path.with_name(download.value.suggested_filename))


def test_the_dialog_offers_every_format_and_each_is_saved_as_what_it_is(
    signed_in: Page, box: Daemon, finished: str
) -> None:
    page = signed_in
    open_job(page, box, finished)
    for number, (name, form) in enumerate(FORMATS.items()):
        page.get_by_role("button", name="More… formats and options").click()
        dialog = page.get_by_role("dialog", name="Download the transcript")
        expect(dialog.get_by_role("radio")).to_have_count(len(FORMATS))
        dialog.locator(f"input[value='{name}']").check()
        path = saved(page, dialog.get_by_role("button", name="Download", exact=True))
        assert path.suffix == f".{form.extension}", number
        assert path.stat().st_size > 0
        expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="More… formats and options")).to_be_focused()


def test_what_is_chosen_is_what_the_file_has(signed_in: Page, box: Daemon, finished: str) -> None:
    page = signed_in
    open_job(page, box, finished)
    more = page.get_by_role("button", name="More… formats and options")
    more.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Times", exact=True)).to_be_checked()
    dialog.get_by_label("Times", exact=True).uncheck()
    document = docx.Document(str(saved(page, dialog.get_by_role("button", name="Download", exact=True))))
    assert not any(re.match(r"\d:\d\d:\d\d", one.text) for one in document.paragraphs)
    more.click()
    dialog.get_by_label("SRT").check()
    expect(dialog.get_by_label("Times", exact=True)).to_be_hidden()
    expect(dialog.get_by_label("Characters per line")).to_be_hidden()
    dialog.get_by_label("Subtitles", exact=True).select_option("Laid out for the screen")
    dialog.get_by_label("Characters per line").fill("5")
    dialog.get_by_role("button", name="Download", exact=True).click()
    expect(dialog.get_by_label("Characters per line")).to_be_focused()
    dialog.get_by_label("Characters per line").fill("15")
    dialog.get_by_label("Lines", exact=True).fill("1")
    cues = list(srt.parse(saved(page, dialog.get_by_role("button", name="Download", exact=True)).read_text()))
    assert len(cues) > 10
    assert all(len(cue.content) <= 15 for cue in cues)
    page.reload()
    more.click()
    expect(dialog.get_by_label("SRT")).to_be_checked()
    expect(dialog.get_by_label("Characters per line")).to_have_value("15")


def test_the_dialog_works_by_keyboard_and_escape_leaves_it(
    signed_in: Page, box: Daemon, finished: str
) -> None:
    page = signed_in
    open_job(page, box, finished)
    more = page.get_by_role("button", name="More… formats and options")
    more.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Word document")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_label("SRT")).to_be_checked()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".srt")
    expect(more).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(more).to_be_focused()


def test_several_transcripts_are_downloaded_as_a_zip(signed_in: Page, box: Daemon, jobs: list[str]) -> None:
    page = signed_in
    bar = select(page, *jobs[:2])
    expect(bar.get_by_role("status")).to_have_text("2 selected")
    bar.get_by_role("button", name="Download…").click()
    dialog = page.get_by_role("dialog", name="Download 2 transcripts")
    dialog.get_by_label("Word document").uncheck()
    dialog.get_by_role("button", name="Download as zip").click()
    expect(dialog.get_by_text("Choose at least one format.")).to_be_visible()
    dialog.get_by_label("Text plain text").check()
    dialog.get_by_label("JSON").check()
    file = zipfile.ZipFile(saved(page, dialog.get_by_role("button", name="Download as zip")))
    stems = [str(box.job(job_id)["filename"]).removesuffix(".wav") for job_id in jobs[:2]]
    assert sorted(file.namelist()) == sorted(f"{stem}.{form}" for stem in stems for form in ("txt", "json"))
    assert {json.loads(file.read(f"{stem}.json"))["job_id"] for stem in stems} == set(jobs[:2])


def test_what_was_deleted_elsewhere_is_said_to_be_missing(
    signed_in: Page, watch: Watch, box: Daemon, jobs: list[str]
) -> None:
    page = signed_in
    bar = select(page, *jobs)
    bar.get_by_role("button", name="Download…").click()
    box.request("DELETE", f"/api/jobs/{jobs[0]}")
    expect(row_of(page, jobs[0])).to_have_count(0)
    file = zipfile.ZipFile(saved(page, page.get_by_role("button", name="Download as zip")))
    assert "problems.json" in file.namelist()
    expect(page.get_by_text("1 transcript is missing")).to_be_visible()
    expect(bar.get_by_role("status")).to_have_text("2 selected")


def test_several_jobs_go_into_the_trash_by_keyboard_and_come_back(
    signed_in: Page, box: Daemon, jobs: list[str]
) -> None:
    page = signed_in
    toggle = page.get_by_role("button", name="Select", exact=True)
    toggle.focus()
    page.keyboard.press("Enter")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    for job_id in jobs[:2]:
        row_of(page, job_id).get_by_role("checkbox").focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Delete", exact=True).focus()
    page.keyboard.press("Enter")
    for job_id in jobs[:2]:
        expect(row_of(page, job_id)).to_have_count(0)
    expect(row_of(page, jobs[2])).to_be_visible()
    expect(toggle).to_be_focused()
    expect(page.get_by_text("2 jobs are in the trash now.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    for job_id in jobs[:2]:
        expect(row_of(page, job_id)).to_be_visible()


def test_a_click_anywhere_on_a_row_selects_it_until_escape(signed_in: Page, jobs: list[str]) -> None:
    page, row = signed_in, row_of(signed_in, jobs[0])
    bar = select(page)
    row.click(position={"x": 300, "y": 20})
    expect(row.get_by_role("checkbox")).to_be_checked()
    expect(bar.get_by_role("button", name="Download…")).to_be_enabled()
    bar.get_by_role("button", name="All").click()
    expect(page.get_by_role("checkbox", checked=False)).to_have_count(0)
    bar.get_by_role("button", name="None").click()
    expect(bar.get_by_role("button", name="Download…")).to_be_disabled()
    row.get_by_role("checkbox").focus()
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    row.click(position={"x": 300, "y": 20})
    expect(page.get_by_role("group", name="Download the transcript")).to_be_visible()
