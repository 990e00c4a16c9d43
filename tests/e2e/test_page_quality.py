"""What the page owes to everybody: any width, any colour scheme, the keyboard alone, a box that goes away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PageTimeoutError

from harness.browser import Watch, open_job, sign_in
from harness.daemon import Daemon
from harness.relay import Relay

ROUTES = (
    "#/",
    "#/shared",
    "#/search?q=the",
    "#/trash",
    "#/keys",
    "#/reference",
    "#/users",
    "#/audit",
    "#/box",
    "#/account",
)

# WCAG 2.2, success criterion 1.4.3, with the relative luminance of its glossary. Returns what fails.
CONTRAST = """
() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (layers) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of layers) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgrounds = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    return layers;
  };
  const failing = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const words = texts.currentNode.data.trim();
    const node = texts.currentNode.parentElement;
    if (!words || !node.checkVisibility() || node.closest(".visually-hidden, .skip-link, option")) continue;
    const style = getComputedStyle(node);
    const layers = backgrounds(node);
    const [text, ground] = [luminance(over([...layers, style.color])), luminance(over(layers))];
    const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) failing.push(`${ratio.toFixed(2)} ${words.slice(0, 40)}`);
  }
  return failing;
}
"""

# Buttons, links and fields without a name that assistive technology can say.
NAMELESS = """
() => [...document.querySelectorAll("button, a[href], input, select, progress, textarea, dialog, nav")]
  .filter((node) => node.checkVisibility())
  .filter((node) => !(node.getAttribute("aria-label") || node.getAttribute("aria-labelledby")
    || node.labels?.length || node.textContent.trim()))
  .map((node) => node.outerHTML)
"""


# What lies partly outside of the window; something fixed does so without making the document wider.
OUTSIDE = """
() => [...document.querySelectorAll("button, a[href], input, select, p, h1, h2, h3, li, span")]
  .filter((node) => node.checkVisibility() && !node.closest(".visually-hidden, .skip-link"))
  .filter((node) => {
    const { left, right } = node.getBoundingClientRect();
    return left < -0.5 || right > innerWidth + 0.5;
  })
  .map((node) => node.outerHTML)
"""


def failings(page: Page, width: int) -> list[str]:
    """What does not fit, lacks contrast or has no name in what the page shows."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    told = [f"{wide} px wide"] if wide > width else []
    return [*told, *(fault for script in (OUTSIDE, CONTRAST, NAMELESS) for fault in page.evaluate(script))]


def signed_in_at(browser: Browser, box: Daemon, width: int, scheme: str) -> Page:
    """A page of this width and scheme in a context of its own."""
    context = browser.new_context(
        viewport={"width": width, "height": 740},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    sign_in(page, box.url)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1180])
def test_every_view_fits_its_width_has_contrast_and_names_its_controls(
    browser: Browser, box: Daemon, finished: str, width: int, scheme: str
) -> None:
    page = signed_in_at(browser, box, width, scheme)
    for route in (*ROUTES, f"#/jobs/{finished}"):
        page.goto(f"{box.url}/{route}")
        expect(page.locator(".job, .empty, form, .segment, .operation").first).to_be_visible()
        assert failings(page, width) == [], route
    page.get_by_role("button", name="Edit").click()
    page.get_by_text("Keys", exact=True).click()
    page.locator(".segment-text").first.click()
    page.get_by_role("button", name="Merge up").click()
    expect(page.get_by_text("There is no line above this one.")).to_be_visible()
    assert failings(page, width) == [], "editing"
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1180])
def test_the_dialog_of_sharing_and_the_page_of_a_link_do_so_too(
    browser: Browser, box: Daemon, finished: str, width: int, scheme: str
) -> None:
    page = signed_in_at(browser, box, width, scheme)
    open_job(page, box, finished)
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Your new link").input_value()
    expect(page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
    assert failings(page, width) == []
    page.context.clear_cookies()
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator(".segment").first).to_be_visible()
    assert failings(page, width) == []
    page.goto(f"{link}-not")
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    assert failings(page, width) == []
    page.context.close()


def test_the_keyboard_alone_reaches_a_line_and_plays_it(signed_in: Page, box: Daemon, finished: str) -> None:
    page = signed_in
    page.reload()
    expect(page.locator(".job").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    _tab_to(page, lambda: page.evaluate("document.activeElement.id === 'file-input'"))
    _tab_to(page, lambda: page.evaluate("document.activeElement.textContent === 'morning talk.wav'"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("morning talk.wav")
    expect(page.locator(".segment").nth(2)).to_be_visible()
    _tab_to(page, lambda: page.evaluate("document.activeElement.matches('.segment-time')"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    start = box.get(f"/api/jobs/{finished}/transcript").json["segments"][2]["start"]
    page.keyboard.press("Enter")
    expect(page.locator(".segment").nth(2)).to_have_attribute("aria-current", "true")
    assert page.evaluate("document.querySelector('audio').currentTime") >= start


def test_a_box_that_goes_away_is_told_and_what_was_missed_is_caught_up(
    page: Page, watch: Watch, box: Daemon, finished: str
) -> None:
    watch.expect_status(401)
    watch.expect_lost_connections()
    with Relay(box.url) as cable:
        sign_in(page, cable.url)
        expect(page.locator(f"[data-job='{finished}']")).to_be_visible()
        cable.cut()
        expect(page.get_by_text("The box cannot be reached.")).to_be_visible()
        other = _copy_of(box, finished)
        box.wait_for(other, "done")
        expect(page.locator(f"[data-job='{other}']")).to_have_count(0)
        cable.join()
        # Unless it tries by itself in this very moment, and the button is gone.
        with contextlib.suppress(PageTimeoutError):
            page.get_by_role("button", name="Try now").click(timeout=2_000)
        expect(page.get_by_text("The box cannot be reached.")).to_have_count(0)
        expect(page.locator(f"[data-job='{other}']")).to_be_visible()
        cable.cut()
        page.get_by_role("link", name="API keys").click()
        expect(page.get_by_role("alert").filter(has_text="The box does not answer")).to_be_visible()


def test_the_page_needs_no_markup_from_strings(page: Page, watch: Watch, box: Daemon, finished: str) -> None:
    """Trusted Types (W3C) make the browser refuse every string that would become markup or script."""
    watch.expect_status(401)
    policy = box.get("/", key=None).headers["Content-Security-Policy"]
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
    sign_in(page, box.url)
    open_job(page, box, finished)
    page.get_by_role("searchbox").fill("the")
    for name in ("API keys", "Users", "Transcripts"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def test_the_first_visit_fetches_nothing_from_elsewhere(page: Page, watch: Watch, box: Daemon) -> None:
    watch.expect_status(401)
    paths: list[str] = []
    page.on("response", lambda response: paths.append(response.url.removeprefix(box.url)))
    page.goto(box.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "/static/js/main.js" in paths
    assert all(path.startswith("/") for path in paths)


def test_every_file_of_the_page_is_served_under_its_name(box: Daemon) -> None:
    folder = Path(__file__).resolve().parents[2] / "webui"
    names = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix in {".js", ".css", ".svg"}
    ]
    assert len(names) > 20
    for name in names:
        answer = box.get(f"/static/{name}", key=None)
        assert answer.status == 200, name
        assert answer.body == (folder / name).read_bytes()


def _tab_to(page: Page, reached: Callable[[], bool], most: int = 40) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if reached():
            return
    raise AssertionError("the Tab key never gets there")


def _copy_of(box: Daemon, job_id: str) -> str:
    """Another job on the same recording."""
    recording = box.job(job_id)["recording_id"]
    audio = box.get(f"/api/recordings/{recording}/audio").body
    return str(box.upload(audio, "sent meanwhile.wav").json["id"])
