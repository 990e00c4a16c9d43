"""A sign-in at the provider from its beginning to an account."""

from __future__ import annotations

from pathlib import Path

from stenobox.access.oidc.identities import Identities
from stenobox.access.oidc.pending import Pending
from stenobox.access.oidc.provider import Provider
from stenobox.access.users import Users
from stenobox.config import OidcSettings
from stenobox.db import Database
from stenobox.errors import NotFound, OidcRefused, SettingsError
from stenobox.types import User

CALLBACK = "/api/auth/oidc/callback"


class OidcLogin:
    """Off unless the settings name a provider."""

    def __init__(self, settings: OidcSettings, provider: Provider | None, identities: Identities) -> None:
        self._settings = settings
        self._provider = provider
        self._identities = identities
        self._pending = Pending()

    @classmethod
    def of(cls, settings: OidcSettings, db: Database, users: Users) -> OidcLogin:
        """Reads the client's secret from its file: blocks. Raises SettingsError."""
        provider = None
        if settings.issuer:
            if not settings.client_id or not settings.url:
                problem = "oidc.issuer also needs oidc.client_id and oidc.url."
                raise SettingsError(source="settings", problem=problem)
            provider = Provider(settings, _secret_in(settings.secret_file))
        return cls(settings, provider, Identities(db, users, settings))

    @property
    def label(self) -> str | None:
        """What the page writes on its button; None while it is off."""
        return None if self._provider is None else self._settings.label

    async def begin(self) -> tuple[str, str]:
        """Where to send the browser, and the secret for its cookie. Raises NotFound, ProviderUnreachable."""
        provider = self._on()
        begun, browser = self._pending.begin()
        return await provider.address(begun, self._redirect_uri), browser

    async def finish(self, state: str, code: str, browser: str, issuer: str | None) -> User:
        """The account of who comes back. `issuer`: as the answer names it (RFC 9207), if it does.

        Raises NotFound, OidcRefused, OidcNoAccount, ProviderUnreachable.
        """
        provider = self._on()
        begun = self._pending.take(state, browser)
        if begun is None:
            raise OidcRefused(problem="it was not begun here, or too long ago")
        if issuer is not None and issuer != self._settings.issuer:
            raise OidcRefused(problem="another provider answered")
        if not code:
            raise OidcRefused(problem="the provider did not let you in")
        claims = await provider.claims(code, begun, self._redirect_uri)
        return await self._identities.user_of(str(claims["sub"]), claims.get(self._settings.name_claim))

    @property
    def _redirect_uri(self) -> str:
        return self._settings.url.rstrip("/") + CALLBACK

    def _on(self) -> Provider:
        if self._provider is None:
            raise NotFound(what="sign-in provider")
        return self._provider


def _secret_in(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(source="oidc.secret_file", problem="cannot be read.") from error
