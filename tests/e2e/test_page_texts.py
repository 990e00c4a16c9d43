"""Correcting transcripts on the page, their versions, and the search over all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from harness.browser import Talk, Watch, open_job, sign_in
from harness.daemon import PASSWORD, Daemon
from storing import wave_bytes

WORDS = ("Welcome to the bored meeting.", "The black computer is on the table.", "Goodbye to all of you.")


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def job(box: Daemon, numbers: Iterator[int]) -> dict[str, Any]:
    """A finished job that no other test has, with three lines in its second version."""
    number = next(numbers)
    made = dict(box.upload(wave_bytes(9.0, 500 + number), f"meeting {number}.wav").json)
    box.wait_for(made["id"], "done")
    correct(box, made["id"], *WORDS)
    return made


def correct(box: Daemon, job_id: str, *texts: str) -> None:
    lines = [{"start": 3.0 * n, "end": 3.0 * n + 2.5, "text": text} for n, text in enumerate(texts)]
    path = f"/api/jobs/{job_id}/transcript"
    assert box.request("PUT", path, json_body={"segments": lines}).status == 200


def texts(box: Daemon, job: dict[str, Any]) -> list[str]:
    found = box.get(f"/api/jobs/{job['id']}/transcript").json
    return [segment["text"] for segment in found["segments"]]


def lines(page: Page) -> Locator:
    return page.locator(".segment-text")


def write(page: Page, number: int, text: str) -> None:
    """As a person does: everything in the line is replaced by typing."""
    lines(page).nth(number).click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type(text)


def test_a_line_is_corrected_in_place_by_mouse_and_keyboard(
    signed_in: Page, box: Daemon, job: dict[str, Any]
) -> None:
    page = signed_in
    open_job(page, box, job["id"])
    lines(page).nth(0).dblclick()
    expect(lines(page).nth(0)).to_be_focused()
    expect(page.get_by_role("textbox", name="Line at 0:00")).to_be_focused()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("Welcome to the <b>board</b> meeting.")
    page.keyboard.press("Enter")
    expect(lines(page).nth(1)).to_be_focused()
    expect(page.get_by_text("1 line changed, not saved.")).to_be_visible()
    page.keyboard.press("Control+S")
    expect(page.get_by_text("Saved as a new version.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Line at")).to_have_count(0)
    expect(lines(page)).to_have_text(["Welcome to the <b>board</b> meeting.", *WORDS[1:]])
    expect(page.get_by_text("version 3, corrected")).to_be_visible()
    assert texts(box, job) == ["Welcome to the <b>board</b> meeting.", *WORDS[1:]]
    page.reload()
    expect(lines(page)).to_have_text(["Welcome to the <b>board</b> meeting.", *WORDS[1:]])


def test_an_emptied_line_goes_and_keys_of_the_player_are_letters_while_somebody_writes(
    signed_in: Page, box: Daemon, job: dict[str, Any]
) -> None:
    page = signed_in
    open_job(page, box, job["id"])
    page.get_by_role("button", name="Edit").click()
    expect(lines(page).nth(0)).to_be_focused()
    write(page, 0, "a b")
    expect(lines(page).nth(0)).to_have_text("a b")
    lines(page).nth(1).click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.press("Delete")
    expect(page.get_by_text("2 lines changed, not saved.")).to_be_visible()
    assert page.evaluate("document.querySelector('audio').paused")
    page.get_by_role("button", name="Save").click()
    expect(lines(page)).to_have_text(["a b", WORDS[2]])
    assert texts(box, job) == ["a b", WORDS[2]]


def test_changes_are_given_up_only_on_a_second_word(
    signed_in: Page, box: Daemon, job: dict[str, Any]
) -> None:
    page = signed_in
    open_job(page, box, job["id"])
    page.get_by_role("button", name="Edit").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Save")).to_be_hidden()
    page.get_by_role("button", name="Edit").click()
    write(page, 2, "Something else.")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Go on writing").click()
    expect(lines(page).nth(2)).to_have_text("Something else.")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Give up").click()
    expect(lines(page)).to_have_text(list(WORDS))
    assert texts(box, job) == list(WORDS)


def test_what_was_not_saved_is_there_after_a_look_elsewhere(
    signed_in: Page, box: Daemon, job: dict[str, Any]
) -> None:
    page = signed_in
    open_job(page, box, job["id"])
    lines(page).nth(1).dblclick()
    write(page, 1, "The yellow chair.")
    page.get_by_role("link", name="All transcripts").click()
    expect(page.get_by_role("heading", name="Transcripts", level=1)).to_be_visible()
    page.go_back()
    expect(lines(page).nth(1)).to_have_text("The yellow chair.")
    expect(page.get_by_text("1 line changed, not saved.")).to_be_visible()
    page.keyboard.press("Control+S")
    expect(page.get_by_text("Saved as a new version.")).to_be_visible()
    assert texts(box, job)[1] == "The yellow chair."


def test_a_correction_of_somebody_else_shows_at_once_and_is_not_overwritten(
    signed_in: Page, watch: Watch, box: Daemon, job: dict[str, Any]
) -> None:
    page = signed_in
    open_job(page, box, job["id"])
    correct(box, job["id"], "Theirs, at once.")
    expect(lines(page)).to_have_text(["Theirs, at once."])
    lines(page).nth(0).dblclick()
    write(page, 0, "Mine.")
    correct(box, job["id"], "Theirs again.")
    watch.expect_status(412)
    page.get_by_role("button", name="Save").click()
    alert = page.get_by_role("alert").filter(has_text="Somebody else saved another version")
    expect(alert).to_be_visible()
    expect(lines(page)).to_have_text(["Mine."])
    page.get_by_role("button", name="Open the newer version").click()
    expect(lines(page)).to_have_text(["Theirs again."])
    assert texts(box, job) == ["Theirs again."]


def test_versions_tell_who_changed_what_and_lead_back(
    signed_in: Page, box: Daemon, job: dict[str, Any]
) -> None:
    page = signed_in
    correct(box, job["id"], WORDS[0].replace("bored", "board"), *WORDS[1:])
    open_job(page, box, job["id"])
    page.get_by_role("button", name="Versions").click()
    rows = page.get_by_role("region", name="Versions of this transcript").get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("Version 3 by anna")
    expect(rows.nth(0)).to_contain_text("current")
    expect(rows.nth(2)).to_contain_text("as the model heard it")
    page.get_by_role("button", name="Changes of version 3").click()
    expect(rows.nth(0).locator("del")).to_have_text("[removed] bored ")
    expect(rows.nth(0).locator("ins")).to_have_text("[added] board ")
    page.get_by_role("button", name="Go back to version 2").click()
    expect(page.get_by_text("The text is as it was in version 2.")).to_be_visible()
    expect(lines(page)).to_have_text(list(WORDS))
    expect(rows.nth(0)).to_contain_text("Version 4 by anna, as version 2 was")
    assert texts(box, job) == list(WORDS)


def test_a_search_leads_to_the_second_where_it_is_said(
    signed_in: Page, box: Daemon, job: dict[str, Any], numbers: Iterator[int]
) -> None:
    page, word = signed_in, f"xylophone{next(numbers)}"
    correct(box, job["id"], WORDS[0], WORDS[1], f"Is the {word} <b>black</b>?")
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox", name="Words to look for").fill(f'"the {word}" black')
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 transcript found.")).to_be_visible()
    hit = page.locator(f"[data-job='{job['id']}']")
    expect(hit.locator("mark")).to_have_text(["black", f"the {word}", "black"])
    expect(hit.get_by_role("link", name=re.compile("Is the"))).to_contain_text("<b>black</b>?")
    hit.get_by_role("link", name=re.compile("Is the")).click()
    expect(page.locator(".segment[aria-current]")).to_contain_text(word)
    assert page.evaluate("document.querySelector('audio').currentTime") == pytest.approx(6.0, abs=0.1)
    page.go_back()
    expect(page.get_by_role("searchbox", name="Words to look for")).to_have_value(f'"the {word}" black')
    expect(hit).to_be_visible()


def test_a_search_is_narrowed_refused_and_finds_nothing_in_words(
    signed_in: Page, watch: Watch, box: Daemon, job: dict[str, Any]
) -> None:
    page = signed_in
    page.goto(f"{box.url}/#/search?q=computer")
    hit = page.locator(f"[data-job='{job['id']}']")
    expect(hit).to_be_visible()
    page.get_by_label("Language").select_option("German")
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
    page.get_by_label("Language").select_option("Any")
    page.get_by_label("Sent until").fill("2020-01-31")
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
    page.get_by_label("Sent until").fill("")
    expect(hit).to_be_visible()
    box.request("PATCH", f"/api/recordings/{job['recording_id']}", json_body={"tags": ["Käse & Co"]})
    page.get_by_role("button", name="Search").click()
    hit.get_by_role("link", name="Käse & Co").click()
    expect(page.get_by_text("Tagged")).to_be_visible()
    expect(hit).to_be_visible()
    expect(page.locator(".hit")).to_have_count(1)
    page.get_by_role("link", name="Any tag").click()
    expect(page.get_by_text("Tagged")).to_be_hidden()
    page.get_by_label("Account", exact=True).select_option("anna")
    expect(hit).to_be_visible()
    watch.expect_status(400)
    page.get_by_role("searchbox", name="Words to look for").fill('"open')
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("alert").filter(has_text="is open")).to_be_visible()


def test_a_viewer_corrects_nothing(
    browser: Browser, box: Daemon, job: dict[str, Any], finished: str, talk: Talk
) -> None:
    body = {"name": "vera", "password": PASSWORD, "role": "viewer"}
    assert box.post("/api/users", json_body=body).status == 201
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    watch = Watch(page)
    watch.expect_status(401, 404)
    sign_in(page, box.url, "vera")
    page.goto(f"{box.url}/#/search?q=computer")
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
    page.goto(f"{box.url}/#/jobs/{job['id']}")
    expect(page.get_by_role("heading", name="Not here")).to_be_visible()
    expect(page.get_by_role("button", name="Edit")).to_have_count(0)
    assert watch.errors == []
    context.close()


def test_the_words_of_a_glossary_are_written_and_stay(signed_in: Page, box: Daemon) -> None:
    page = signed_in
    page.get_by_role("link", name="Your account").click()
    words = page.get_by_label("Names and terms")
    expect(words).to_be_enabled()
    words.fill("Zoë Quentin\n\nStenobox\nStenobox")
    page.get_by_role("button", name="Save the words").click()
    expect(page.get_by_text("The words were saved.")).to_be_visible()
    expect(words).to_have_value("Zoë Quentin\nStenobox")
    assert box.get("/api/glossary").json == {"words": ["Zoë Quentin", "Stenobox"]}
    box.request("PUT", "/api/glossary", json_body={"words": []})
