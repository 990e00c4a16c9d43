"""The README's section "Corrections and search": its very commands, beside a real daemon."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from harness.daemon import PATIENCE_S, ROOT, Daemon, clean_environment
from storing import wave_bytes


def commands() -> list[str]:
    section = (ROOT / "README.md").read_text("utf-8").split("\n## Corrections and search\n", 1)[1]
    return re.findall(r"^    (curl .+)$", section.split("\n## ", 1)[0], re.M)


def test_the_commands_that_the_readme_shows_do_what_it_says(tmp_path: Path, demo_bundle: Path) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        box.wait_ready()
        job_id = box.upload(wave_bytes(2.0)).json["id"]
        box.wait_for(job_id, "done")
        environment = clean_environment() | {
            "STENOBOX_SERVER": box.url,
            "STENOBOX_KEY": str(box.key),
            "JOB": job_id,
        }

        def run(script: str) -> object:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            assert done.returncode == 0, (script, done.stdout, done.stderr)
            return json.loads(done.stdout)

        search, correct, diff, glossary = commands()
        assert run(search) == {"hits": [], "total": 0, "complete": True, "next": None}
        assert run(correct)["version"] == 2  # type: ignore[index]
        assert [hit["job_id"] for hit in run(search)["hits"]] == [job_id]  # type: ignore[index]
        assert run(diff)["changes"] != []  # type: ignore[index]
        assert run(glossary) == {"words": ["Zoë Quentin", "Stenobox"]}
