"""Nothing that people say, name or keep secret reaches the log, at its most talkative (OWASP ASVS 7.1.1).

Canaries are planted wherever the box takes something in, by every road, in good requests and in bad ones.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pyotp
import pytest

from harness.daemon import ADMIN, PASSWORD, Daemon, command, multipart
from harness.talk import HELD_OUT, Talk, talk

CANARY = "quokka7331"


@pytest.fixture(scope="module")
def spoken() -> Talk:
    return talk(*HELD_OUT)


def test_no_canary_of_any_road_reaches_the_log(tmp_path: Path, demo_bundle: Path, spoken: Talk) -> None:
    settings = {"webhooks.enabled": "true"}
    with Daemon(tmp_path / "data", model=demo_bundle, settings=settings, tls=True) as box:
        box.secrets |= {CANARY, CANARY.upper(), base64.b64encode(CANARY.encode()).decode().rstrip("=")}
        box.set_up()
        box.wait_ready()
        job = sent_by_every_road(box, spoken)
        said = box.get(f"/api/jobs/{job}/transcript").json["text"]
        # What was really heard is a canary too.
        box.secrets |= {said, *(sentence.rstrip(".") for sentence in HELD_OUT)}
        text_and_search(box, job)
        accounts_and_keys(box)
        refusals(box, spoken)
        commands(box, tmp_path)
        assert box.stop() == 0  # looks through the log
        assert sum('"request"' in line for line in box.log) > 30
        assert any('"debug"' in line for line in box.log)


def sent_by_every_road(box: Daemon, spoken: Talk) -> str:
    fields = {"options": json.dumps({"prompt": CANARY, "hotwords": CANARY}), "language": "en"}
    direct = box.upload(spoken.wav, f"{CANARY}.wav", **fields)
    assert direct.status == 201, direct.text
    begun = box.post(
        "/api/uploads/init", json_body={"filename": f"{CANARY}.wav", "size": len(spoken.wav)}
    ).json
    box.request("PUT", f"/api/uploads/{begun['id']}/chunk?offset=0", body=spoken.wav)
    assert box.post(f"/api/uploads/{begun['id']}/finalize").status == 201
    name = base64.b64encode(f"{CANARY}.wav".encode()).decode()
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": f"filename {name}"}
    assert box.post("/api/tus", headers=headers).status == 201
    kind, body = multipart({"model": "whisper-1", "prompt": CANARY}, [(f"{CANARY}.wav", spoken.wav)])
    theirs = box.post(
        "/v1/audio/transcriptions",
        body=body,
        headers={"Content-Type": kind, "Idempotency-Key": CANARY, "User-Agent": CANARY},
    )
    assert theirs.status == 200, theirs.text
    box.wait_for(direct.json["id"], "done")
    return str(direct.json["id"])


def text_and_search(box: Daemon, job: str) -> None:
    recording = f"/api/recordings/{box.job(job)['recording_id']}"
    change = {"title": CANARY, "tags": [CANARY]}
    assert box.request("PATCH", recording, json_body=change).status == 200
    lines = {"segments": [{"start": 0, "end": 1, "text": CANARY}]}
    assert box.request("PUT", f"/api/jobs/{job}/transcript", json_body=lines).status == 200
    assert box.request("PUT", "/api/glossary", json_body={"words": [CANARY]}).status == 200
    assert box.get(f"/api/search?q={CANARY}").json["total"] >= 1
    assert box.get(f"/api/jobs/{job}/transcript?format=docx&download=1").status == 200
    link(box, recording.rpartition("/")[2], job)
    order = {"jobs": [job], "formats": ["txt", "html"]}
    assert box.post("/api/transcripts/export", json_body=order).status == 200
    assert box.get(f"/api/recordings?q={CANARY}&tag={CANARY}").status == 200


def link(box: Daemon, recording: str, job: str) -> None:
    made = box.post("/api/shares", json_body={"recording": recording})
    token = made.json["path"].rpartition("/")[2]
    box.secrets.add(token)
    for path in ("", f"/jobs/{job}/transcript", f"/recordings/{recording}/audio", "/nothing"):
        status = box.get(f"/api/links/{token}{path}", key=None).status
        assert status == (404 if path == "/nothing" else 200), path
    assert box.get(f"/api/links/{token}x", key=None).status == 404
    assert box.post("/api/shares", json_body={"tag": CANARY}).status == 201
    assert box.get(f"/api/shares?tag={CANARY}").status == 200


def accounts_and_keys(box: Daemon) -> None:
    new = {"name": "ben", "password": f"{CANARY} and more words", "role": "user"}
    assert box.post("/api/users", json_body=new).status == 201
    login = {"name": "ben", "password": new["password"]}
    answer = box.post("/api/auth/login", json_body=login, key=None)
    assert answer.status == 200
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    box.secrets.add(cookie.partition("=")[2])
    signed_in: dict[str, Any] = {"headers": {"Cookie": cookie}, "key": None}
    made = box.post("/api/keys", json_body={"name": CANARY}, **signed_in).json
    box.secrets.add(made["secret"])
    assert box.get("/api/jobs", key=made["secret"]).status == 200
    begun = box.post("/api/auth/totp", json_body={"password": new["password"]}, **signed_in).json
    code = pyotp.TOTP(begun["secret"]).now()
    confirmed = box.post("/api/auth/totp/confirm", json_body={"code": code}, **signed_in).json
    box.secrets |= {begun["secret"], *confirmed["recovery_codes"]}
    hook = box.post("/api/webhooks", json_body={"url": f"https://{CANARY}.invalid/{CANARY}"})
    assert hook.status == 201, hook.text
    box.secrets.add(hook.json["secret"])


def refusals(box: Daemon, spoken: Talk) -> None:
    """Each is wrong in a way that tempts to log what was sent."""
    wrong = {"name": CANARY, "password": CANARY}
    assert box.post("/api/auth/login", json_body=wrong, key=None).status == 401
    assert box.get("/api/jobs", key=f"stbx_{CANARY}").status == 401
    assert (
        box.get("/api/jobs", headers={"Cookie": f"__Host-stenobox_session={CANARY}"}, key=None).status == 401
    )
    assert box.post("/api/keys", json_body={CANARY: CANARY}).status == 400
    body = f'{{"name": "{CANARY}'.encode()
    assert box.post("/api/keys", body=body, headers={"Content-Type": "application/json"}).status == 400
    assert box.upload(b"no sound " * 99, f"{CANARY}.mp3").status == 415
    assert box.upload(spoken.wav, f"{CANARY}.wav", model=CANARY).status == 400
    assert box.upload(spoken.wav, f"{CANARY}.wav", options=CANARY).status == 400
    assert box.upload(spoken.wav, f"{CANARY}.wav", **{CANARY: CANARY}).status == 400
    for path in (
        f"/{CANARY}",
        f"/api/{CANARY}",
        f"/static/{CANARY}.js",
        f"/api/jobs/{CANARY}",
        f"/?{CANARY}",
    ):
        assert box.get(path).status in (200, 400, 404)
    assert box.get(f"/api/search?q=%22{CANARY}").status in (200, 400)
    assert box.get("/api/jobs", headers={"Host": CANARY}).status == 400
    assert (
        box.post("/api/setup", json_body={"token": CANARY, "name": CANARY, "password": CANARY}).status >= 400
    )


def commands(box: Daemon, tmp_path: Path) -> None:
    """The command line beside the daemon."""
    done = command(
        *("users", "add", "carla", "--role", "viewer", "--password-stdin"),
        data=box.data,
        stdin=f"{CANARY} said the cat\n",
    )
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr
    made = command("keys", "create", "--user", ADMIN, data=box.data)
    assert made.returncode == 0, made.stderr
    box.secrets.add(made.stdout.strip())
    assert PASSWORD not in made.stderr
