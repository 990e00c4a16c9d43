"""Random secrets of 256 bits, and the form in which they are stored.

A stored secret is its SHA-256: with 256 random bits there is nothing to guess, so the slow hash that
passwords need would only cost time. The database is searched by that hash, which leaks no timing about the
secret itself.
"""

from __future__ import annotations

import hashlib
import secrets

SECRET_BYTES = 32


def new_secret(prefix: str = "") -> str:
    """`prefix` and 43 characters of URL-safe base64."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def fingerprint(secret: str) -> str:
    """SHA-256 as 64 hex digits; any text is allowed, so that a caller's nonsense is simply not found."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
