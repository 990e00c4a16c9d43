"""The option `track`, from the form to the words."""

from __future__ import annotations

import json
from pathlib import Path

from harness.daemon import Daemon
from making_audio import film, tone

TRACKS = [tone(1, 48_000, 400.0)] * 2


def test_a_track_of_a_film_is_transcribed_or_refused_by_its_number(tmp_path: Path, demo_bundle: Path) -> None:
    content = film(tmp_path / "a.mkv", TRACKS, "flac", "mpeg4").read_bytes()
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        for track, state in ((1, "done"), (2, "done"), (3, "failed")):
            answer = box.upload(content, "a.mkv", language="en", options=json.dumps({"track": track}))
            assert answer.status == 201, answer.text
            job = box.wait_for(answer.json["id"], "done", "failed", "quarantined")
            assert job["state"] == state, job
            if state == "done":
                transcript = box.get(f"/api/jobs/{job['id']}/transcript").json
                assert transcript["provenance"]["options"]["track"] == track
            else:
                assert job["error"]["code"] == "undecodable_audio"
                assert "fewer audio tracks" in job["error"]["detail"]
        for wrong in (0, -1, 1001, 1.5, "2", True):
            answer = box.upload(content, "a.mkv", options=json.dumps({"track": wrong}))
            assert (answer.status, answer.json["code"]) == (400, "invalid_request"), wrong
