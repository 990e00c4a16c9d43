"""The page of the real process in a real browser: from a dropped file to the transcript in every format."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from harness.browser import Talk, Watch, drop, open_job, sign_in, spoken_words
from harness.daemon import Daemon
from harness.relay import Relay

PATIENCE_MS = 120_000

# What the row of a job and the lines of its transcript went through, noted at every change of the document.
HISTORY = """
() => {
  window.seen = [];
  const note = () => {
    const badge = document.querySelector(".job-header .badge");
    if (!badge) return;
    const lines = document.querySelectorAll(".segment").length;
    const progress = document.querySelector(".job-header progress").value;
    const last = window.seen.at(-1);
    if (!last || last.state !== badge.dataset.state || last.lines !== lines || last.progress !== progress) {
      window.seen.push({ state: badge.dataset.state, lines, progress });
    }
  };
  new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
}
"""


def job_row(page: Page, filename: str) -> Locator:
    return page.locator(".job").filter(has=page.get_by_role("link", name=filename, exact=True))


def lines_of(page: Page) -> list[str]:
    return page.locator(".segment-text").all_inner_texts()


def test_a_dropped_recording_becomes_a_transcript_line_by_line(
    signed_in: Page, box: Daemon, longer_talk: Talk
) -> None:
    page = signed_in
    page.evaluate(HISTORY)
    drop(page, "board meeting.wav", longer_talk.content)
    row = job_row(page, "board meeting.wav")
    expect(row).to_be_visible()
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="board meeting.wav", level=1)).to_be_focused()
    expect(page.locator(".job-header .badge")).to_have_text("Done", timeout=PATIENCE_MS)
    expect(page.get_by_role("link", name="Download as SRT")).to_be_visible()
    seen = page.evaluate("window.seen")
    shown = len(lines_of(page))
    growing = {entry["lines"] for entry in seen if entry["state"] == "running"}
    assert any(0 < count < shown for count in growing), seen
    progress = [entry["progress"] for entry in seen if entry["state"] == "running"]
    assert progress == sorted(progress)
    assert any(0 < value < 1 for value in progress)


def test_the_page_shows_the_words_that_were_spoken_in_the_order_of_the_recording(
    signed_in: Page, box: Daemon, finished: str, talk: Talk
) -> None:
    open_job(signed_in, box, finished)
    shown = spoken_words(" ".join(lines_of(signed_in)))
    said = spoken_words(" ".join(talk.sentences))
    same = sum(
        block.size for block in difflib.SequenceMatcher(None, said, shown, False).get_matching_blocks()
    )
    assert same >= 0.85 * len(said), (said, shown)
    stored = box.get(f"/api/jobs/{finished}/transcript").json
    assert lines_of(signed_in) == [segment["text"].strip() for segment in stored["segments"]]


def test_playing_marks_the_line_that_is_being_spoken(signed_in: Page, box: Daemon, finished: str) -> None:
    page = signed_in
    open_job(page, box, finished)
    segments = box.get(f"/api/jobs/{finished}/transcript").json["segments"]
    marked = page.locator(".segment[aria-current=true]")
    page.locator(".segment-text").nth(2).click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(marked).to_have_text(re.compile(re.escape(segments[2]["text"].strip())))
    expect(marked).to_have_text(re.compile(re.escape(segments[3]["text"].strip())))
    page.get_by_role("button", name="Pause").click()
    position = page.evaluate("document.querySelector('audio').currentTime")
    assert segments[3]["start"] <= position < segments[4]["start"]
    expect(marked).to_be_in_viewport()


def test_space_and_arrow_keys_play_and_seek(signed_in: Page, box: Daemon, finished: str) -> None:
    page = signed_in
    open_job(page, box, finished)
    page.get_by_role("heading", level=1).focus()
    page.wait_for_function("document.querySelector('audio').readyState >= 1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.querySelector('audio').currentTime") == 5
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    # A letter meant for the search field plays nothing.
    page.get_by_role("searchbox").press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_every_format_downloads_with_the_same_lines(
    signed_in: Page, box: Daemon, finished: str, tmp_path: Path
) -> None:
    page = signed_in
    open_job(page, box, finished)
    files: dict[str, str] = {}
    for kind, label in (("txt", "Text"), ("srt", "SRT"), ("vtt", "VTT"), ("json", "JSON")):
        with page.expect_download() as download:
            page.get_by_role("link", name=f"Download as {label}").click()
        assert download.value.suggested_filename == f"morning talk.{kind}"
        download.value.save_as(tmp_path / kind)
        files[kind] = (tmp_path / kind).read_text()
    lines = lines_of(page)
    assert [segment["text"].strip() for segment in json.loads(files["json"])["segments"]] == lines
    assert spoken_words(files["txt"]) == spoken_words(" ".join(lines))
    assert len(re.findall(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}", files["srt"])) == len(lines)
    assert files["vtt"].startswith("WEBVTT")
    for line in lines:
        assert line in files["srt"]
        assert line in files["vtt"]


def test_search_marks_every_place_and_steps_through_them(signed_in: Page, box: Daemon, finished: str) -> None:
    page = signed_in
    open_job(page, box, finished)
    word = spoken_words(lines_of(page)[0])[0]
    expected = sum(line.lower().count(word) for line in lines_of(page))
    page.get_by_role("searchbox").fill(word.upper())
    expect(page.locator(".segment mark")).to_have_count(expected)
    expect(page.locator(".search-count")).to_have_text(f"1 of {expected}")
    page.get_by_role("searchbox").press("Shift+Enter")
    expect(page.locator(".search-count")).to_have_text(f"{expected} of {expected}")
    page.get_by_role("searchbox").press("Escape")
    expect(page.locator(".segment mark")).to_have_count(0)
    page.get_by_role("searchbox").fill("(no such words]")
    expect(page.locator(".search-count")).to_have_text("Not found")


def test_the_text_is_copied_as_it_is_shown(signed_in: Page, box: Daemon, finished: str) -> None:
    page = signed_in
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_job(page, box, finished)
    page.get_by_role("button", name="Copy text").click()
    expect(page.locator(".toast")).to_contain_text("clipboard")
    assert page.evaluate("navigator.clipboard.readText()") == "\n".join(lines_of(page))


def test_a_file_that_is_no_audio_gets_a_clear_message_and_no_job(
    signed_in: Page, watch: Watch, box: Daemon
) -> None:
    page = signed_in
    watch.expect_status(400, 415)
    before = len(box.get("/api/jobs").json["jobs"])
    for name, content, words in (
        ("minutes.wav", b"These are the minutes of the meeting.\n" * 50, "not in an audio or video format"),
        ("nothing.mp3", b"", "no bytes"),
    ):
        page.get_by_label("Choose files").set_input_files(
            {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        )
        failed = page.locator(".upload").filter(has_text=name)
        expect(failed.get_by_role("alert")).to_contain_text(words)
        failed.get_by_role("button", name="Dismiss").click()
        expect(failed).to_have_count(0)
    assert len(box.get("/api/jobs").json["jobs"]) == before


def test_a_file_name_is_text_and_never_markup(signed_in: Page, box: Daemon, talk: Talk) -> None:
    page = signed_in
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    name = "<img src=x onerror=alert(1)>'&amp; Ünïcödé 录音.wav"
    drop(page, name, talk.content)
    row = job_row(page, name)
    expect(row).to_be_visible()
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator("#app img")).to_have_count(0)
    assert dialogs == []


def test_a_job_is_cancelled_tried_again_and_deleted(signed_in: Page, box: Daemon, endless_talk: Talk) -> None:
    page = signed_in
    page.get_by_label("Choose files").set_input_files(endless_talk.path)
    row = job_row(page, endless_talk.path.name)
    row.get_by_role("button", name="Cancel").click()
    expect(row.locator(".badge")).to_have_text("Cancelled")
    row.get_by_role("button", name="Try again").click()
    expect(row.locator(".badge")).to_have_text(re.compile("Waiting|Running"))
    row.get_by_role("button", name="Cancel").click()
    expect(row.locator(".badge")).to_have_text("Cancelled")
    row.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


def test_an_upload_shows_its_progress_and_leaves_nothing_when_it_is_cancelled(
    page: Page, watch: Watch, box: Daemon, endless_talk: Talk
) -> None:
    watch.expect_status(401)
    before = box.get("/api/jobs").json["jobs"]
    incoming = box.data / "partials"
    with Relay(box.url) as cable:
        sign_in(page, cable.url)
        cable.squeeze(2_000_000)
        page.get_by_label("Choose files").set_input_files(endless_talk.path)
        upload = page.locator(".upload").filter(has_text=endless_talk.path.name)
        expect(upload.locator(".upload-status")).to_have_text(re.compile(r"^[1-9]\d?% of 7\d MB"))
        assert 0 < upload.locator("progress").evaluate("bar => bar.value") < 1
        page.get_by_role("link", name="API keys").click()
        expect(page.get_by_role("link", name=re.compile(r"^Uploading \d+%"))).to_be_visible()
        page.go_back()
        _wait(page, lambda: any(incoming.iterdir()))
        upload.get_by_role("button", name="Cancel").click()
        expect(upload).to_have_count(0)
        _wait(page, lambda: not any(incoming.iterdir()))
    assert box.get("/api/jobs").json["jobs"] == before


def test_the_list_can_be_narrowed_to_one_state(signed_in: Page, finished: str) -> None:
    page = signed_in
    page.get_by_role("link", name="Done", exact=True).click()
    expect(page.locator(f"[data-job='{finished}']")).to_be_visible()
    page.get_by_role("link", name="Problems", exact=True).click()
    expect(page.locator(f"[data-job='{finished}']")).to_have_count(0)
    expect(page.get_by_text("Nothing here is “problems” at the moment.")).to_be_visible()
    page.go_back()
    expect(page.locator(f"[data-job='{finished}']")).to_be_visible()


def test_the_demonstration_model_is_never_passed_off_as_more(
    signed_in: Page, box: Daemon, finished: str
) -> None:
    expect(signed_in.get_by_text("This is the demonstration model.")).to_be_visible()
    open_job(signed_in, box, finished)
    expect(signed_in.get_by_text("This is the demonstration model.")).to_be_visible()


def _wait(page: Page, holds: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_MS // 100):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never came to that")
