"""The real `python -m stenobox serve` in a process of its own, on a free port, with a data folder of its own.

    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        job = box.upload(wav)
        box.wait_for(job["id"], "done")

With `tls=True` it speaks HTTPS with a certificate of its own, which `request` verifies (`trust` for others).
`kill()` is SIGKILL, `stop()` is SIGTERM and returns the exit code; `start()` begins again on the same data.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
SOURCES = os.pathsep.join(str(ROOT / folder) for folder in ("daemon", "onnx_models"))

PATIENCE_S = 300.0
"""How long something that must happen is waited for. Not a claim about speed: machines that test are slow
and busy.
"""

ADMIN = "anna"
PASSWORD = "correct horse battery"
ALL_SCOPES = {"name": "test", "scopes": ["read", "upload", "admin", "metrics"]}


class Answer:
    """Status, headers and body of an HTTP answer."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def clean_environment(settings: Mapping[str, object] | None = None) -> dict[str, str]:
    """This process's environment without its STENOBOX_* variables, plus `settings` ("uploads.max_bytes":
    5).
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STENOBOX_")}
    environment |= {"PYTHONPATH": SOURCES, "PYTHONWARNINGS": "default", "OMP_NUM_THREADS": "1"}
    for key, value in (settings or {}).items():
        environment["STENOBOX_" + key.replace(".", "_").upper()] = str(value)
    return environment


def command(
    *arguments: str,
    data: Path,
    settings: Mapping[str, object] | None = None,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `stenobox ARGUMENTS` to its end; `data` is its data folder."""
    return subprocess.run(
        [sys.executable, "-m", "stenobox", "--data", str(data), *arguments],
        env=clean_environment(settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


class Daemon:
    """One data folder and, between `start` and the end, one process on it. `model`: a bundle's folder, or
    None.
    """

    def __init__(
        self,
        data: Path,
        *,
        model: Path | None = None,
        settings: Mapping[str, object] | None = None,
        wrapper: tuple[str, ...] = (),
        tls: bool = False,
        port: int = 0,
    ) -> None:
        self.data = data
        self.trust: ssl.SSLContext | None = None
        self._tls = tls
        self.url = ""
        self.setup_url: str | None = None
        self.key: str | None = None
        self.log: list[str] = []
        self.stdout: list[str] = []
        self._settings = {"models.threads": 1, "uploads.reserve_bytes": 0, "log.level": "debug"}
        self._settings |= dict(settings or {})
        self.secrets = {PASSWORD}
        if model is not None:
            self._settings.setdefault("models.path", model)
        self._wrapper = wrapper
        self._port = port
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._readers: list[threading.Thread] = []
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()  # or it stays behind, and later tests trip over it
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if error is not None:
            sys.stderr.write("".join(["--- the daemon's log ---\n", *self.log[-60:]]))

    # The process.

    def start(self) -> None:
        """Start it and wait until it says where it answers."""
        if self._tls and self.trust is None:
            self.make_certificate()
        self.launch()
        while not self.url:
            line = self._lines.get(timeout=PATIENCE_S)
            assert line is not None, "the daemon ended at its start:\n" + "".join(self.log[-40:])
            if match := re.search(r"answers at (https?://\S+?)/?$", line):
                self.url = match[1]
        # Written together with the first line, if at all.
        with contextlib.suppress(queue.Empty):
            line = self._lines.get(timeout=1.0 if self.key is None else 0.0)
            if line and (match := re.search(r"(https?://\S+/setup#token=\S+)", line)):
                self.setup_url = match[1]

    def make_certificate(self) -> None:
        """A new self-signed one; from then on requests verify the box by it, and by no other."""
        for arguments in (("self-signed",), ("status", "--pem")):
            told = command("tls", *arguments, data=self.data, settings=self._settings)
            assert told.returncode == 0, told.stderr
        self.trust = ssl.create_default_context(cadata=told.stdout)

    def launch(self) -> None:
        """Start it without waiting for anything."""
        assert self.process is None, "it runs already"
        self.url, self.setup_url = "", None
        self.process = subprocess.Popen(
            [
                *self._wrapper,
                sys.executable,
                "-m",
                "stenobox",
                "serve",
                "--data",
                str(self.data),
                "--port",
                str(self._port),
            ],
            env=clean_environment(self._settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._lines = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=self._read_stdout, args=(self.process, self._lines), daemon=True),
            threading.Thread(target=self._read_stderr, args=(self.process,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int | None:
        """SIGKILL, and the exit code; harmless when it does not run."""
        return None if self.process is None else self._end(signal.SIGKILL)

    def wait(self) -> int:
        """The exit code, once it ends by itself."""
        assert self.process is not None
        code = self.process.wait(PATIENCE_S)
        self._collect()
        return code

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.wait()

    def _collect(self) -> None:
        assert self.process is not None
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        self.process = None
        self.check_log()

    def check_log(self) -> None:
        """What no log of any test may hold, at whatever level (OWASP ASVS 7.1.1): `secrets`, and the keys and
        tokens that were made here.
        """
        token = (self.setup_url or "").partition("#token=")[2]
        secrets = {secret for secret in (*self.secrets, self.key, token) if secret}
        leaks = [line for line in self.log if any(secret in line for secret in secrets)]
        assert leaks == [], "the log holds what it must not"

    def _read_stdout(self, process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.stdout.append(line)
            lines.put(line.rstrip())
        lines.put(None)

    def _read_stderr(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.log.extend(process.stderr)  # as the lines come

    # HTTP.

    def request(
        self,
        method: str,
        path: str,
        *,
        json_body: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = "",
    ) -> Answer:
        """One request, with the API key that `set_up` made unless `key` says otherwise (None: without)."""
        sent = dict(headers or {})
        secret = self.key if key == "" else key
        if secret:
            sent["Authorization"] = f"Bearer {secret}"
        if json_body is not None:
            body, sent["Content-Type"] = json.dumps(json_body).encode(), "application/json"
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S, context=self.trust) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        return self.request("POST", path, **options)

    # What most tests do first.

    def set_up(self) -> str:
        """Make the first administrator by the printed link, and an API key; returns the key."""
        assert self.setup_url, "no set-up link was printed"
        token = self.setup_url.partition("#token=")[2]
        body = {"token": token, "name": ADMIN, "password": PASSWORD}
        answer = self.post("/api/setup", json_body=body, key=None)
        assert answer.status == 201, answer.text
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        made = self.post("/api/keys", json_body=ALL_SCOPES, headers={"Cookie": cookie}, key=None)
        assert made.status == 201, made.text
        self.key = made.json["secret"]
        return self.key

    def wait_ready(self) -> None:
        """Until `/readyz` says so: the model is loaded."""
        self._until(lambda: self.get("/readyz", key=None).status == 200, "the box is not ready")

    def upload(self, content: bytes, filename: str = "talk.wav", **fields: str) -> Answer:
        """POST /api/jobs with one file."""
        kind, body = multipart(fields, [(filename, content)])
        return self.post("/api/jobs", body=body, headers={"Content-Type": kind})

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.get(f"/api/jobs/{job_id}")
        assert answer.status == 200, answer.text
        return dict(answer.json)

    def wait_for(self, job_id: str, *states: str) -> dict[str, Any]:
        """The job, once it is in one of `states`."""
        self._until(lambda: self.job(job_id)["state"] in states, f"the job did not become {states}")
        return self.job(job_id)

    def events(self) -> Iterator[tuple[str, Any]]:
        """Server-sent events from now on; close the generator to disconnect."""
        headers = {"Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(self.url + "/api/events", headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S, context=self.trust) as answer:
            name = ""
            for raw in answer:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))
                elif line.startswith(": connected"):
                    yield "connected", None

    def _until(self, holds: Any, complaint: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, complaint
            assert self.process is not None and self.process.poll() is None, "the daemon has ended"
            time.sleep(0.1)


def multipart(fields: Mapping[str, str], files: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Content type and body of a form: the fields, then each file in a part named `file`."""
    boundary = uuid.uuid4().hex
    parts: list[bytes] = []
    for name, value in fields.items():
        parts.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode())
    for filename, content in files:
        head = f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        parts.append(head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + content)
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()
