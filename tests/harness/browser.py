"""A headless Chromium that notices what a person with the developer tools open would notice."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, Request, expect

from harness.daemon import ADMIN, PASSWORD, Daemon

CHROMIUM = "/usr/bin/chromium"

WATCHER = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP violation: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""

DROP = """
([name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  for (const type of ["dragenter", "dragover", "drop"]) {
    const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent(type, options));
  }
}
"""


@dataclass(frozen=True)
class Talk:
    """A recording in several sentences, and what is said in it; `duration` in seconds."""

    path: Path
    sentences: tuple[str, ...]
    duration: float

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()


def spoken_words(text: str) -> list[str]:
    """The words of a text as they sound: lower case, without punctuation."""
    return re.findall(r"[a-z']+", text.lower())


class Watch:
    """Errors of one page. A refusal of the box that a test provokes is named with `expect_status`."""

    def __init__(self, page: Page) -> None:
        self._expected: set[str] = set()
        self._errors: list[str] = []
        self._strangers: list[str] = []
        page.add_init_script(WATCHER)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._errors.append(f"uncaught: {error}"))
        page.on("request", self._request)

    def expect_status(self, *statuses: int) -> None:
        """Chromium writes each answer of 400 and more to the console; these are meant."""
        self._expected |= {f"the server responded with a status of {status} " for status in statuses}

    def expect_lost_connections(self) -> None:
        self._expected |= {"net::ERR_"}

    @property
    def errors(self) -> list[str]:
        """What went wrong so far, other than what was expected."""
        return [
            error for error in self._errors if not any(part in error for part in self._expected)
        ] + self._strangers

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._errors.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "https://127.0.0.1:", "data:", "blob:")):
            self._strangers.append(f"asked a stranger: {request.url}")


def sign_in(page: Page, url: str, name: str = ADMIN, password: str = PASSWORD) -> None:
    """Through the form, as a person does."""
    page.goto(url)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Transcripts", level=1)).to_be_visible()


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file on the window."""
    page.evaluate(DROP, [name, base64.b64encode(content).decode()])


def open_job(page: Page, box: Daemon, job_id: str) -> None:
    page.goto(f"{box.url}/#/jobs/{job_id}")
    expect(page.get_by_role("group", name="Download the transcript")).to_be_visible()


def chromium_arguments() -> list[str]:
    """Nothing is listened to by anybody, and autoplay rules are not what is tested here."""
    arguments = ["--mute-audio", "--autoplay-policy=no-user-gesture-required"]
    # A container's root has no user namespaces for Chromium's own sandbox.
    return [*arguments, "--no-sandbox"] if Path("/proc/self").owner() == "root" else arguments
