"""Each way in, as a function that sends one file and returns the id of its job."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from harness.daemon import Daemon, clean_environment

from .sending import MIB, Sender, Slice

CHUNK_BYTES = 32 * MIB
"""Of the chunked road: what a browser would choose."""

Road = Callable[[Daemon, Path], str]


def direct(box: Daemon, source: Path) -> str:
    """`POST /api/jobs`, one form."""
    boundary = "bench"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{source.name}"\r\n\r\n'
    reply = _sender(box).send(
        "POST",
        "/api/jobs",
        head.encode(),
        _whole(source),
        f"\r\n--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    return str(reply.json["id"])


def chunked(box: Daemon, source: Path) -> str:
    """`/api/uploads`, chunks in order over one connection."""
    sender, size = _sender(box), source.stat().st_size
    json_body = {"Content-Type": "application/json"}
    begin = json.dumps({"filename": source.name, "size": size}).encode()
    upload = sender.send("POST", "/api/uploads/init", begin, headers=json_body).json["id"]
    for start in range(0, size, CHUNK_BYTES):
        part = Slice(source, start, min(start + CHUNK_BYTES, size))
        raw = {"Content-Type": "application/octet-stream"}
        sender.send("PUT", f"/api/uploads/{upload}/chunk?offset={start}", part, headers=raw)
    return str(sender.send("POST", f"/api/uploads/{upload}/finalize", b"{}", headers=json_body).json["id"])


def tus(box: Daemon, source: Path) -> str:
    """`/api/tus`, all of it in one PATCH, as standard clients do by default."""
    sender, size = _sender(box), source.stat().st_size
    version = {"Tus-Resumable": "1.0.0"}
    name = base64.b64encode(source.name.encode()).decode()
    made = sender.send(
        "POST",
        "/api/tus",
        headers=version | {"Upload-Length": str(size), "Upload-Metadata": f"filename {name}"},
    )
    reply = sender.send(
        "PATCH",
        urlsplit(made.headers["location"]).path,
        _whole(source),
        headers=version | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
    )
    return reply.headers["stenobox-job"]


def push(box: Daemon, source: Path) -> str:
    """`stenobox push`, the process's start and end included."""
    environment = clean_environment() | {
        "STENOBOX_KEY": str(box.key),
        "XDG_STATE_HOME": str(box.data.parent / "state"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "stenobox", "push", str(source), "--server", box.url],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.split()[0]


ROADS: dict[str, Road] = {"direct": direct, "chunked": chunked, "tus": tus, "push": push}


def _sender(box: Daemon) -> Sender:
    return Sender(urlsplit(box.url), box.key)


def _whole(source: Path) -> Slice:
    return Slice(source, 0, source.stat().st_size)
