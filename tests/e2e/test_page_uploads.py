"""Uploads of the page go on by themselves: after a cut cable, a killed box, and a page that was closed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Response, expect

from harness.browser import Talk, Watch, sign_in
from harness.daemon import Daemon
from harness.relay import Relay

PATIENCE_MS = 120_000
BYTES_PER_SECOND = 12_000_000  # a file of 70 MB takes some seconds


@pytest.fixture
def box(tmp_path: Path, demo_bundle: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path / "data", model=demo_bundle) as daemon:
        daemon.set_up()
        daemon.wait_ready()
        yield daemon


@pytest.fixture
def cable(box: Daemon) -> Iterator[Relay]:
    with Relay(box.url) as relay:
        yield relay


@dataclass
class Scene:
    """A signed-in page behind a cable; `resumed`: the offsets at which it was told to go on."""

    page: Page
    box: Daemon
    cable: Relay
    talk: Talk
    resumed: list[int]

    def begin(self) -> Locator:
        """Choose the file, and wait until a good part of it has left."""
        self.page.get_by_label("Choose files").set_input_files(self.talk.path)
        upload = self.page.locator(".upload").filter(has_text=self.talk.path.name)
        expect(upload.locator(".upload-status")).to_have_text(re.compile(r"^[3-6]\d% of 7\d MB"))
        return upload

    def arrived(self) -> None:
        """The one job is there, with every byte."""
        link = self.page.get_by_role("link", name=self.talk.path.name, exact=True)
        expect(self.page.locator(".job").filter(has=link)).to_be_visible(timeout=PATIENCE_MS)
        (job,) = self.box.get("/api/jobs").json["jobs"]
        stored = self.box.get(f"/api/recordings/{job['recording_id']}/audio").body
        assert hashlib.sha256(stored).digest() == hashlib.sha256(self.talk.content).digest()
        assert self.remembered() is None

    def remembered(self) -> object:
        return self.page.evaluate("localStorage.getItem('stenobox.uploads')")


@pytest.fixture
def scene(page: Page, watch: Watch, box: Daemon, cable: Relay, endless_talk: Talk) -> Scene:
    offsets: list[int] = []

    def note(response: Response) -> None:
        if response.request.method == "HEAD" and response.ok:
            offsets.append(int(response.headers["upload-offset"]))

    watch.expect_status(401)
    watch.expect_lost_connections()
    page.on("response", note)
    sign_in(page, cable.url)
    cable.squeeze(BYTES_PER_SECOND)
    return Scene(page, box, cable, endless_talk, offsets)


def test_an_upload_goes_on_when_the_cable_is_back(scene: Scene) -> None:
    upload = scene.begin()
    scene.cable.cut()
    expect(upload.locator(".upload-status")).to_contain_text("goes on by itself")
    scene.cable.join()
    scene.arrived()
    assert scene.resumed[-1] > 0


def test_an_upload_goes_on_when_the_box_was_killed_and_is_back(scene: Scene) -> None:
    upload = scene.begin()
    scene.cable.cut()
    scene.box.kill()
    expect(upload.locator(".upload-status")).to_contain_text("goes on by itself")
    scene.box.start()
    scene.cable.lead_to(scene.box.url)
    scene.cable.join()
    scene.arrived()
    assert scene.resumed[-1] > 0


def test_the_same_file_goes_on_where_it_was_after_the_page_was_closed(scene: Scene) -> None:
    scene.begin()
    scene.page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?"
    scene.page.reload()
    expect(scene.page.get_by_role("heading", name="Transcripts", level=1)).to_be_visible()
    assert scene.resumed == []
    scene.page.get_by_label("Choose files").set_input_files(scene.talk.path)
    scene.arrived()
    assert scene.resumed[0] > 0


def test_signing_out_ends_uploads_and_forgets_them(scene: Scene) -> None:
    scene.begin()
    scene.page.get_by_role("button", name="Sign out").click()
    scene.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(scene.page.get_by_label("Password", exact=True)).to_be_visible()
    assert scene.remembered() is None
    assert scene.box.get("/api/jobs").json["jobs"] == []
