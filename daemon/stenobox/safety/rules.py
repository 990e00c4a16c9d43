"""The checks of settings that leave the box less safe than it could be. They read files, so they block."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from stenobox.config import DAY, Settings
from stenobox.errors import StenoboxError
from stenobox.networks import is_loopback, networks_of
from stenobox.paths import Layout
from stenobox.safety.outbound import check_mail, check_webhooks
from stenobox.safety.verdicts import Result, Verdict
from stenobox.tls import Pair, Places, places_of

SOON: Final = timedelta(days=30)
WIDE: Final = {4: 24, 6: 64}
"""Shorter prefixes of trusted proxies hold more than the machines of one rack."""

MAX_SESSION_DAYS: Final = 30
"""OWASP ASVS 4.0.3, 3.3.2, level 1."""


def safety_results(settings: Settings) -> Iterator[Result]:
    """One line for each subject, with what to do where something is unsafe."""
    yield from _network(settings)
    yield _proxies(settings)
    yield _limits(settings)
    yield _metrics(settings)
    yield _sessions(settings)


def warnings_of(settings: Settings) -> list[Result]:
    """All that is unsafe in the settings, with what leaves the box; empty when all is well."""
    results = (*safety_results(settings), check_webhooks(settings), check_mail(settings))
    return [result for result in results if result.verdict is not Verdict.OK]


def _network(settings: Settings) -> Iterator[Result]:
    try:
        places = places_of(settings.tls, Layout(settings.data))
        pair = places.read()
    except StenoboxError as error:
        yield Result("https", Verdict.FAIL, f"the certificate cannot be used: {error.detail}")
        return
    if pair is None:
        yield _without(settings)
        return
    yield _with(settings, pair)
    yield _key(places)


def _without(settings: Settings) -> Result:
    host = settings.listen.host
    if is_loopback(host):
        return Result("https", Verdict.OK, f"none, and {host} is reached from this machine alone")
    if settings.listen.insecure_http:
        return Result(
            "https",
            Verdict.WARN,
            f"none: anybody on the network of {host} can read passwords, keys and recordings as they pass. "
            "Run 'stenobox tls self-signed' and take listen.insecure_http out of the settings.",
        )
    return Result(
        "https",
        Verdict.FAIL,
        f"none, so the box will not listen on {host}. Run 'stenobox tls self-signed', or '... import'.",
    )


def _with(settings: Settings, pair: Pair) -> Result:
    now = datetime.now(UTC)
    until = f"{pair.not_after:%Y-%m-%d}"
    renew = "Run 'stenobox tls self-signed'." if pair.is_self_signed else "Renew it."
    if pair.expired(now):
        return Result("https", Verdict.FAIL, f"the certificate expired on {until}. {renew}")
    if now < pair.leaf.not_valid_before_utc:
        since = f"{pair.leaf.not_valid_before_utc:%Y-%m-%d}"
        return Result(
            "https", Verdict.FAIL, f"the certificate is valid only from {since} on. Is the clock right?"
        )
    if pair.not_after - now < SOON:
        return Result("https", Verdict.WARN, f"the certificate expires on {until}. {renew}")
    missing = pair.lacks(settings.listen.names)
    if missing:
        return Result(
            "https", Verdict.WARN, f"the certificate is not for {', '.join(missing)} (listen.names). {renew}"
        )
    if settings.listen.insecure_http:
        return Result(
            "https",
            Verdict.WARN,
            "there is a certificate, but with listen.insecure_http the box would start without it too. "
            "Take that out of the settings.",
        )
    return Result("https", Verdict.OK, f"the certificate for {pair.names[0]} is valid until {until}")


def _key(places: Places) -> Result:
    mode = stat.S_IMODE(places.key.stat().st_mode)
    if mode & 0o077:
        return Result(
            "key",
            Verdict.WARN,
            f"{places.key} can be read by others, who could then pose as the box: chmod 600 {places.key}",
        )
    return Result("key", Verdict.OK, f"{places.key} is for its owner alone")


def _proxies(settings: Settings) -> Result:
    proxies = networks_of(settings.listen.trusted_proxies, "listen.trusted_proxies")
    wide = [str(network) for network in proxies if network.prefixlen < WIDE[network.version]]
    if wide:
        return Result(
            "proxies",
            Verdict.WARN,
            f"listen.trusted_proxies has {', '.join(wide)}: every machine in there can pose as any client. "
            "Name the addresses of the proxies.",
        )
    return Result("proxies", Verdict.OK, ", ".join(map(str, proxies)) or "none is trusted")


def _limits(settings: Settings) -> Result:
    limits = settings.limits
    off = [
        f"limits.{name}"
        for name in ("requests_per_second", "uploads_per_second", "connections")
        if not getattr(limits, name)
    ]
    if off:
        return Result(
            "limits",
            Verdict.WARN,
            f"{', '.join(off)} is 0: one client can keep the box from all others. Leave the default.",
        )
    return Result("limits", Verdict.OK, "requests, uploads and connections are limited")


def _metrics(settings: Settings) -> Result:
    if settings.metrics.public:
        return Result(
            "metrics",
            Verdict.WARN,
            "metrics.public shows to anyone how much is transcribed and when. Give Prometheus an API key.",
        )
    return Result("metrics", Verdict.OK, "only for API keys and administrators")


def _sessions(settings: Settings) -> Result:
    days = settings.sessions.absolute_seconds / DAY
    if days > MAX_SESSION_DAYS:
        return Result(
            "sessions",
            Verdict.WARN,
            f"sessions.absolute_seconds keeps a browser signed in for {days:.0f} days. At most 30 are usual.",
        )
    return Result("sessions", Verdict.OK, f"a sign-in ends after {days:.0f} days")
