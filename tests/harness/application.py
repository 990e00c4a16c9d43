"""The real application in this process: real SQLite, real worker, real model, on a free loopback port, behind
the sockets that the daemon itself listens on; over HTTPS with a certificate that the client verifies, when
asked.

Blocking calls of ours on the event loop raise while it runs (blockbuster), so a handler that blocks fails
its test.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, CookieJar, FormData, TCPConnector, web
from aiohttp.test_utils import TestClient, TestServer
from blockbuster import blockbuster_ctx
from yarl import URL

from harness.daemon import ADMIN, PASSWORD
from stenobox.app import build
from stenobox.config import ModelsSettings, Settings, UploadsSettings
from stenobox.paths import Layout
from stenobox.serving import start_listening
from stenobox.tls import Pair, ServedCertificate, places_of, put, self_signed
from stenobox.types import Role, Scope
from stenobox.web.keys import ACCOUNTS, SETTINGS, SETUP, TLS, USERS


def settings_for(data: Path, model: Path | None = None, **sections: Any) -> Settings:
    """Settings for tests: one thread, no disk reserve. `sections` replace parts, as
    `uploads=UploadsSettings(...)`.
    """
    settings = Settings(
        data=data,
        models=ModelsSettings(path=(model,) if model else (), threads=1, slots=2),
        uploads=UploadsSettings(reserve_bytes=0),
    )
    return dataclasses.replace(settings, **sections)


def _trusting(pair: Pair) -> ssl.SSLContext:
    """A client that takes this certificate and no other."""
    return ssl.create_default_context(cadata=pair.certificates_pem().decode())


class Person:
    """Somebody who calls the API: nobody, by key, or by session cookie (then it acts like a browser)."""

    def __init__(self, client: TestClient[web.Request, web.Application], headers: Mapping[str, str]) -> None:
        self.client = client
        self.headers = dict(headers)

    async def call(self, method: str, path: str, **options: Any) -> ClientResponse:
        headers = self.headers | dict(options.pop("headers", {}))
        answer = await self.client.request(method, path, headers=headers, allow_redirects=False, **options)
        await answer.read()
        return answer

    async def get(self, path: str, **options: Any) -> ClientResponse:
        return await self.call("GET", path, **options)

    async def post(self, path: str, **options: Any) -> ClientResponse:
        return await self.call("POST", path, **options)

    async def delete(self, path: str, **options: Any) -> ClientResponse:
        return await self.call("DELETE", path, **options)

    async def upload(self, content: bytes, filename: str = "talk.wav", **fields: str) -> ClientResponse:
        """POST /api/jobs with the fields first and then one file."""
        form = FormData(default_to_multipart=True)
        for name, value in fields.items():
            form.add_field(name, value)
        form.add_field("file", io.BytesIO(content), filename=filename)
        return await self.post("/api/jobs", data=form)


class Box:
    """The running application and ways to be somebody."""

    def __init__(
        self,
        app: web.Application,
        client: TestClient[web.Request, web.Application],
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.app = app
        self.trust = trust
        self.client = client
        self.nobody = Person(client, {})

    @contextlib.asynccontextmanager
    async def connected(
        self, *, sock: socket.socket | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A bare connection, encrypted and verified when the box speaks HTTPS."""
        where: dict[str, Any] = {"sock": sock} if sock else {"host": "127.0.0.1", "port": self.client.port}
        if self.trust is not None:
            where |= {"ssl": self.trust, "server_hostname": "localhost"}
        reader, writer = await asyncio.open_connection(**where)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def set_up(self) -> Person:
        """Make the first administrator through the link's token."""
        body = {"token": self.app[SETUP].issue(), "name": ADMIN, "password": PASSWORD}
        answer = await self.nobody.post("/api/setup", json=body)
        assert answer.status == 201, await answer.text()
        return await self.by_key(ADMIN)

    async def add(self, name: str, role: Role) -> Person:
        """A new account, called by a key of its own."""
        await self.app[ACCOUNTS].add_user(name, role, PASSWORD)
        return await self.by_key(name)

    async def by_key(self, name: str, *scopes: Scope) -> Person:
        """By a new key; without `scopes` one for all that the account may do."""
        if not scopes:
            role = (await self.app[USERS].find(name)).role
            scopes = tuple(scope for scope in Scope if scope is not Scope.ADMIN or role is Role.ADMIN)
        _info, secret = await self.app[ACCOUNTS].create_key(name, "test", scopes)
        return Person(self.client, {"Authorization": f"Bearer {secret}"})

    async def by_session(self, name: str, password: str = PASSWORD, **more: str) -> Person:
        """Signed in like a browser: the cookie goes with every call. `more` goes into the body."""
        body = {"name": name, "password": password, **more}
        answer = await self.nobody.post("/api/auth/login", json=body)
        assert answer.status == 200, await answer.text()
        cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in answer.cookies.values())
        return Person(self.client, {"Cookie": cookies})


class BoxServer(TestServer):
    """Listens as `stenobox.serving` does, and not with the framework's sites."""

    async def start_server(self, *_args: Any, **_options: Any) -> None:
        if self.runner is not None:
            return
        settings = dataclasses.replace(self.app[SETTINGS].listen, port=0)
        self.runner = await self._make_runner()
        await self.runner.setup()
        self._listener = await start_listening(self.runner, self.app, settings)
        self.port = self._listener.port
        self.scheme = "http" if self.app[TLS].pair is None else "https"
        self._root = URL(f"{self.scheme}://{self.host}:{self.port}")

    async def close(self) -> None:
        if self.started and not self.closed:
            await self._listener.stop()
        await super().close()


@contextlib.asynccontextmanager
async def running_box(settings: Settings, *, https: bool = False) -> AsyncIterator[Box]:
    """Start the application, and stop it afterwards."""
    layout = Layout(settings.data)
    if https:
        await asyncio.to_thread(put, layout, self_signed(("localhost", "127.0.0.1")))
    certificate = await asyncio.to_thread(ServedCertificate.load, places_of(settings.tls, layout))
    trust = None if certificate.pair is None else _trusting(certificate.pair)
    with blockbuster_ctx("stenobox"):
        app = build(settings, certificate)
        # DummyCookieJar would do too, but hides Set-Cookie from answers; nothing is ever sent from this jar.
        client = TestClient(BoxServer(app), cookie_jar=CookieJar(), connector=TCPConnector(ssl=trust or True))
        await client.start_server()
        try:
            yield Box(app, client, trust)
        finally:
            await client.close()


async def ended(person: Person, job_id: str) -> dict[str, Any]:
    """The job, once it is over."""
    while True:
        job = await (await person.get(f"/api/jobs/{job_id}")).json()
        if job["state"] not in ("queued", "running"):
            return dict(job)
        await asyncio.sleep(0.02)
