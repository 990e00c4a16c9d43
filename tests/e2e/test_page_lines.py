"""The lines of a transcript on the page: split, merged, timed, added, deleted, and all of it undone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.browser import open_job
from harness.daemon import Daemon
from storing import wave_bytes

WORDS = ("Welcome to the bored meeting.", "The black computer is on the table.", "Goodbye to all of you.")


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def job(box: Daemon, numbers: Iterator[int]) -> str:
    """A finished job that no other test has: nine seconds, three lines of two and a half."""
    number = next(numbers)
    made = box.upload(wave_bytes(9.0, 700 + number), f"lines {number}.wav").json
    box.wait_for(made["id"], "done")
    correct(box, made["id"], *WORDS)
    return str(made["id"])


def correct(box: Daemon, job_id: str, *texts: str, step: float = 3.0) -> None:
    lines = [
        {"start": step * n, "end": round(step * (n + 0.8), 4), "text": text, "channel": None}
        for n, text in enumerate(texts)
    ]
    path = f"/api/jobs/{job_id}/transcript"
    assert box.request("PUT", path, json_body={"segments": lines}).status == 200


def told(box: Daemon, job_id: str) -> list[tuple[float, float, str]]:
    found = box.get(f"/api/jobs/{job_id}/transcript").json
    return [(segment["start"], segment["end"], segment["text"]) for segment in found["segments"]]


def texts(page: Page) -> Locator:
    return page.locator(".segment-text")


def panel(page: Page) -> Locator:
    return page.get_by_role("group", name="This line")


def edit(page: Page, box: Daemon, job_id: str) -> None:
    open_job(page, box, job_id)
    page.get_by_role("button", name="Edit").click()


def put_cursor(page: Page, number: int, after: str) -> None:
    """By keyboard, behind some words of a line."""
    texts(page).nth(number).focus()
    page.keyboard.press("Home")
    for _ in after:
        page.keyboard.press("ArrowRight")


def said(page: Page, words: str) -> None:
    """What assistive technology is told."""
    expect(page.locator("#announcer")).to_contain_text(words)


def save(page: Page) -> None:
    page.keyboard.press("Control+S")
    expect(page.get_by_text("Saved as a new version.")).to_be_visible()


def caret(page: Page) -> tuple[str, int]:
    """The text that is written in, and how many characters are before the cursor."""
    found = page.evaluate("[document.activeElement.textContent, getSelection().anchorOffset]")
    return str(found[0]), int(found[1])


def test_a_line_is_split_and_merged_by_keyboard_alone_and_saved_as_one_version(
    signed_in: Page, box: Daemon, job: str
) -> None:
    page = signed_in
    edit(page, box, job)
    put_cursor(page, 1, "The black computer")
    page.keyboard.press("Control+Enter")
    said(page, "Split at 0:04.27. You are in the second line.")
    expect(texts(page)).to_have_text([WORDS[0], "The black computer", "is on the table.", WORDS[2]])
    assert caret(page) == ("is on the table.", 0)
    page.keyboard.press("Alt+Shift+ArrowDown")
    said(page, "Merged with the line below.")
    assert caret(page) == (f"is on the table. {WORDS[2]}", len("is on the table."))
    page.keyboard.press("Home")
    page.keyboard.press("Backspace")
    said(page, "Merged with the line above.")
    whole = f"{WORDS[1]} {WORDS[2]}"
    assert caret(page) == (whole, len("The black computer "))
    page.keyboard.press("End")
    page.keyboard.type(" Bye.")
    expect(page.get_by_text("2 lines changed, not saved.")).to_be_visible()
    save(page)
    expect(page.get_by_text("version 3, corrected")).to_be_visible()
    expect(texts(page)).to_have_text([WORDS[0], f"{whole} Bye."])
    assert told(box, job) == [(0.0, 2.4, WORDS[0]), (3.0, 8.4, f"{whole} Bye.")]


def test_the_buttons_do_the_same_and_know_where_the_cursor_was(
    signed_in: Page, box: Daemon, job: str
) -> None:
    page = signed_in
    edit(page, box, job)
    put_cursor(page, 0, "Welcome to")
    panel(page).get_by_role("button", name="Split").click()
    expect(texts(page)).to_have_text(["Welcome to", "the bored meeting.", *WORDS[1:]])
    expect(texts(page).nth(1)).to_be_focused()
    panel(page).get_by_role("button", name="Merge up").click()
    expect(texts(page)).to_have_text(list(WORDS))
    expect(texts(page).nth(0)).to_be_focused()
    panel(page).get_by_role("button", name="Merge up").click()
    expect(panel(page).get_by_role("alert")).to_have_text("There is no line above this one.")
    panel(page).get_by_role("button", name="Merge down").click()
    expect(texts(page)).to_have_text([f"{WORDS[0]} {WORDS[1]}", WORDS[2]])
    texts(page).nth(1).click()
    page.keyboard.press("Home")
    panel(page).get_by_role("button", name="Split").click()
    expect(panel(page).get_by_role("alert")).to_contain_text("Put the cursor between two words")
    panel(page).get_by_role("button", name="Delete").click()
    expect(texts(page)).to_have_text([f"{WORDS[0]} {WORDS[1]}"])
    expect(texts(page).nth(0)).to_be_focused()


def test_times_are_written_refused_in_words_and_put_a_line_where_it_belongs(
    signed_in: Page, box: Daemon, job: str
) -> None:
    page = signed_in
    edit(page, box, job)
    texts(page).nth(0).click()
    start, end = panel(page).get_by_label("Start"), panel(page).get_by_label("End")
    expect(start).to_have_value("0:00.00")
    expect(end).to_have_value("0:02.40")
    alert = panel(page).get_by_role("alert")
    end.fill("soon")
    end.press("Enter")
    expect(alert).to_contain_text("Write a time such as 1:23.45")
    expect(end).to_have_attribute("aria-invalid", "true")
    end.fill("1:00")
    page.keyboard.press("Control+S")
    expect(alert).to_have_text("The recording ends at 0:09.00.")
    end.press("Escape")
    expect(end).to_have_value("0:02.40")
    expect(texts(page).nth(0)).to_be_focused()
    page.keyboard.press("Tab")
    expect(start).to_be_focused()
    page.keyboard.type("3.5")
    page.keyboard.press("Enter")
    expect(alert).to_contain_text("A line ends after it starts.")
    end.fill("0:05,25")
    end.press("Enter")
    said(page, "The line lasts from 0:03.50 to 0:05.25. It is now line 2 of 3.")
    expect(alert).to_be_hidden()
    expect(end).to_be_focused()
    expect(texts(page)).to_have_text([WORDS[1], WORDS[0], WORDS[2]])
    expect(page.locator(".segment-time")).to_have_text(["0:03", "0:03", "0:06"])
    save(page)
    assert told(box, job)[1] == (3.5, 5.25, WORDS[0])


def test_the_player_gives_a_line_its_times_and_the_place_of_a_cut(
    signed_in: Page, box: Daemon, job: str
) -> None:
    page = signed_in
    edit(page, box, job)
    put_cursor(page, 1, "The")
    stand(page, 4.75)
    page.keyboard.press("Control+Enter")
    said(page, "Split at 0:04.75, where the player stands.")
    stand(page, 4.5)
    page.keyboard.press("Alt+Shift+S")
    said(page, "The line lasts from 0:04.50 to 0:05.40.")
    expect(texts(page).nth(2)).to_be_focused()
    expect(panel(page).get_by_label("Start")).to_have_value("0:04.50")
    stand(page, 5.0)
    now = panel(page).get_by_role("button", name="it ends where the player stands")
    now.click()
    expect(panel(page).get_by_label("End")).to_have_value("0:05.00")
    expect(now).to_be_focused()
    save(page)
    assert told(box, job)[1:3] == [(3.0, 4.75, "The"), (4.5, 5.0, "black computer is on the table.")]


def stand(page: Page, seconds: float) -> None:
    page.wait_for_function("() => document.querySelector('audio').readyState > 0")
    page.evaluate("seconds => { document.querySelector('audio').currentTime = seconds; }", seconds)
    page.wait_for_function("() => !document.querySelector('audio').seeking")


def test_everything_is_undone_and_done_again_also_after_a_look_elsewhere(
    signed_in: Page, box: Daemon, job: str
) -> None:
    page = signed_in
    edit(page, box, job)
    undo, redo = (page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo"))
    expect(undo).to_have_attribute("aria-disabled", "true")
    put_cursor(page, 2, WORDS[2])
    page.keyboard.type(" So long.")
    page.keyboard.press("Control+Shift+Enter")
    page.keyboard.type("And thanks.")
    page.keyboard.press("Alt+Shift+ArrowUp")
    merged = f"{WORDS[2]} So long. And thanks."
    expect(texts(page)).to_have_text([*WORDS[:2], merged])
    page.keyboard.press("Control+Z")
    said(page, "Undone: merge.")
    expect(texts(page)).to_have_text([*WORDS[:2], f"{WORDS[2]} So long.", "And thanks."])
    page.keyboard.press("Control+Z")
    expect(texts(page).nth(3)).to_have_text("And")
    assert caret(page) == ("And", 3)
    page.get_by_role("link", name="All transcripts").click()
    expect(page.get_by_role("heading", name="Transcripts", level=1)).to_be_visible()
    page.go_back()
    expect(texts(page)).to_have_text([*WORDS[:2], f"{WORDS[2]} So long.", "And"])
    for _ in range(4):
        undo.click()
    expect(texts(page)).to_have_text(list(WORDS))
    expect(undo).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_text("An emptied line is removed.")).to_be_visible()
    for _ in range(6):
        redo.press("Enter")
    expect(redo).to_be_focused()
    expect(texts(page)).to_have_text([*WORDS[:2], merged])
    save(page)
    assert [text for _, _, text in told(box, job)] == [*WORDS[:2], merged]


def test_an_added_line_is_saved_once_something_is_in_it_and_a_deleted_one_is_gone(
    signed_in: Page, box: Daemon, job: str
) -> None:
    page = signed_in
    edit(page, box, job)
    texts(page).nth(0).click()
    panel(page).get_by_role("button", name="Add below").click()
    said(page, "A new line at 0:02.40.")
    expect(page.get_by_text("An emptied line is removed.")).to_be_visible()
    page.keyboard.type("Inserted.")
    page.keyboard.press("Enter")
    expect(texts(page).nth(2)).to_be_focused()
    page.keyboard.press("Alt+Shift+Delete")
    said(page, "The line was deleted. You are in the line at 0:06.00.")
    page.keyboard.press("Control+Shift+Enter")
    save(page)
    assert told(box, job) == [(0.0, 2.4, WORDS[0]), (2.4, 3.0, "Inserted."), (6.0, 8.4, WORDS[2])]


def test_what_was_done_to_lines_is_given_up_as_a_whole(signed_in: Page, box: Daemon, job: str) -> None:
    page = signed_in
    edit(page, box, job)
    texts(page).nth(1).click()
    page.keyboard.press("Alt+Shift+Delete")
    page.keyboard.press("Alt+Shift+ArrowUp")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Give up").click()
    expect(texts(page)).to_have_text(list(WORDS))
    expect(panel(page)).to_have_count(0)
    assert [text for _, _, text in told(box, job)] == list(WORDS)


TOUCHED = """
() => {
  window.touched = new Set();
  new MutationObserver((records) => {
    for (const { target, addedNodes, removedNodes } of records) {
      for (const node of [target, ...addedNodes, ...removedNodes]) {
        const line = (node instanceof Element ? node : node.parentElement)?.closest(".segment");
        if (line) window.touched.add(line);
      }
    }
  }).observe(
    document.querySelector(".segments"),
    { subtree: true, childList: true, characterData: true, attributes: true },
  );
}
"""


def test_a_key_in_one_of_two_thousand_lines_touches_no_other(signed_in: Page, box: Daemon, job: str) -> None:
    correct(box, job, *[f"This is line number {n}." for n in range(2_000)], step=0.004)
    page = signed_in
    edit(page, box, job)
    expect(texts(page)).to_have_count(2_000)
    put_cursor(page, 1_200, "This is line")
    page.evaluate(TOUCHED)
    page.keyboard.type(" with the")
    assert page.evaluate("window.touched.size") == 1
    page.keyboard.press("Control+Enter")
    expect(texts(page)).to_have_count(2_001)
    page.keyboard.press("Control+Z")
    expect(texts(page)).to_have_count(2_000)
    page.keyboard.press("Alt+Shift+ArrowDown")
    expect(texts(page)).to_have_count(1_999)
    assert page.evaluate("window.touched.size") <= 4
    page.keyboard.press("Control+S")
    # The notice of it goes before so long a page is looked through.
    expect(page.locator(".facts")).to_contain_text("version 4, corrected")
    kept = [text for _, _, text in told(box, job)]
    assert kept[1_199:1_202] == [
        "This is line number 1199.",
        "This is line with the number 1200. This is line number 1201.",
        "This is line number 1202.",
    ]
    assert len(kept) == 1_999
