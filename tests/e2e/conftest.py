"""One browser, one box that is set up, and one finished transcript for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from harness.browser import CHROMIUM, Talk, Watch, chromium_arguments, sign_in
from harness.daemon import Daemon
from making_audio import speech
from train_demo.grammar import Grammar

PATIENCE_MS = 60_000

VOICE = "en-us+f4"
"""One of the voices that the training of the demonstration model never heard."""


def make_talk(folder: Path, sentences: int, repeats: int = 1) -> Talk:
    """Held-out sentences by a held-out voice, 1.5 s apart; `repeats` says all of it again and again."""
    grammar = Grammar(seed=20)
    texts = tuple(grammar.draw("sentence", held_out=True) for _ in range(sentences))
    parts: list[Any] = []
    rate = 0
    for number, text in enumerate(texts):
        samples, rate = soundfile.read(speech(folder / f"{number}.wav", text, VOICE), dtype="int16")
        parts += [samples, np.zeros(int(1.5 * rate), np.int16)]
    whole = np.concatenate(parts * repeats)
    path = folder / "talk.wav"
    soundfile.write(path, whole, rate)
    return Talk(path, texts * repeats, len(whole) / rate)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    return make_talk(tmp_path_factory.mktemp("talk"), 12)


@pytest.fixture(scope="module")
def longer_talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """Four minutes: long enough to be watched while it is transcribed."""
    return make_talk(tmp_path_factory.mktemp("longer"), 12, repeats=5)


@pytest.fixture(scope="module")
def endless_talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """Half an hour: a person on any machine is quicker to cancel it than the machine is to finish."""
    return make_talk(tmp_path_factory.mktemp("endless"), 12, repeats=36)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, demo_bundle: Path) -> Iterator[Daemon]:
    """A running box with its first account."""
    with Daemon(tmp_path_factory.mktemp("box") / "data", model=demo_bundle) as daemon:
        daemon.set_up()
        daemon.wait_ready()
        yield daemon


@pytest.fixture(scope="module")
def finished(box: Daemon, talk: Talk) -> str:
    """The id of a job whose transcript is there."""
    answer = box.upload(talk.content, "morning talk.wav")
    assert answer.status == 201, answer.text
    job_id = str(answer.json["id"])
    box.wait_for(job_id, "done")
    return job_id


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not a claim about speed: what must come is waited for, on slow and busy machines too.
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=chromium_arguments())
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(locale="en-GB", viewport={"width": 1180, "height": 900})
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def watch(page: Page) -> Iterator[Watch]:
    """Fails the test whose page wrote an error, broke the content security policy, or asked another host."""
    watching = Watch(page)
    yield watching
    assert watching.errors == []


@pytest.fixture
def signed_in(page: Page, watch: Watch, box: Daemon) -> Page:
    # The page asks who is there before it offers to sign in.
    watch.expect_status(401)
    sign_in(page, box.url)
    return page
