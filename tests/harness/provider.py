"""A small OpenID Connect provider: discovery, code flow with PKCE, signed ID tokens; it can be a bad one too.

Whoever comes is let in as `subject`, without a question.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from harness.daemon import PATIENCE_S

CLIENT = "stenobox"
SECRET = "a secret of the box: 100% + more"


class OpenProvider:
    """`claims` go into ID tokens over those that belong there; None takes one out."""

    def __init__(self) -> None:
        self.issuer = ""
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.published = self.key
        self.subject = "person-1"
        self.claims: dict[str, Any] = {"preferred_username": "wanda"}
        self.algorithm = "RS256"
        self.document: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/keys", self._keys)
        return app

    async def _discovery(self, _request: web.Request) -> web.Response:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
        }
        return web.json_response(document | self.document)

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        self.asked.append(asked)
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        caller = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        asked = self._codes.pop(form["code"], None)
        proof = _encoded(hashlib.sha256(form["code_verifier"].encode()).digest())
        right = (
            asked is not None
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == asked["redirect_uri"]
            and proof == asked["code_challenge"]
            and caller == f"{CLIENT}:{_form_encoded(SECRET)}"
        )
        if asked is None or not right:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": self.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
        }
        said = {name: value for name, value in claims.items() if value is not None}
        return web.json_response(
            {"access_token": "unused", "token_type": "Bearer", "id_token": self._signed(said)}
        )

    def _signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": str(self.key.kid)}
        if self.algorithm == "RS256":
            return jwt.encode(header, claims, self.key)
        # No library makes these any more.
        said = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
        shared = self.key.as_pem(private=False)
        mac = hmac.digest(shared, said.encode(), "sha256") if self.algorithm == "HS256" else b""
        return f"{said}.{_encoded(mac)}"

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response(KeySet([self.published]).as_dict(private=False))


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _form_encoded(text: str) -> str:
    """As RFC 6749, section 2.3.1 wants name and secret in the header."""
    return urlencode({"": text})[1:]


@contextlib.asynccontextmanager
async def open_provider() -> AsyncIterator[OpenProvider]:
    """It answers on a free port of this machine."""
    provider = OpenProvider()
    server = TestServer(provider.app())
    await server.start_server()
    provider.issuer = str(server.make_url("")).rstrip("/")
    try:
        yield provider
    finally:
        await server.close()


@contextlib.contextmanager
def other_provider(person: dict[str, str]) -> Iterator[str]:
    """oidc-provider-mock in a process of its own, which knows one person; yields its issuer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Its libraries warn of each other, which is nothing to us.
    command = (sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port))
    options = ("--require-nonce", "true", "--user-claims", json.dumps(person))
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            end = time.monotonic() + PATIENCE_S
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert process.poll() is None and time.monotonic() < end, "the provider did not start"
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
