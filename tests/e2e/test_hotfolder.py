"""Recordings dropped into a folder, locally: what people find there afterwards."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.daemon import ADMIN
from harness.inbox import HotBox
from harness.talk import HELD_OUT, Talk, talk
from stenobox.exports import FORMATS
from storing import wave_bytes


@pytest.fixture(scope="module")
def spoken() -> Talk:
    return talk(*HELD_OUT)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, demo_bundle: Path) -> Iterator[HotBox]:
    folder = tmp_path_factory.mktemp("hot")
    with HotBox(
        folder,
        model=demo_bundle,
        results=json.dumps(list(FORMATS)),
        settle_seconds="0.3",
        language='"en"',
        owners='["ben"]',
    ) as daemon:
        added = daemon.post(
            "/api/users", json_body={"name": "ben", "password": "a pass phrase of Bens", "role": "user"}
        )
        assert added.status == 201
        yield daemon


@pytest.fixture(autouse=True)
def cleared(box: HotBox) -> Iterator[None]:
    yield
    for path in box.inbox.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def test_results_come_beside_the_recording_which_goes_into_done(box: HotBox, spoken: Talk) -> None:
    (box.inbox / "clients" / "smith").mkdir(parents=True)
    (box.inbox / "clients" / "smith" / "monday talk.wav").write_bytes(spoken.wav)
    results = {f"clients/smith/monday talk.{form}" for form in FORMATS}
    box.wait_for_files(*results, "done/clients/smith/monday talk.wav")
    assert box.files() == results | {"done/clients/smith/monday talk.wav"}
    (job, *_) = box.jobs()
    for form in FORMATS:
        there = (box.inbox / "clients" / "smith" / f"monday talk.{form}").read_bytes()
        assert there == box.get(f"/api/jobs/{job['id']}/transcript?format={form}").body
    assert (box.inbox / "done" / "clients" / "smith" / "monday talk.wav").read_bytes() == spoken.wav
    assert box.stored(job) == spoken.wav
    assert box.get(f"/api/recordings/{job['recording_id']}").json["tags"] == ["clients", "smith"]
    assert "Two four seven four." in (box.inbox / "clients" / "smith" / "monday talk.txt").read_text()


def test_what_is_no_recording_goes_into_failed_with_words_for_people(box: HotBox) -> None:
    (box.inbox / "contract.pdf").write_bytes(b"%PDF-1.4 nothing to hear" * 50)
    (box.inbox / "empty.mp3").touch()
    os.utime(box.inbox / "empty.mp3", (1, 1))
    box.wait_for_files("failed/contract.pdf", "failed/contract.pdf.error.txt")
    text = (box.inbox / "failed" / "contract.pdf.error.txt").read_text()
    assert text.startswith("The file is not in an audio or video format that this box can read. Send WAV")
    box.wait_for_files("failed/empty.mp3", "failed/empty.mp3.error.txt")


def test_the_same_content_is_transcribed_once_and_answered_twice(box: HotBox) -> None:
    content = wave_bytes(1.0, pitch=11)
    before = len(box.jobs())
    (box.inbox / "a.wav").write_bytes(content)
    box.wait_for_files("a.txt", "done/a.wav")
    (box.inbox / "b.wav").write_bytes(content)
    box.wait_for_files("b.txt", "done/b.wav")
    assert len(box.jobs()) == before + 1


def test_a_file_of_somebody_elses_is_never_replaced(box: HotBox) -> None:
    (box.inbox / "notes.txt").write_text("mine")
    (box.inbox / "done").mkdir()
    (box.inbox / "done" / "notes.wav").write_text("an older one")
    (box.inbox / "notes.wav").write_bytes(wave_bytes(1.0, pitch=12))
    box.wait_for_files("notes.wav.txt", "done/notes (2).wav")
    assert (box.inbox / "notes.txt").read_text() == "mine"
    assert (box.inbox / "done" / "notes.wav").read_text() == "an older one"


def test_a_file_that_is_open_for_writing_waits_until_it_is_closed(box: HotBox) -> None:
    content = wave_bytes(2.0, pitch=13)
    with (box.inbox / "slow.wav").open("wb", buffering=0) as file:
        for start in range(0, len(content), 8_000):
            file.write(content[start : start + 8_000])
            time.sleep(0.1)
        time.sleep(2)  # written whole, and still not closed
        assert "slow.txt" not in box.files()
    box.wait_for_files("slow.txt", "done/slow.wav")
    assert box.stored(box.jobs()[0]) == content


def test_a_file_whose_end_was_never_written_is_refused(tmp_path: Path, demo_bundle: Path) -> None:
    """As a copy leaves it whose connection broke: of full size, with a hole where the rest would be."""
    content = wave_bytes(20.0, pitch=14)
    with HotBox(tmp_path, model=demo_bundle, settle_seconds="0.3", patience_seconds="2") as box:
        (box.inbox / "cut.wav").write_bytes(content[: len(content) // 2])
        os.truncate(box.inbox / "cut.wav", len(content))
        box.wait_for_files("failed/cut.wav", "failed/cut.wav.error.txt")
        text = (box.inbox / "failed" / "cut.wav.error.txt").read_text()
        assert text.startswith(
            "The copy of this file broke off: its end is missing. Copy it into the folder once"
        )
        assert box.jobs() == []


def test_names_that_are_not_recordings_and_links_are_left_alone(
    tmp_path: Path, box: HotBox, spoken: Talk
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.wav").write_bytes(spoken.wav)
    left = (".hidden.wav", "~lock.wav", "talk.wav.part", "talk.TMP", "Thumbs.db", "minutes.docx")
    for name in left:
        (box.inbox / name).write_bytes(wave_bytes(0.5, pitch=15))
    (box.inbox / "link.wav").symlink_to(outside / "secret.wav")
    (box.inbox / "elsewhere").symlink_to(outside)
    before = len(box.jobs())
    (box.inbox / "real.wav").write_bytes(wave_bytes(0.5, pitch=16))
    box.wait_for_files("real.txt", "done/real.wav")
    assert {*left, "link.wav"} <= box.files()
    assert len(box.jobs()) == before + 1
    assert sorted(path.name for path in outside.iterdir()) == ["secret.wav"]


def test_a_name_that_is_not_text_is_no_trouble(box: HotBox) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    (box.inbox / name).write_bytes(wave_bytes(0.5, pitch=17))
    box.wait_for_files(os.fsdecode(b"caf\xe9.txt"), f"done/{name}")
    assert box.jobs()[0]["filename"] == "caf\N{REPLACEMENT CHARACTER}.wav"


def test_folders_that_are_moved_in_are_taken_whole(tmp_path: Path, box: HotBox) -> None:
    made = tmp_path / "made"
    for number in range(20):
        (made / f"day {number}").mkdir(parents=True)
        (made / f"day {number}" / "talk.wav").write_bytes(wave_bytes(0.2, pitch=100 + number))
    shutil.move(made, box.inbox / "moved")
    box.wait_for_files(*(f"done/moved/day {number}/talk.wav" for number in range(20)))
    box.wait_for_files(*(f"moved/day {number}/talk.txt" for number in range(20)))


def test_the_folders_own_settings_choose_the_results_and_what_is_wrong_with_them_is_told(box: HotBox) -> None:
    own = box.inbox / "stenobox.toml"
    own.write_text('results = ["vtt"]\noriginal = "keep"\n')
    (box.inbox / "kept.wav").write_bytes(wave_bytes(0.5, pitch=18))
    box.wait_for_files("kept.vtt")
    box.wait_until(lambda: "drop_done" in "".join(box.log[-20:]))
    assert box.files() == {"kept.vtt", "kept.wav", "stenobox.toml"}

    own.write_text('owner = "eve"\n')
    (box.inbox / "waits.wav").write_bytes(wave_bytes(0.5, pitch=19))
    box.wait_for_files("stenobox.toml.error.txt")
    assert "do not list this account" in (box.inbox / "stenobox.toml.error.txt").read_text()
    own.unlink()
    box.wait_for_files("waits.txt", "done/waits.wav")


def test_the_folder_may_name_another_owner_whose_recordings_stay_apart(box: HotBox) -> None:
    content = wave_bytes(0.5, pitch=23)
    (box.inbox / "first.wav").write_bytes(content)
    box.wait_for_files("done/first.wav")
    (box.inbox / "stenobox.toml").write_text('owner = "ben"\n')
    (box.inbox / "same.wav").write_bytes(content)
    box.wait_for_files("done/same.wav")
    bens, mine = box.jobs()[:2]
    owners = [box.get(f"/api/recordings/{job['recording_id']}").json["owner"] for job in (bens, mine)]
    assert owners == ["ben", ADMIN]
    assert bens["id"] != mine["id"]


def test_the_same_content_in_another_folder_adds_its_tags(box: HotBox) -> None:
    content = wave_bytes(0.5, pitch=24)
    for folder in ("cases", "press"):
        (box.inbox / folder).mkdir()
        (box.inbox / folder / "both.wav").write_bytes(content)
        box.wait_for_files(f"done/{folder}/both.wav")
    job = box.jobs()[0]
    assert box.get(f"/api/recordings/{job['recording_id']}").json["tags"] == ["cases", "press"]
    assert [other["filename"] for other in box.jobs()].count("both.wav") == 1


def test_what_stays_or_is_deleted_is_not_taken_again_after_a_restart(
    tmp_path: Path, demo_bundle: Path
) -> None:
    with HotBox(tmp_path / "keep", model=demo_bundle, settle_seconds="0.3", original='"keep"') as box:
        (box.inbox / "a.wav").write_bytes(wave_bytes(0.5, pitch=20))
        box.wait_for_files("a.txt")
        box.stop()
        box.start()
        box.wait_ready()
        (box.inbox / "b.wav").write_bytes(wave_bytes(0.5, pitch=21))
        box.wait_for_files("b.txt")
        assert box.files() == {"a.wav", "a.txt", "b.wav", "b.txt"}
        assert len(box.jobs()) == 2
    with HotBox(tmp_path / "delete", model=demo_bundle, settle_seconds="0.3", original='"delete"') as box:
        (box.inbox / "a.wav").write_bytes(wave_bytes(0.5, pitch=22))
        box.wait_for_files("a.txt")
        box.wait_until(lambda: box.files() == {"a.txt"}, "the original is still there")
        assert box.stored(box.jobs()[0]) == wave_bytes(0.5, pitch=22)


def test_without_word_from_the_kernel_the_folder_is_looked_through(tmp_path: Path, demo_bundle: Path) -> None:
    """As over a mounted share."""
    with HotBox(
        tmp_path, model=demo_bundle, watch='"polling"', settle_seconds="0.3", rescan_seconds="1"
    ) as box:
        (box.inbox / "sub").mkdir()
        (box.inbox / "sub" / "a.wav").write_bytes(wave_bytes(0.5, pitch=23))
        box.wait_for_files("sub/a.txt", "done/sub/a.wav")


def test_a_folder_that_goes_away_and_comes_back_is_used_again(tmp_path: Path, demo_bundle: Path) -> None:
    with HotBox(tmp_path, model=demo_bundle, settle_seconds="0.3", rescan_seconds="1") as box:
        away = box.inbox.with_name("away")
        box.inbox.rename(away)
        box.wait_until(lambda: "inbox_unusable" in "".join(box.log), "nobody noticed")
        assert not box.inbox.exists()
        away.rename(box.inbox)
        (box.inbox / "a.wav").write_bytes(wave_bytes(0.5, pitch=24))
        box.wait_for_files("a.txt", "done/a.wav")


def test_what_a_power_cut_left_half_written_is_gone_after_the_next_start(
    tmp_path: Path, demo_bundle: Path
) -> None:
    with HotBox(tmp_path, model=demo_bundle, settle_seconds="0.1") as box:
        box.kill()
        (box.inbox / "done").mkdir()
        for name in (".stenobox-1a2b.tmp", "done/.stenobox-3c4d.tmp"):
            (box.inbox / name).write_bytes(b"half of a resu")
        box.start()
        box.wait_until(lambda: not box.files(), "what was left over is still there")


def test_a_job_that_somebody_stops_is_told_beside_the_file(tmp_path: Path, demo_bundle: Path) -> None:
    with HotBox(tmp_path, model=demo_bundle, settle_seconds="0.3") as box:
        (box.inbox / "long.wav").write_bytes(wave_bytes(3_000.0, pitch=25))
        box.wait_until(box.jobs, "no job")
        box.post(f"/api/jobs/{box.jobs()[0]['id']}/cancel")
        box.wait_for_files("failed/long.wav", "failed/long.wav.error.txt")
        assert "stopped" in (box.inbox / "failed" / "long.wav.error.txt").read_text()


def test_neither_names_nor_words_come_into_the_log(box: HotBox, spoken: Talk) -> None:
    (box.inbox / "zanzibar.wav").write_bytes(spoken.wav)
    (box.inbox / "timbuktu.mp3").write_bytes(b"junk" * 100)
    box.wait_for_files("zanzibar.txt", "failed/timbuktu.mp3.error.txt")
    log = "".join(box.log).lower()
    for word in ("zanzibar", "timbuktu", "monday talk", "contract", "seven four"):
        assert word not in log
