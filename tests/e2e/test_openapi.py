"""A tool that knows nothing but the OpenAPI document calls every operation, with good input and with bad."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from harness.daemon import PATIENCE_S, ROOT, Daemon, clean_environment
from storing import wave_bytes

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
    with Daemon(
        tmp_path / "data", model=demo_bundle, settings={"log.level": "debug", "webhooks.enabled": True}
    ) as box:
        box.set_up()
        known = things_that_exist(box)
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
                *("run", f"{box.url}/api/openapi.json"),
                *("--header", f"Authorization: Bearer {box.key}"),
                *("--checks", ",".join(CHECKS)),
                *("--phases", "examples,coverage,fuzzing"),
                *("--max-examples", "25", "--generation-deterministic"),
                *("--exclude-path", "/api/events"),  # never ends
                "--no-color",
            ],
            cwd=tmp_path,
            env=clean_environment()
            | {
                "SCHEMATHESIS_HOOKS": "harness.describing",
                "STENOBOX_KNOWN": json.dumps(known),
                "PYTHONPATH": str(ROOT / "tests"),
            },
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
        called = {(line["method"], line["route"]) for line in requests(box)}
        described = {
            (method.upper(), path)
            for path, operations in box.get("/api/openapi.json").json["paths"].items()
            for method in operations
        }
        assert described - called == {("GET", "/api/events")}
        assert box.get("/livez").status == 200


def requests(box: Daemon) -> list[dict[str, str]]:
    """Of the log, a line for each request, with its method and route."""
    lines = [json.loads(line) for line in box.log if line.startswith("{")]
    return [line for line in lines if line["event"] == "request"]


def things_that_exist(box: Daemon) -> dict[str, dict[str, str]]:
    """By path of the document, the id to put into it."""
    box.wait_ready()
    job = box.upload(wave_bytes(0.5)).json
    box.wait_for(job["id"], "done")
    upload = box.post("/api/uploads/init", json_body={"filename": "a.wav", "size": 64}).json["id"]
    begun = box.post("/api/tus", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "64"})
    tus = begun.headers["Location"].rpartition("/")[2]
    webhook = box.post("/api/webhooks", json_body={"url": "https://hook.invalid/"}).json["id"]
    return {
        **{
            f"/api/jobs/{{id}}{rest}": {"id": job["id"]}
            for rest in (
                "",
                "/segments",
                "/cancel",
                "/retry",
                "/priority",
                "/transcript",
                "/transcript/versions",
            )
        },
        **{
            f"/api/jobs/{{id}}/transcript/versions/{{n}}{rest}": {"id": job["id"], "n": "1"}
            for rest in ("", "/diff", "/restore")
        },
        **{f"/api/recordings/{{id}}{rest}": {"id": job["recording_id"]} for rest in ("", "/audio")},
        **{f"/api/uploads/{{id}}{rest}": {"id": upload} for rest in ("", "/chunk", "/finalize")},
        "/api/tus/{id}": {"id": tus},
        "/api/admin/models/{name}/verify": {"name": "demo"},
        **{f"/api/webhooks/{{id}}{rest}": {"id": webhook} for rest in ("", "/test", "/deliveries")},
        "/api/webhooks/{id}/deliveries/{delivery}/redeliver": {"id": webhook, "delivery": "1"},
    }
