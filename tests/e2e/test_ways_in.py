"""The README's section "Ways in": its very commands, pasted into a shell beside a real daemon."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.daemon import PATIENCE_S, Daemon, clean_environment
from harness.inbox import HotBox
from harness.smb import PASSWORD, USER, Smbd
from harness.talk import HELD_OUT, Talk, talk
from stenobox.config import load_settings

ROOT = Path(__file__).resolve().parents[2]


def blocks(heading: str = "Ways in") -> list[str]:
    """The indented blocks of the section that are for this box's HTTP, each as it would be pasted."""
    section = (ROOT / "README.md").read_text("utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"(?:^    .+\n)+", section, re.M)
    return [block for block in found if any(way in block for way in ("$STENOBOX_", "stenobox push"))]


@pytest.fixture(scope="module")
def spoken() -> Talk:
    return talk(*HELD_OUT)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, demo_bundle: Path) -> Iterator[HotBox]:
    with HotBox(tmp_path_factory.mktemp("box"), model=demo_bundle, language='"en"') as daemon:
        yield daemon


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory, box: HotBox) -> Iterator[Smbd]:
    with Smbd(box.inbox, tmp_path_factory.mktemp("samba")) as server:
        yield server


def shell(folder: Path, box: Daemon, share: Smbd, script: str) -> None:
    """Run what a person pasted, in a folder with their recordings and `stenobox` on the path."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "stenobox").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stenobox "$@"\n')
    (programs / "stenobox").chmod(0o755)
    environment = clean_environment() | {
        "STENOBOX_SERVER": box.url,
        "STENOBOX_KEY": str(box.key),
        "STENOBOX_BOX": "127.0.0.1",
        "STENOBOX_SMB_PORT": str(share.port),
        "STENOBOX_SMB_USER": USER,
        "PASSWD": PASSWORD,  # smbclient asks for it otherwise
        "XDG_STATE_HOME": str(folder / "state"),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, (script, done.stdout, done.stderr)


def test_the_document_that_the_readme_fetches_names_every_way_in(
    tmp_path: Path, box: HotBox, share: Smbd
) -> None:
    (block,) = blocks("The API")
    shell(tmp_path, box, share, block)
    paths = json.loads((tmp_path / "stenobox-openapi.json").read_text())["paths"]
    assert {"/api/jobs", "/api/tus", "/api/tus/{id}", "/api/uploads/init"} <= paths.keys()


def test_openais_api_answers_the_commands_that_the_readme_shows(
    tmp_path: Path, box: HotBox, share: Smbd, spoken: Talk
) -> None:
    (tmp_path / "interview.wav").write_bytes(spoken.wav)
    (block,) = blocks("Programs written for OpenAI's audio API")
    shell(tmp_path, box, share, f"exec > stream.txt\n{block}")
    assert " --> " in (tmp_path / "interview.srt").read_text()
    streamed = (tmp_path / "stream.txt").read_text()
    assert '"type":"transcript.text.delta"' in streamed
    assert streamed.endswith("data: [DONE]\n\n")
    for job in ids_of(box):
        box.request("DELETE", f"/api/jobs/{job}")
        box.request("DELETE", f"/api/jobs/{job}?permanent=1")


def test_the_exports_that_the_readme_shows_are_what_their_names_say(
    tmp_path: Path, box: HotBox, share: Smbd, spoken: Talk
) -> None:
    job = str(box.upload(spoken.wav, "interview.wav").json["id"])
    box.wait_for(job, "done")
    (block,) = blocks("Exports")
    shell(tmp_path, box, share, f"JOB={job}\n{block}")
    assert " --> " in (tmp_path / "talk.srt").read_text()
    assert sorted(zipfile.ZipFile(tmp_path / "transcripts.zip").namelist()) == [
        "interview.docx",
        "interview.txt",
    ]
    box.request("DELETE", f"/api/jobs/{job}")
    box.request("DELETE", f"/api/jobs/{job}?permanent=1")


def test_every_way_in_that_the_readme_shows_gives_the_same_words(
    tmp_path: Path, box: HotBox, share: Smbd, spoken: Talk
) -> None:
    (tmp_path / "interview.wav").write_bytes(spoken.wav)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "monday.wav").write_bytes(spoken.wav)
    shown = blocks()
    for way in ("/api/jobs", "stenobox push", "/api/tus", "/api/uploads/init", "smbclient"):
        assert any(way in block for block in shown), way
    known: set[str] = set()
    texts: set[str] = set()
    for block in shown:
        shell(tmp_path, box, share, block)
        box.wait_until(lambda known=frozenset(known): ids_of(box) - known, block)
        jobs = ids_of(box) - known
        for job in jobs:
            assert box.wait_for(job, "done", "failed", "quarantined")["state"] == "done", block
            texts.add(box.get(f"/api/jobs/{job}/transcript?format=txt").text)
        known |= jobs
    assert len(texts) == 1 and texts != {""}
    box.wait_for_files("interview.txt", "done/interview.wav")
    assert {(box.inbox / "interview.txt").read_text()} == texts


def ids_of(box: HotBox) -> set[str]:
    return {str(job["id"]) for job in box.jobs()}


def test_the_inbox_that_the_readme_shows_is_one(tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text("utf-8").split("\n## Ways in\n", 1)[1]
    (block,) = [block for block in re.findall(r"(?:^    .+\n)+", section, re.M) if "[[inbox]]" in block]
    config = tmp_path / "stenobox.toml"
    config.write_text(textwrap.dedent(block))
    (inbox,) = load_settings(config, None, {}).inboxes
    assert (inbox.owner, inbox.results, inbox.original) == ("anna", ("txt", "srt"), "move")
