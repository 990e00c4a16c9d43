"""The real process from outside: set-up by the printed link, upload, live events, transcript, stop."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from harness.daemon import ADMIN, PASSWORD, Daemon, command
from harness.talk import HELD_OUT, Talk, talk, word_error_rate, words_of

NEAR_S = 1.0
"""How far a time may be off here. The engine's tests hold it to 0.3 s; this one asks whether it comes
through.
"""


@pytest.fixture(scope="module")
def spoken() -> Talk:
    return talk(*HELD_OUT)


def seconds(stamp: str) -> float:
    """`00:00:01,500` or `00:00:01.500` in seconds."""
    hours, minutes, rest = stamp.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def check_heard(spoken: Talk, segments: list[dict[str, Any]]) -> None:
    """The words are right, and each sentence is where it was said."""
    heard = words_of(" ".join(segment["text"] for segment in segments))
    assert word_error_rate(spoken.words, heard) <= 0.2, heard
    for line in spoken.lines:
        around = [s for s in segments if s["start"] <= line.start + NEAR_S and s["end"] >= line.end - NEAR_S]
        assert around, (line, segments)
    assert segments[0]["start"] >= spoken.lines[0].start - NEAR_S
    assert segments[-1]["end"] <= spoken.lines[-1].end + NEAR_S


def cues(text: str) -> list[dict[str, Any]]:
    """Blocks of srt or vtt as segments."""
    found = re.findall(r"(\S+) --> (\S+)\n(.+?)(?:\n\n|\n?\Z)", text, re.S)
    return [{"start": seconds(a), "end": seconds(b), "text": words} for a, b, words in found]


def test_speech_that_was_uploaded_comes_back_as_words_with_times(
    tmp_path: Path, demo_bundle: Path, spoken: Talk
) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        events = box.events()
        assert next(events)[0] == "connected"
        sent = box.upload(spoken.wav, "Grüße; an alle.wav", language="en", model="demo")
        assert sent.status == 201, sent.text
        job = sent.json
        assert job["filename"] == "Grüße; an alle.wav"
        assert job["state"] == "queued"

        seen: list[tuple[str, Any]] = []
        for name, data in events:
            seen.append((name, data))
            if name == "job" and data["state"] in ("done", "failed", "quarantined"):
                break
        events.close()
        assert seen[-1][1]["state"] == "done", seen[-1]
        states = [data["state"] for name, data in seen if name == "job"]
        assert states.index("queued") < states.index("running") < states.index("done")
        live = [s for name, data in seen if name == "segments" for s in data["segments"]]
        check_heard(spoken, live)

        path = f"/api/jobs/{job['id']}/transcript"
        transcript = box.get(path).json
        check_heard(spoken, transcript["segments"])
        assert transcript["language"] == "en"
        assert transcript["provenance"]["model"] == "demo"
        assert re.fullmatch("[0-9a-f]{64}", transcript["provenance"]["audio_sha256"])
        check_heard(spoken, cues(box.get(f"{path}?format=srt").text))
        vtt = box.get(f"{path}?format=vtt")
        assert vtt.text.startswith("WEBVTT\n")
        check_heard(spoken, cues(vtt.text))
        text = box.get(f"{path}?format=txt&download=1")
        assert word_error_rate(spoken.words, words_of(text.text)) <= 0.2
        assert "filename*=UTF-8''Gr%C3%BC%C3%9Fe%3B%20an%20alle.txt" in text.headers["Content-Disposition"]

        recording = f"/api/recordings/{job['recording_id']}"
        assert abs(box.get(recording).json["duration"] - spoken.duration) < 0.1
        part = box.get(f"{recording}/audio", headers={"Range": "bytes=4-11"})
        assert (part.status, part.body) == (206, spoken.wav[4:12])
        assert box.get(f"{recording}/audio").body == spoken.wav


def test_the_probes_tell_alive_from_ready(tmp_path: Path, demo_bundle: Path) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        assert box.get("/livez", key=None).status == 200
        box.wait_ready()
        assert box.get("/readyz", key=None).json == {"status": "ready"}
        box.set_up()
        health = box.get("/api/admin/health/system").json
        assert {"database", "worker", "model"} <= {check["name"] for check in health["checks"]}
        metrics = box.get("/metrics").text
        assert 'stenobox_http_requests_total{method="GET",route="/livez",status="200"} 1.0' in metrics


def test_the_set_up_link_is_printed_once_and_in_no_log(tmp_path: Path, demo_bundle: Path) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle, settings={"log.level": "debug"}) as box:
        assert box.setup_url
        token = box.setup_url.partition("#token=")[2]
        key = box.set_up()
        assert box.stop() == 0
        log = "".join(box.log)
        assert token not in log and key not in log and PASSWORD not in log
        assert "".join(box.stdout).count(token) == 1
        box.start()
        assert box.setup_url is None
        assert "#token=" not in "".join(box.stdout).partition(token)[2]


def test_the_log_is_json_and_holds_no_file_name_and_no_transcript(
    tmp_path: Path, demo_bundle: Path, spoken: Talk
) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle, settings={"log.level": "debug"}) as box:
        box.set_up()
        job = box.upload(spoken.wav, 'secret-"plans;x.wav', language="en").json
        box.upload(b"no audio", "secret-minutes.wav")
        box.wait_for(job["id"], "done")
        assert box.stop() == 0
        entries = [json.loads(line) for line in box.log]
        assert {"time", "level", "logger", "event"} <= set(entries[0])
        assert any(entry.get("route") == "/api/jobs" and entry.get("status") == 415 for entry in entries)
        assert any("request_id" in entry for entry in entries)
        log = "".join(box.log)
        assert "secret" not in log and "minutes" not in log
        assert not [line.text for line in spoken.lines if line.text in log]
        assert ADMIN not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean_and_a_running_job_goes_on_later(
    tmp_path: Path, demo_bundle: Path, number: signal.Signals
) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        stream = box.events()
        next(stream)
        job = box.upload(talk(*HELD_OUT, at_least=300.0).wav, language="en").json
        box.wait_for(job["id"], "running", "done")
        assert box.process is not None
        box.process.send_signal(number)
        assert box.wait() == 0
        assert not (box.data / "control.sock").exists()
        assert [name for name, _data in stream][-1] != "connected", "the stream came to its end"
        box.start()
        done = box.wait_for(job["id"], "done", "failed", "quarantined")
        assert done["state"] == "done"


def test_a_dead_part_ends_the_process_with_exit_code_1(tmp_path: Path, demo_bundle: Path) -> None:
    """The scratch folder becomes a file: the worker cannot go on, and HTTP must not go on over a dead one."""
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        box.wait_ready()
        (box.data / "scratch").rmdir()
        (box.data / "scratch").write_text("in the way")
        box.upload(talk(HELD_OUT[0]).wav)
        assert box.wait() == 1
        errors = [entry for line in box.log if (entry := json.loads(line))["event"] == "a_part_died"]
        assert len(errors) == 1
        assert "Traceback" not in "".join(box.log)
        (box.data / "scratch").unlink()
        box.start()
        assert box.get("/livez", key=None).status == 200


def test_accounts_are_managed_beside_a_running_daemon_and_without_one(
    tmp_path: Path, demo_bundle: Path
) -> None:
    data = tmp_path / ("a folder with a long name " * 4).strip()
    added = command("users", "add", "anna", "--role", "admin", "--password-stdin", data=data, stdin=PASSWORD)
    assert (added.returncode, added.stderr) == (0, "")
    with Daemon(data, model=demo_bundle) as box:
        assert box.setup_url is None, "there is an account already"
        assert stat.S_IMODE((data / "control.sock").stat().st_mode) == 0o600
        added = command("users", "add", "bob", "--password-stdin", data=data, stdin=PASSWORD)
        assert (added.returncode, added.stderr) == (0, "")
        made = command("keys", "create", "--user", "bob", "--name", "script", data=data)
        assert re.fullmatch(r"stbx_[\w-]{43}\n", made.stdout), made.stderr
        box.key = made.stdout.strip()
        caller = box.get("/api/auth/me").json
        assert (caller["name"], caller["role"]) == ("bob", "user")
        listed = command("keys", "list", data=data).stdout
        assert listed.split("\t")[1] == "bob" and box.key not in listed
        taken = command("users", "add", "BOB", "--password-stdin", data=data, stdin=PASSWORD)
        assert (taken.returncode, taken.stderr) == (2, "stenobox: There is already a user of that name.\n")
        revoked = command("keys", "revoke", listed.split("\t")[0], data=data)
        assert revoked.returncode == 0
        assert box.get("/api/auth/me").status == 401
        for arguments, said in (
            (("role", "bob", "admin"), "bob is now: admin.\n"),
            (("role", "bob", "viewer"), "bob is now: viewer.\n"),
            (("disable", "bob"), "bob is disabled; all sessions and API keys have ended.\n"),
            (("enable", "bob"), "bob can sign in again. New API keys have to be made.\n"),
            (("sign-out", "bob"), "All sessions of bob have ended.\n"),
            (("totp-remove", "bob"), "bob signs in with the password alone.\n"),
        ):
            assert command("users", *arguments, data=data).stdout == said
        scoped = command(
            "keys", "create", "--user", "bob", "--scope", "metrics", "--expires", "90d", data=data
        )
        box.key = scoped.stdout.strip()
        assert box.get("/metrics").status == 200
        assert box.get("/api/jobs").json["code"] == "scope_missing"
        refused = command("keys", "create", "--user", "bob", "--scope", "admin", data=data)
        assert refused.returncode == 2 and "administrator" in refused.stderr
        last = command("users", "remove", "anna", data=data)
        assert last.returncode == 1 and "last administrator" in last.stderr
        assert box.stop() == 0
    ended = command("keys", "list", data=data).stdout.split("\t")
    assert (ended[3], ended[4][:2]) == ("metrics", "20")
    for name, said in (("bob", ""), ("anna", "last administrator")):
        assert said in command("users", "disable", name, data=data).stderr
    assert command("users", "list", data=data).stdout == "anna\tadmin\nbob\tviewer\tdisabled\n"
    late = command("keys", "create", "--user", "anna", "--expires", "2020-01-31", data=data)
    assert (late.returncode, late.stdout) == (2, "")
    removed = command("users", "remove", "bob", data=data)
    assert removed.stdout == "Removed bob.\n"
    assert command("users", "list", data=data).stdout == "anna\tadmin\n"


def test_a_daemon_that_does_not_answer_is_named(tmp_path: Path) -> None:
    from stenobox.files import DataLock
    from stenobox.paths import Layout

    layout = Layout(tmp_path / "data")
    layout.create()
    with DataLock(layout.lock):
        done = command("users", "list", data=layout.root)
    assert done.returncode == 1
    assert "control.sock" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("fly",), ("users",), ("keys", "revoke", "x"), ("serve", "--port", "99999")]
)
def test_a_wrong_call_has_exit_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = command(*arguments, data=tmp_path)
    assert done.returncode == 2
    assert "usage: stenobox" in done.stderr and "Traceback" not in done.stderr


def test_a_password_that_is_too_short_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    done = command("users", "add", "anna", "--password-stdin", data=tmp_path / "data", stdin="short")
    assert done.returncode == 2
    assert "8 to 128" in done.stderr
    assert not (tmp_path / "data").exists()


def test_ready_is_told_to_systemd_when_it_answers_and_stopping_when_it_stops(
    tmp_path: Path, demo_bundle: Path
) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(os.fspath(tmp_path / "notify"))
        notify.settimeout(60)
        wrapper = ("env", f"NOTIFY_SOCKET={tmp_path / 'notify'}")
        with Daemon(tmp_path / "data", model=demo_bundle, wrapper=wrapper) as box:
            assert notify.recv(100) == b"READY=1"
            assert box.get("/livez", key=None).status == 200
            assert box.stop() == 0
            assert notify.recv(100) == b"STOPPING=1"
