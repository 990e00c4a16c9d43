"""Every key under which the application and a request hold something, with its type."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from stenobox.access import (
    Accounts,
    AttemptLimiter,
    Keys,
    RequestLimits,
    SecondFactors,
    Sessions,
    SetupLink,
    Users,
)
from stenobox.access.oidc import OidcLogin
from stenobox.audit import LoginFailures, Reads, Trail
from stenobox.config import Settings
from stenobox.editing.versions import Versions
from stenobox.events import EventHub
from stenobox.glossary import Glossaries
from stenobox.idempotency import Once
from stenobox.intake.direct import DirectIntake
from stenobox.intake.partial import Partials
from stenobox.jobs import Jobs
from stenobox.library import Library, Quotas, Trash, Waveforms
from stenobox.models import ModelStore
from stenobox.monitor.health import Health
from stenobox.monitor.metrics import Metrics
from stenobox.networks import Client, Network
from stenobox.notices import MailNotices, Webhooks
from stenobox.recordings import Recordings
from stenobox.search.finding import Finder
from stenobox.sharing.links import Links
from stenobox.sharing.shares import Shares
from stenobox.tls import ServedCertificate
from stenobox.transcripts import Transcripts
from stenobox.types import Identity
from stenobox.web.site import Site
from stenobox.web.streams import OpenStreams

SETTINGS = web.AppKey("settings", Settings)
USERS = web.AppKey("users", Users)
API_KEYS = web.AppKey("api_keys", Keys)
SESSIONS = web.AppKey("sessions", Sessions)
OIDC = web.AppKey("oidc", OidcLogin)
SECOND_FACTORS = web.AppKey("second_factors", SecondFactors)
ACCOUNTS = web.AppKey("accounts", Accounts)
SETUP = web.AppKey("setup", SetupLink)
LOGIN_FAILURES = web.AppKey("login_failures", LoginFailures)
TRAIL = web.AppKey("trail", Trail)
READS = web.AppKey("reads", Reads)
WEBHOOKS = web.AppKey("webhooks", Webhooks)
MAIL_NOTICES = web.AppKey("mail_notices", MailNotices)
LOGIN_LIMIT = web.AppKey("login_limit", AttemptLimiter)
RECORDINGS = web.AppKey("recordings", Recordings)
JOBS = web.AppKey("jobs", Jobs)
LIBRARY = web.AppKey("library", Library)
TRASH = web.AppKey("trash", Trash)
QUOTAS = web.AppKey("quotas", Quotas)
WAVEFORMS = web.AppKey("waveforms", Waveforms)
TRANSCRIPTS = web.AppKey("transcripts", Transcripts)
SHARES = web.AppKey("shares", Shares)
LINKS = web.AppKey("links", Links)
VERSIONS = web.AppKey("versions", Versions)
GLOSSARIES = web.AppKey("glossaries", Glossaries)
FINDER = web.AppKey("finder", Finder)
INTAKE = web.AppKey("intake", DirectIntake)
ONCE = web.AppKey("once", Once)
PARTIALS = web.AppKey("partials", Partials)
EVENTS = web.AppKey("events", EventHub)
STREAMS = web.AppKey("streams", OpenStreams)
MODELS = web.AppKey("models", ModelStore)
HEALTH = web.AppKey("health", Health)
METRICS = web.AppKey("metrics", Metrics)
SITE = web.AppKey("site", Site)
TLS = web.AppKey("tls", ServedCertificate)
PROXIES = web.AppKey[tuple[Network, ...]]("proxies", tuple)
LIMITS = web.AppKey("limits", RequestLimits)
OPENAPI = web.AppKey("openapi", dict[str, Any])

CLIENT = web.RequestKey("client", Client)
REQUEST_ID = web.RequestKey("request_id", str)
IDENTITY = web.RequestKey("identity", Identity)
STARTED = web.RequestKey("started", bool)
"""Set once the headers of the answer are out: a problem can no longer be rendered then."""


def identity_of(request: web.Request) -> Identity:
    """Who calls, on a route that the table gives to signed-in callers only."""
    return request[IDENTITY]
