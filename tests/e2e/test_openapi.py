"""A tool that knows nothing but the OpenAPI document calls every operation, with good input and with bad."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness.daemon import PATIENCE_S, Daemon

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


def test_schemathesis_finds_no_server_error_and_no_answer_that_is_not_declared(
    tmp_path: Path, demo_bundle: Path
) -> None:
    """OWASP ASVS 13.2: what an API takes and gives is described and held to."""
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
                *("run", f"{box.url}/api/openapi.json"),
                *("--header", f"Authorization: Bearer {box.key}"),
                *("--checks", ",".join(CHECKS)),
                *("--phases", "examples,coverage,fuzzing"),
                *("--max-examples", "25", "--seed", "7", "--generation-deterministic"),
                *("--exclude-path", "/api/events"),  # never ends
                "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
        assert "operations" in done.stdout
        assert box.get("/livez").status == 200
