"""The provider: what it says of itself, a token for a code, and what a token proves.

OpenID Connect Core 1.0 (sections 3.1.3.7 and 3.1.2.1), Discovery 1.0, RFC 9700 (Best Current Practice for
OAuth 2.0 Security).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from stenobox.access.oidc.pending import Begun
from stenobox.config import OidcSettings
from stenobox.errors import OidcRefused, ProviderUnreachable, SettingsError

TIMEOUT_S = 10.0
MAX_BYTES = 2**20
CACHE_S = 3_600.0
LEEWAY_S = 60
"""By which the clocks of box and provider may differ."""

# Signatures of a key pair alone: with a shared secret, or with none, whoever has the client's could sign.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
KEY_TYPES: Final = frozenset({"RSA", "EC"})

SCOPE = "openid profile"

T = TypeVar("T")
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Metadata(msgspec.Struct):
    """What the box needs of a discovery document; the rest is passed over."""

    issuer: Text
    authorization_endpoint: Text
    token_endpoint: Text
    jwks_uri: Text
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct):
    id_token: Text


class _Jwks(msgspec.Struct):
    keys: list[dict[str, Any]]


class Provider:
    """One provider. `secret` is the client's, None for a public client."""

    def __init__(
        self, settings: OidcSettings, secret: str | None, clock: Callable[[], float] = time.time
    ) -> None:
        _check_address(settings.issuer, settings.issuer)
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: KeySet | None = None

    async def address(self, begun: Begun, redirect_uri: str) -> str:
        """Where to send the browser. Raises ProviderUnreachable."""
        metadata = await self._discover()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": begun.challenge,
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{separator}{urlencode(query)}"

    async def claims(self, code: str, begun: Begun, redirect_uri: str) -> Mapping[str, Any]:
        """What the ID token for a code says, once it is proved. Raises ProviderUnreachable, OidcRefused."""
        metadata = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": begun.verifier,
        }
        tokens = await self._call(
            metadata.token_endpoint, _Tokens, self._proof(metadata, form), refused="the code was not taken"
        )
        try:
            claims = (await self._decoded(metadata, tokens.id_token)).claims
            self._registry(begun).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise OidcRefused(problem="the ID token does not hold") from error
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if claims.get("azp", None if several else self._settings.client_id) != self._settings.client_id:
            raise OidcRefused(problem="the ID token is for another program")
        return claims

    def _proof(self, metadata: Metadata, form: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Form and headers that say who asks (RFC 6749, section 2.3.1)."""
        client = self._settings.client_id
        if self._secret is None:
            return form | {"client_id": client}, {}
        methods = metadata.token_endpoint_auth_methods_supported
        if "client_secret_basic" not in methods and "client_secret_post" in methods:
            return form | {"client_id": client, "client_secret": self._secret}, {}
        pair = f"{quote_plus(client)}:{quote_plus(self._secret)}".encode()
        return form, {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _registry(self, begun: Begun) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": begun.nonce},
        )

    async def _decoded(self, metadata: Metadata, token: str) -> jwt.Token:
        """With the keys that are known; a provider changes them at times, so on failure with fresh ones."""
        if self._keys is not None:
            try:
                return jwt.decode(token, self._keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                self._keys = None
        found = await self._call(metadata.jwks_uri, _Jwks)
        usable = [key for key in found.keys if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"]
        self._keys = KeySet.import_key_set({"keys": usable})
        return jwt.decode(token, self._keys, algorithms=ALGORITHMS)

    async def _discover(self) -> Metadata:
        now = self._clock()
        if self._metadata is not None and abs(now - self._metadata[0]) < CACHE_S:
            return self._metadata[1]
        issuer = self._settings.issuer
        found = await self._call(f"{issuer.rstrip('/')}/.well-known/openid-configuration", Metadata)
        if found.issuer != issuer:
            raise ProviderUnreachable  # Discovery 1.0, section 4.3: it may be another's document
        for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            try:
                _check_address(address, issuer)
            except SettingsError as error:
                raise ProviderUnreachable from error
        self._metadata = (now, found)
        return found

    async def _call(
        self,
        address: str,
        kind: type[T],
        form: tuple[dict[str, str], dict[str, str]] | None = None,
        *,
        refused: str = "",
    ) -> T:
        """The answer in JSON. Raises ProviderUnreachable; with `refused`, OidcRefused for a 4xx."""
        data, headers = form or (None, {})
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                # Neither a proxy nor a ~/.netrc out of the environment: the secret goes to its provider.
                aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
                session.request(
                    "GET" if data is None else "POST",
                    address,
                    data=data,
                    headers={"Accept": "application/json", **headers},
                    allow_redirects=False,
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.content.iter_chunked(65_536):
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise ProviderUnreachable
                if refused and 400 <= response.status < 500:
                    raise OidcRefused(problem=refused)
                if response.status != 200:
                    raise ProviderUnreachable
                return msgspec.json.decode(bytes(body), type=kind)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError, ValueError) as error:
            raise ProviderUnreachable from error


def _check_address(address: str, issuer: str) -> None:
    """Raises SettingsError unless it is HTTPS, or the issuer is on this machine and it is HTTP there too."""
    parts = urlsplit(address)
    local = urlsplit(issuer).hostname in {"localhost", "127.0.0.1", "::1"}
    plain = parts.scheme == "http" and local and parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or not (parts.scheme == "https" or plain):
        raise SettingsError(source="oidc.issuer", problem="must be an address that begins with https://.")
