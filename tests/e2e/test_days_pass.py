"""Days pass between two runs of the real process: what is over goes with its bytes, and nothing else."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.browser import open_job, sign_in
from harness.daemon import Daemon
from storing import wave_bytes

DAY = 86_400
PATIENCE_MS = 60_000

AGES = (
    "UPDATE recordings SET stored_at = stored_at - :s, trashed_at = trashed_at - :s",
    "UPDATE jobs SET trashed_at = trashed_at - :s",
    "UPDATE uploads SET expires_at = expires_at - :s",
)


@pytest.fixture
def box(tmp_path: Path, demo_bundle: Path) -> Iterator[Daemon]:
    """A box that keeps audio for ten days."""
    with Daemon(tmp_path / "data", model=demo_bundle, settings={"library.audio_days": 10}) as daemon:
        daemon.set_up()
        daemon.wait_ready()
        yield daemon


def made(box: Daemon, number: int) -> dict[str, str]:
    job = box.upload(wave_bytes(1.0, number), f"{number}.wav").json
    box.wait_for(job["id"], "done")
    return dict(job)


def sleep(box: Daemon, days: float) -> None:
    """The box is off for so long."""
    assert box.stop() == 0
    with contextlib.closing(sqlite3.connect(box.data / "stenobox.db")) as rows:
        for statement in AGES:
            rows.execute(statement, {"s": days * DAY})
        rows.commit()
    box.start()
    box.wait_ready()


def bytes_in(box: Daemon) -> int:
    return sum(path.is_file() for path in (box.data / "media").rglob("*"))


def test_the_trash_gives_back_for_seven_days_and_audio_goes_before_its_transcript(
    page: Page, box: Daemon
) -> None:
    kept, back, gone, forever = (made(box, number) for number in range(1, 5))
    unlimited = {"audio_days": 0}
    for job in (back, gone, forever):
        box.request("PATCH", f"/api/recordings/{job['recording_id']}", json_body=unlimited)
    for job in (back, gone):
        assert box.request("DELETE", f"/api/jobs/{job['id']}").status == 204
    sleep(box, 6.9)
    assert bytes_in(box) == 4
    assert box.post(f"/api/jobs/{back['id']}/restore").status == 200
    sleep(box, 4.0)
    for _ in range(PATIENCE_MS // 100):
        if bytes_in(box) == 2:
            break
        page.wait_for_timeout(100)
    assert bytes_in(box) == 2
    assert box.get("/api/jobs?trashed=1").json["jobs"] == []
    assert box.post(f"/api/jobs/{gone['id']}/restore").status == 404
    for job in (back, forever):
        assert box.get(f"/api/recordings/{job['recording_id']}/audio").status == 200
    assert box.get(f"/api/recordings/{kept['recording_id']}/audio").json["code"] == "audio_removed"
    for job in (kept, back, forever):
        assert box.get(f"/api/jobs/{job['id']}/transcript").status == 200
    sign_in(page, box.url)
    open_job(page, box, kept["id"])
    expect(page.get_by_text("kept for as long as was agreed")).to_be_visible()
    expect(page.get_by_role("region", name="Player")).to_have_count(0)


def test_an_unfinished_upload_is_there_for_a_day_and_then_gone_with_its_bytes(
    page: Page, box: Daemon
) -> None:
    content = wave_bytes(1.0, 9)
    tus = {"Tus-Resumable": "1.0.0"}
    chunked = box.post("/api/uploads/init", json_body={"filename": "a.wav", "size": len(content)}).json["id"]
    place = f"/api/uploads/{chunked}"
    assert box.request("PUT", f"{place}/chunk?offset=0", body=content[:1000]).status == 200
    begun = box.post("/api/tus", headers=tus | {"Upload-Length": str(len(content))}).headers["Location"]
    offset = tus | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert box.request("PATCH", begun, body=content[:2000], headers=offset).status == 204
    sleep(box, 0.9)
    assert box.get(place).json["received"] == 1000
    assert box.request("HEAD", begun, headers=tus).headers["Upload-Offset"] == "2000"
    assert len(list((box.data / "partials").iterdir())) == 2
    sleep(box, 0.2)
    assert box.get(place).status == 404
    assert box.request("HEAD", begun, headers=tus).status == 404
    for _ in range(PATIENCE_MS // 100):
        if not list((box.data / "partials").iterdir()):
            break
        page.wait_for_timeout(100)
    assert list((box.data / "partials").iterdir()) == []
