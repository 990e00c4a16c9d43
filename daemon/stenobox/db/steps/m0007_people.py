"""Version 7: people and keys. What a key may do and until when, where a session is, a second factor, and
who comes from a sign-in provider.

`scopes` are words between blanks. Keys that are there already keep what they could do: their account's. A
second factor counts once `confirmed_at` is set; `last_step` is the last time step of RFC 6238 whose code was
used, so that none is used twice. Its secret has to be readable, since codes are computed from it: the
database file is its owner's alone (mode 0600). Recovery codes are hashes with a salt each (OWASP ASVS 2.6.2).
"""

from __future__ import annotations

DESCRIPTION = "scopes and expiry of keys, places of sessions, second factors, sign-in providers"

KEYS = (
    "ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE api_keys ADD COLUMN expires_at REAL",
    """
    UPDATE api_keys SET scopes = 'read upload metrics' ||
        CASE (SELECT role FROM users WHERE users.id = api_keys.user_id) WHEN 'admin' THEN ' admin' ELSE '' END
    """,
)

SESSIONS = (
    "ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE sessions ADD COLUMN browser TEXT NOT NULL DEFAULT ''",
)

SECOND_FACTORS = """
CREATE TABLE second_factors (
    user_id      INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret       TEXT NOT NULL,
    last_step    INTEGER NOT NULL DEFAULT 0,
    created_at   REAL NOT NULL,
    confirmed_at REAL
) STRICT
"""

RECOVERY_CODES = """
CREATE TABLE recovery_codes (
    id      INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES second_factors (user_id) ON DELETE CASCADE,
    salt    TEXT NOT NULL,
    sha256  TEXT NOT NULL CHECK (length(sha256) = 64)
) STRICT
"""

# Who a person of a sign-in provider is here: its subjects never become another person's, its names may.
OIDC_IDENTITIES = """
CREATE TABLE oidc_identities (
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at REAL NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT
"""

INDEXES = (
    "CREATE INDEX recovery_codes_of_user ON recovery_codes (user_id)",
    "CREATE INDEX oidc_identities_of_user ON oidc_identities (user_id)",
)

STATEMENTS: tuple[str, ...] = (
    *KEYS,
    *SESSIONS,
    SECOND_FACTORS,
    RECOVERY_CODES,
    OIDC_IDENTITIES,
    *INDEXES,
)
