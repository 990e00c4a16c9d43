"""SIGKILL at random points of uploads in pieces: every acknowledged byte is there, and no job is made twice.

A sender goes on through all kills as a client would: it asks what is there, sends the rest, finishes. The
delays come from a fixed seed; where in the work a kill falls differs from run to run, which is the point.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.daemon import Answer, Daemon
from storing import wave_bytes

KILLS = 20
PIECE = 4096
BROKEN = (OSError, http.client.HTTPException)
TUS = {"Tus-Resumable": "1.0.0"}


def content_of(number: int) -> bytes:
    """Another recording for each number."""
    return wave_bytes(4.0 + number / 100)


class Chunked:
    """One file by the chunked road, its pieces in an order of their own; `step` does one request."""

    def __init__(self, box: Daemon, content: bytes, draw: random.Random) -> None:
        self.box, self.content = box, content
        self.upload = ""
        self.job: str | None = None
        self.acknowledged: set[int] = set()
        self.order = list(range(0, len(content), PIECE))
        draw.shuffle(self.order)

    def step(self) -> None:
        if not self.upload:
            body = {"filename": "talk.wav", "size": len(self.content), "sha256": self.sha256}
            self.upload = good(self.box.post("/api/uploads/init", json_body=body)).json["id"]
            return
        left = [offset for offset in self.order if offset not in self.acknowledged]
        if left:
            path = f"/api/uploads/{self.upload}/chunk?offset={left[0]}"
            good(self.box.request("PUT", path, body=self.content[left[0] : left[0] + PIECE]))
            self.acknowledged.add(left[0])
        else:
            path = f"/api/uploads/{self.upload}/finalize"
            self.job = good(self.box.post(path, json_body={"language": "en"})).json["id"]

    def check(self) -> None:
        """After a crash: what was acknowledged is still acknowledged."""
        if not self.upload:
            return
        there = good(self.box.get(f"/api/uploads/{self.upload}")).json["ranges"]
        for offset in self.acknowledged:
            end = min(offset + PIECE, len(self.content))
            assert any(first <= offset and end <= last for first, last in there), (
                "an acknowledged piece is gone"
            )

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Tus:
    """One file by tus."""

    def __init__(self, box: Daemon, content: bytes, draw: random.Random) -> None:
        self.box, self.content = box, content
        self.url = ""
        self.job: str | None = None
        self.acknowledged = 0

    def step(self) -> None:
        if not self.url:
            named = "filename " + base64.b64encode(b"talk.wav").decode()
            headers = TUS | {"Upload-Length": str(len(self.content)), "Upload-Metadata": named}
            self.url = good(self.box.post("/api/tus", headers=headers)).headers["Location"]
            return
        headers = TUS | {
            "Upload-Offset": str(self.acknowledged),
            "Content-Type": "application/offset+octet-stream",
        }
        piece = self.content[self.acknowledged : self.acknowledged + PIECE]
        self._told(good(self.box.request("PATCH", self.url, body=piece, headers=headers)))

    def check(self) -> None:
        """After a crash: the offset is not behind what was acknowledged; go on from it."""
        if self.url:
            self._told(good(self.box.request("HEAD", self.url, headers=TUS)))

    def _told(self, answer: Answer) -> None:
        offset = int(answer.headers["Upload-Offset"])
        assert offset >= self.acknowledged, "acknowledged bytes are gone"
        self.acknowledged = offset
        self.job = answer.headers.get("Stenobox-Job")


def good(answer: Answer) -> Answer:
    assert 200 <= answer.status < 300, (answer.status, answer.text)
    return answer


@pytest.mark.parametrize("road", [Chunked, Tus])
def test_no_acknowledged_byte_is_lost_and_no_job_is_made_twice(
    tmp_path: Path, demo_bundle: Path, road: Callable[..., Any]
) -> None:
    draw = random.Random(20)
    finished: list[Any] = []
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        sender = road(box, content_of(0), draw)
        kills = 0
        while kills < KILLS:
            sender.check()
            killer = threading.Timer(draw.uniform(0.02, 0.6), box.process.kill)  # type: ignore[union-attr]
            killer.start()
            try:
                while True:
                    sender.step()
                    if sender.job is not None:
                        finished.append(sender)
                        sender = road(box, content_of(len(finished)), draw)
            except BROKEN:
                killer.join()
                kills += 1
                box.kill()
                box.start()
        sender.check()
        while sender.job is None:
            sender.step()
        finished.append(sender)

        jobs = good(box.get("/api/jobs?limit=200")).json["jobs"]
        assert sorted(job["id"] for job in jobs) == sorted(one.job for one in finished)
        recording_of = {job["id"]: job["recording_id"] for job in jobs}
        for one in finished:
            stored = box.get(f"/api/recordings/{recording_of[one.job]}/audio").body
            assert hashlib.sha256(stored).digest() == hashlib.sha256(one.content).digest()
        assert list((box.data / "partials").iterdir()) == []
        assert list((box.data / "incoming").iterdir()) == []
