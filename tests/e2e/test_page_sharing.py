"""Sharing on the page: with colleagues, by tag, and by links that people without an account open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from harness.browser import Watch, open_job, sign_in
from harness.daemon import PASSWORD, Daemon, multipart
from storing import wave_bytes

WORDS = ("Welcome to the bored meeting.", "The black kettle is on the table.", "Goodbye to all of you.")
FIRST_SEED = 900


@dataclass(frozen=True)
class Owner:
    """Ben, who shares: an account that is no administrator's."""

    box: Daemon
    key: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def request(self, method: str, path: str, body: object = None) -> Any:
        answer = self.box.request(method, path, json_body=body, key=self.key)
        assert answer.status < 300, answer.text
        return answer.json if answer.body else None

    def record(self, *tags: str) -> dict[str, Any]:
        """A finished job of a recording that no other test has; its second version says WORDS."""
        number = next(self.numbers)
        kind, body = multipart({}, [(f"ben {number}.wav", wave_bytes(9.0, FIRST_SEED + number))])
        headers = {"Content-Type": kind}
        made = self.box.request("POST", "/api/jobs", body=body, headers=headers, key=self.key).json
        self.box.wait_for(made["id"], "done")
        lines = [{"start": 3.0 * n, "end": 3.0 * n + 2.5, "text": text} for n, text in enumerate(WORDS)]
        self.request("PUT", f"/api/jobs/{made['id']}/transcript", {"segments": lines})
        if tags:
            self.request("PATCH", f"/api/recordings/{made['recording_id']}", {"tags": list(tags)})
        return dict(made)

    def again(self, job: dict[str, Any], text: str) -> dict[str, Any]:
        """Another finished job of the same recording, which says `text`."""
        audio = self.box.get(f"/api/recordings/{job['recording_id']}/audio", key=self.key).body
        kind, body = multipart({"language": "en"}, [("again.wav", audio)])
        headers = {"Content-Type": kind}
        made = self.box.request("POST", "/api/jobs", body=body, headers=headers, key=self.key).json
        assert made["recording_id"] == job["recording_id"]
        self.box.wait_for(made["id"], "done")
        lines = [{"start": 0.0, "end": 2.0, "text": text}]
        self.request("PUT", f"/api/jobs/{made['id']}/transcript", {"segments": lines})
        return dict(made)

    def link(self, **subject: str) -> str:
        """The address of a new link."""
        return f"{self.box.url}{self.request('POST', '/api/shares', subject)['path']}"


def add(box: Daemon, name: str, role: str = "user") -> None:
    body = {"name": name, "password": PASSWORD, "role": role}
    assert box.post("/api/users", json_body=body).status == 201


@pytest.fixture(scope="module")
def ben(box: Daemon) -> Owner:
    add(box, "ben")
    signed = box.post("/api/auth/login", json_body={"name": "ben", "password": PASSWORD}, key=None)
    headers = {"Cookie": signed.headers["Set-Cookie"].partition(";")[0]}
    wanted = {"name": "test", "scopes": ["read", "upload"]}
    made = box.post("/api/keys", json_body=wanted, headers=headers, key=None)
    assert made.status == 201, made.text
    return Owner(box, made.json["secret"])


@pytest.fixture(scope="module", autouse=True)
def carla(box: Daemon) -> str:
    add(box, "carla")
    return "carla"


@pytest.fixture
def job(ben: Owner) -> dict[str, Any]:
    return ben.record()


@pytest.fixture
def bens(page: Page, watch: Watch, box: Daemon, ben: Owner) -> Page:
    """Ben's page."""
    watch.expect_status(401)
    sign_in(page, box.url, "ben")
    return page


@pytest.fixture
def others(browser: Browser) -> Iterator[Page]:
    """A page of somebody else's browser, which nobody has signed in with."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1180, "height": 900})
    page = context.new_page()
    watch = Watch(page)
    # What is not there for a stranger, or not any more, is what most tests here end with.
    watch.expect_status(401, 404)
    yield page
    assert watch.errors == []
    context.close()


def row_of(page: Page, job: dict[str, Any]) -> Locator:
    return page.locator(f"[data-job='{job['id']}']")


def lines(page: Page) -> Locator:
    return page.locator(".segment-text")


def open_dialog(page: Page, box: Daemon, job: dict[str, Any]) -> Locator:
    open_job(page, box, job["id"])
    page.get_by_role("button", name="Share", exact=True).click()
    return page.get_by_role("dialog", name="Share")


def give(dialog: Locator, name: str, rights: str = "May read and listen") -> None:
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_label("What they may do").select_option(rights)
    dialog.get_by_role("button", name="Share", exact=True).click()


def test_a_colleague_reads_what_is_shared_changes_nothing_and_loses_it_when_it_is_taken_back(
    bens: Page, others: Page, box: Daemon, job: dict[str, Any]
) -> None:
    sign_in(others, box.url, "carla")
    others.get_by_role("link", name="Shared with me").click()
    expect(row_of(others, job)).to_have_count(0)
    dialog = open_dialog(bens, box, job)
    expect(dialog.get_by_text("Only you, and the administrators")).to_be_visible()
    give(dialog, "carla")
    expect(dialog.get_by_role("status")).to_have_text("carla may read it now.")
    expect(dialog.get_by_role("listitem")).to_contain_text("may read, until it is taken back")

    row = row_of(others, job)
    expect(row).to_contain_text("from ben")
    expect(row.get_by_role("button")).to_have_count(0)
    others.get_by_role("link", name="Mine").click()
    expect(row).to_have_count(0)
    others.get_by_role("link", name="Shared with me").click()
    row.get_by_role("link").click()
    expect(lines(others)).to_have_text(WORDS)
    expect(others.get_by_role("link", name="Shared with you")).to_be_visible()
    for name in ("Edit", "Title, tags, time to keep", "Share", "Delete"):
        expect(others.get_by_role("button", name=name)).to_have_count(0)
    with others.expect_download() as download:
        others.get_by_role("link", name="Download as SRT").click()
    assert WORDS[1] in Path(download.value.path()).read_text()
    lines(others).nth(1).click()
    expect(others.get_by_role("button", name="Pause")).to_be_visible()

    dialog.get_by_role("button", name="Take back").click()
    expect(dialog.get_by_role("status")).to_have_text("It is no longer shared with carla.")
    expect(dialog.get_by_role("heading", name="Who has access")).to_be_focused()
    expect(others.get_by_role("heading", name="Not here")).to_be_visible()
    expect(lines(others)).to_have_count(0)


def test_who_may_correct_corrects_and_the_owner_sees_by_whom(
    bens: Page, others: Page, box: Daemon, job: dict[str, Any]
) -> None:
    dialog = open_dialog(bens, box, job)
    give(dialog, "carla")
    expect(dialog.get_by_role("status")).to_have_text("carla may read it now.")
    give(dialog, "carla", "May correct the text too")
    expect(dialog.get_by_role("status")).to_have_text("carla may correct it now.")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    dialog.get_by_role("button", name="Close").click()
    sign_in(others, box.url, "carla")
    open_job(others, box, job["id"])
    others.get_by_role("button", name="Edit").click()
    lines(others).first.click()
    others.keyboard.press("ControlOrMeta+A")
    others.keyboard.type("Welcome to the board meeting.")
    others.get_by_role("button", name="Save").click()
    expect(lines(bens).first).to_have_text("Welcome to the board meeting.")
    bens.get_by_role("button", name="Versions").click()
    expect(bens.get_by_role("region", name="Versions")).to_contain_text("Version 3 by carla")
    others.get_by_role("button", name="Versions").click()
    others.get_by_role("button", name="Go back to version 2").click()
    expect(lines(bens)).to_have_text(WORDS)


def test_a_viewer_with_the_right_to_correct_still_corrects_nothing(
    others: Page, box: Daemon, ben: Owner, job: dict[str, Any]
) -> None:
    add(box, "vera", "viewer")
    order = {"recording": job["recording_id"], "user": "vera", "rights": "edit"}
    ben.request("POST", "/api/shares", order)
    sign_in(others, box.url, "vera")
    others.get_by_role("link", name="Shared with me").click()
    row_of(others, job).get_by_role("link").click()
    expect(lines(others)).to_have_text(WORDS)
    for name in ("Edit", "Share"):
        expect(others.get_by_role("button", name=name)).to_have_count(0)


def test_names_are_offered_and_one_that_nobody_has_is_told(
    bens: Page, box: Daemon, job: dict[str, Any], carla: str
) -> None:
    dialog = open_dialog(bens, box, job)
    name = dialog.get_by_label("Name", exact=True)
    expect(name).to_be_focused()
    expect(dialog.locator(f"datalist option[value={carla}]")).to_have_count(1)
    expect(dialog.locator("datalist option[value=ben]")).to_have_count(0)
    give(dialog, "carlo")
    expect(dialog.get_by_text("There is no other account of this name here.")).to_be_visible()
    expect(name).to_be_focused()
    expect(dialog.get_by_text("Only you, and the administrators")).to_be_visible()


def test_everything_with_a_tag_is_shared_also_what_gets_it_later(
    bens: Page, others: Page, box: Daemon, ben: Owner
) -> None:
    first, later = ben.record("Board & Co"), ben.record()
    row_of(bens, first).get_by_role("link", name="Board & Co").click()
    bens.get_by_role("button", name="Share everything with this tag").click()
    dialog = bens.get_by_role("dialog", name="Share everything tagged “Board & Co”")
    give(dialog, "carla")
    expect(dialog.get_by_role("listitem")).to_contain_text("may read")
    sign_in(others, box.url, "carla")
    others.get_by_role("link", name="Shared with me").click()
    row_of(others, first).get_by_role("link", name="Board & Co").click()
    expect(others.get_by_text("Tagged")).to_be_visible()
    expect(row_of(others, first)).to_be_visible()
    expect(others.get_by_role("button", name="Share everything with this tag")).to_have_count(0)
    expect(row_of(others, later)).to_have_count(0)
    ben.request("PATCH", f"/api/recordings/{later['recording_id']}", {"tags": ["Board & Co"]})
    expect(row_of(others, later)).to_be_visible()
    # Several are downloaded together, and none of them is deleted.
    others.get_by_role("button", name="Select").click()
    others.get_by_role("button", name="All", exact=True).click()
    expect(others.get_by_role("button", name="Delete")).to_have_count(0)
    others.get_by_role("button", name="Download…").click()
    with others.expect_download() as download:
        others.get_by_role("button", name="Download as zip").click()
    assert download.value.suggested_filename == "transcripts.zip"
    # A recording says through which tag it is open to others.
    dialog.get_by_role("button", name="Close").click()
    given = open_dialog(bens, box, later).get_by_role("listitem")
    expect(given).to_contain_text("Everything tagged “Board & Co”")


def test_what_is_shared_is_found_with_the_name_of_its_owner(
    others: Page, box: Daemon, ben: Owner, job: dict[str, Any]
) -> None:
    ben.request("POST", "/api/shares", {"recording": job["recording_id"], "user": "carla"})
    sign_in(others, box.url, "carla")
    others.goto(f"{box.url}/#/search?q=kettle")
    expect(others.locator(f".hit[data-job='{job['id']}']")).to_contain_text("from ben")


def test_a_link_is_shown_once_and_opens_for_people_without_an_account(
    bens: Page, others: Page, box: Daemon, job: dict[str, Any], tmp_path: Path
) -> None:
    bens.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog = open_dialog(bens, box, job)
    dialog.get_by_label("For how long").last.select_option("7 days")
    dialog.get_by_role("button", name="Make a link").click()
    address = dialog.get_by_label("Your new link")
    expect(address).to_be_focused()
    url = address.input_value()
    assert url.startswith(f"{box.url}/#/link/")
    dialog.get_by_role("button", name="Copy the link").click()
    expect(dialog.get_by_role("status")).to_have_text("The link is on the clipboard.")
    assert bens.evaluate("navigator.clipboard.readText()") == url
    expect(dialog.get_by_role("listitem")).to_contain_text("never opened")
    dialog.get_by_role("button", name="Close").click()
    bens.get_by_role("button", name="Share", exact=True).click()
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    assert url.rpartition("/")[2] not in bens.content()

    asked: list[str] = []
    others.on("request", lambda request: asked.append(request.url.removeprefix(box.url)))
    others.goto(url)
    expect(others.get_by_role("heading", level=1)).to_have_text(box.job(job["id"])["title"])
    expect(others.get_by_text("Shared by ben")).to_be_visible()
    expect(lines(others)).to_have_text(WORDS)
    lines(others).nth(1).click()
    expect(others.get_by_role("button", name="Pause")).to_be_visible()
    expect(others.locator(".segment[aria-current=true]")).to_contain_text(WORDS[1])
    expect(others.locator(".player svg.wave")).to_be_visible()
    for kind, label in (("txt", "Text"), ("srt", "SRT"), ("vtt", "VTT"), ("md", "Markdown")):
        with others.expect_download() as download:
            others.get_by_role("link", name=f"Download as {label}").click()
        download.value.save_as(tmp_path / kind)
        assert WORDS[2] in (tmp_path / kind).read_text()
    with others.expect_download() as download:
        others.get_by_role("link", name="Download as Word").click()
    assert Path(download.value.path()).read_bytes().startswith(b"PK")
    # Nothing that needs an account, and nobody's cookie.
    called = {path for path in asked if path.startswith("/api/")}
    assert {path for path in called if not path.startswith("/api/links/")} == {"/api/setup"}
    assert others.context.cookies() == []

    dialog.get_by_role("button", name="Close").click()
    bens.get_by_role("button", name="Share", exact=True).click()
    expect(dialog.get_by_role("listitem")).to_contain_text("last opened")
    dialog.get_by_role("button", name="Take back").click()
    expect(dialog.get_by_role("status")).to_have_text("The link opens nothing any more.")
    others.reload()
    expect(others.get_by_role("heading", name="This link does not work")).to_be_visible()
    expect(lines(others)).to_have_count(0)


def test_a_link_to_a_tag_opens_a_list_of_recordings(others: Page, box: Daemon, ben: Owner) -> None:
    first, second = ben.record("Choir"), ben.record("Choir")
    others.goto(ben.link(tag="Choir"))
    expect(others.get_by_role("heading", level=1)).to_contain_text("Choir")
    items = others.get_by_role("list", name="Recordings").get_by_role("listitem")
    expect(items).to_have_count(2)
    titles = [box.job(made["id"])["title"] for made in (second, first)]
    expect(items.get_by_role("link")).to_have_text(titles)
    items.get_by_role("link").last.click()
    expect(others.get_by_role("heading", level=1)).to_have_text(titles[1])
    expect(others.get_by_role("heading", level=1)).to_be_focused()
    expect(lines(others)).to_have_text(WORDS)
    others.go_back()
    expect(items).to_have_count(2)
    items.get_by_role("link").first.click()
    others.get_by_role("link", name="Choir").click()
    expect(items).to_have_count(2)


def test_a_link_shows_the_newest_transcript_of_a_recording_and_offers_the_others(
    others: Page, box: Daemon, ben: Owner, job: dict[str, Any]
) -> None:
    newer = ben.again(job, "Once more, the kettle.")
    others.goto(ben.link(recording=job["recording_id"]))
    expect(lines(others)).to_have_text(["Once more, the kettle."])
    others.get_by_label("Transcript", exact=True).first.select_option(job["id"])
    expect(lines(others)).to_have_text(WORDS)
    with others.expect_download() as download:
        others.get_by_role("link", name="Download as Text").click()
    assert WORDS[0] in Path(download.value.path()).read_text()
    assert newer["id"] not in download.value.url


def test_an_administrator_sees_everybodys_by_name_and_what_is_shared_with_them_apart(
    signed_in: Page, box: Daemon, ben: Owner, job: dict[str, Any]
) -> None:
    page, row, kept = signed_in, row_of(signed_in, job), row_of(signed_in, ben.record())
    expect(row).to_contain_text("from ben")
    expect(row.get_by_role("button", name="Delete")).to_be_visible()
    page.get_by_role("link", name="Shared with me").click()
    expect(page.get_by_text("Nothing is shared with you.")).to_be_visible()
    ben.request("POST", "/api/shares", {"recording": job["recording_id"], "user": "anna"})
    expect(row).to_be_visible()
    expect(kept).to_have_count(0)
    page.get_by_role("link", name="Everybody's").click()
    expect(kept).to_be_visible()


def test_a_dead_link_says_so_and_the_way_to_sign_in_is_there(
    others: Page, box: Daemon, ben: Owner, job: dict[str, Any]
) -> None:
    others.goto(f"{box.url}/#/link/nothing-of-this-kind")
    expect(others.get_by_role("heading", name="This link does not work")).to_be_visible()
    expect(others.get_by_text("Ask the person who sent it to you")).to_be_visible()
    others.get_by_role("link", name="Sign in").click()
    expect(others.get_by_role("heading", name="Sign in")).to_be_visible()
    # A link that is pasted into the address bar of that page opens too; and so it does for who is signed in.
    link = ben.link(recording=job["recording_id"])
    for _ in ("a stranger", "carla"):
        others.goto(link)
        expect(others.get_by_text("Shared by ben")).to_be_visible()
        expect(lines(others)).to_have_text(WORDS)
        if others.get_by_role("button", name="Sign out").count() == 0:
            others.get_by_role("link", name="Sign in").click()
            sign_in(others, box.url, "carla")
    expect(others.get_by_role("link", name="Your account, carla")).to_be_visible()


def test_the_account_lists_what_was_given_and_takes_it_back(
    bens: Page, box: Daemon, ben: Owner, job: dict[str, Any]
) -> None:
    link = ben.link(recording=job["recording_id"])
    title = box.job(job["id"])["title"]
    bens.get_by_role("link", name="Your account, ben").click()
    panel = bens.get_by_role("region", name="What you share")
    given = panel.get_by_role("listitem").filter(has_text=title)
    expect(given).to_contain_text("A link")
    given.get_by_role("button", name="Take back").click()
    expect(given).to_have_count(0)
    token = link.rpartition("/")[2]
    assert box.get(f"/api/links/{token}", key=None).status == 404


def test_an_account_leaves_what_is_shared_with_it(
    others: Page, box: Daemon, ben: Owner, carla: str, job: dict[str, Any]
) -> None:
    ben.request("POST", "/api/shares", {"recording": job["recording_id"], "user": carla})
    title = box.job(job["id"])["title"]
    sign_in(others, box.url, carla)
    others.get_by_role("link", name="Your account, carla").click()
    panel = others.get_by_role("region", name="Shared with you")
    received = panel.get_by_role("listitem").filter(has_text=title)
    expect(received).to_contain_text("From ben")
    received.get_by_role("button", name="Leave").click()
    expect(received).to_have_count(0)
    expect(others.get_by_text("It is no longer shared with you.")).to_be_visible()
    others.get_by_role("link", name="Transcripts", exact=True).click()
    others.get_by_role("link", name="Shared with me").click()
    expect(row_of(others, job)).to_have_count(0)
    assert ben.request("GET", f"/api/shares?recording={job['recording_id']}")["shares"] == []
