"""The README's sections "Sharing" and "Corrections and search": their very commands, beside a real daemon."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from harness.daemon import PASSWORD, PATIENCE_S, ROOT, Daemon, clean_environment
from storing import wave_bytes


def commands(heading: str) -> list[str]:
    section = (ROOT / "README.md").read_text("utf-8").split(f"\n## {heading}\n", 1)[1]
    return re.findall(r"^    (curl .+)$", section.split("\n## ", 1)[0], re.M)


def run(box: Daemon, script: str, **variables: str) -> object:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=clean_environment() | {"STENOBOX_SERVER": box.url, "STENOBOX_KEY": str(box.key)} | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return json.loads(done.stdout)


def test_the_commands_that_the_readme_shows_do_what_it_says(tmp_path: Path, demo_bundle: Path) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        box.wait_ready()
        job_id = box.upload(wave_bytes(2.0)).json["id"]
        box.wait_for(job_id, "done")
        search, correct, diff, glossary = commands("Corrections and search")
        assert run(box, search) == {"hits": [], "total": 0, "complete": True, "next": None}
        assert run(box, correct, JOB=job_id)["version"] == 2  # type: ignore[index]
        assert [hit["job_id"] for hit in run(box, search)["hits"]] == [job_id]  # type: ignore[index]
        assert run(box, diff, JOB=job_id)["changes"] != []  # type: ignore[index]
        assert run(box, glossary) == {"words": ["Zoë Quentin", "Stenobox"]}


def test_the_commands_that_share_do_what_the_readme_says(tmp_path: Path, demo_bundle: Path) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        box.wait_ready()
        recording = box.upload(wave_bytes(2.0)).json["recording_id"]
        tagged = box.request("PATCH", f"/api/recordings/{recording}", json_body={"tags": ["board"]})
        assert tagged.status == 200
        ben = {"name": "ben", "password": PASSWORD, "role": "user"}
        assert box.post("/api/users", json_body=ben).status == 201
        account, link, shared = commands("Sharing")
        made = run(box, account, RECORDING=recording)
        assert (made["user"], made["rights"]) == ("ben", "edit")  # type: ignore[index]
        path = run(box, link)["path"]  # type: ignore[index]
        token = str(path).rpartition("/")[2]
        found = box.get(f"/api/links/{token}", key=None).json["recordings"]
        assert [each["id"] for each in found] == [recording]
        assert run(box, shared) == {"jobs": [], "next": None}
