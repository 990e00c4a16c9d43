"""Signing in at a provider of the office's own: OpenID Connect, code flow with PKCE."""

from stenobox.access.oidc.login import OidcLogin

__all__ = ["OidcLogin"]
