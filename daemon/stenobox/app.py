"""Wires everything: the one module that knows all parts. What a part needs is passed to it.

Life cycle: each resource is a `cleanup_ctx` generator, acquired in order and released in reverse. The
background parts run in a TaskGroup around the `yield`: one that dies takes its siblings down, and then, by
cancelling the task that started the application, the process. With plain tasks HTTP would go on serving
over a dead worker.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, NoReturn

from aiohttp import web

from stenobox.access import (
    Accounts,
    AttemptLimiter,
    Keys,
    Passwords,
    RequestLimits,
    SecondFactors,
    Sessions,
    SetupLink,
    Users,
)
from stenobox.access.oidc import OidcLogin
from stenobox.audio.forkclient import ForkServer
from stenobox.audio.limits import AudioLimits
from stenobox.audio.probe import AudioInfo, probe
from stenobox.audio.waveform import waveform
from stenobox.audit import AuditRetention, LoginFailures, Reads, Trail
from stenobox.auditing import AuditKeeper
from stenobox.config import Settings
from stenobox.db import Database
from stenobox.editing.versions import Versions
from stenobox.events import EventHub
from stenobox.files import DataLock
from stenobox.glossary import Glossaries
from stenobox.hotfolder.service import HotFolders
from stenobox.housekeeping import Housekeeping
from stenobox.idempotency import Once
from stenobox.intake.direct import DirectIntake
from stenobox.intake.partial import Expiry, Partials
from stenobox.jobs import Jobs
from stenobox.library import Library, Quotas, Retention, Trash, Waveforms
from stenobox.log import get_logger
from stenobox.models import ModelStore
from stenobox.monitor.certificate import CertificateCollector
from stenobox.monitor.collectors import DiskCollector, InboxCollector, QueueCollector, WorkerCollector
from stenobox.monitor.gpu import GpuCollector
from stenobox.monitor.health import Health
from stenobox.monitor.host import HostCollector
from stenobox.monitor.lag import LoopLag
from stenobox.monitor.metrics import Metrics
from stenobox.monitor.notices import NoticeCollector
from stenobox.monitor.watchdog import Watchdog
from stenobox.networks import networks_of
from stenobox.notices import Allowed, MailNotices, Outbox, Webhooks
from stenobox.notifying import Mailer, Notifier, Poster
from stenobox.paths import Layout
from stenobox.recordings import Recordings
from stenobox.search.finding import Finder
from stenobox.search.upkeep import Upkeep
from stenobox.sharing.links import Links
from stenobox.sharing.shares import Shares
from stenobox.tls import ServedCertificate, places_of
from stenobox.transcripts import Transcripts
from stenobox.web import keys, tus
from stenobox.web.bodies import MAX_JSON_BYTES
from stenobox.web.client import see_client
from stenobox.web.connection import watch
from stenobox.web.headers import add_security_headers
from stenobox.web.hsts import add_hsts
from stenobox.web.middleware import add_request_id, gate, mark_started, observe, render_problems
from stenobox.web.openapi import document
from stenobox.web.operations import OPERATIONS
from stenobox.web.routes import ROUTES, add_routes
from stenobox.web.site import Site
from stenobox.web.streams import OpenStreams
from stenobox.worker import Worker

LAYOUT = web.AppKey("layout", Layout)
DATABASE = web.AppKey("database", Database)
WORKER = web.AppKey("worker", Worker)
WATCHDOG = web.AppKey("watchdog", Watchdog)
HOT_FOLDERS = web.AppKey("hot_folders", HotFolders)
EXPIRY = web.AppKey("expiry", Expiry)
FORKS = web.AppKey("forks", ForkServer)
INDEX_UPKEEP = web.AppKey("index_upkeep", Upkeep)
HOUSEKEEPING = web.AppKey("housekeeping", Housekeeping)
AUDIT_KEEPER = web.AppKey("audit_keeper", AuditKeeper)
NOTIFIER = web.AppKey("notifier", Notifier)
LOOP_LAG = web.AppKey("loop_lag", LoopLag)

log = get_logger(__name__)


def build(settings: Settings, certificate: ServedCertificate | None = None) -> web.Application:
    """The application, not started: `AppRunner.setup` opens the data folder and starts the parts.

    Without `certificate` it begins with none, and takes what it finds. Raises SettingsError. Starting raises
    DataError (with DataInUse), SettingsError, DiskFull.
    """
    app = web.Application(
        middlewares=[see_client, watch, observe, render_problems, gate], client_max_size=MAX_JSON_BYTES
    )
    app.on_response_prepare.append(add_security_headers)
    app.on_response_prepare.append(add_request_id)
    app.on_response_prepare.append(add_hsts)
    app.on_response_prepare.append(mark_started)
    app.on_response_prepare.append(tus.mark)
    app.on_shutdown.append(_end_streams)
    app.cleanup_ctx.extend([_data, _forks, _parts, _background])
    app[keys.SETTINGS] = settings
    app[keys.OPENAPI] = document(ROUTES, OPERATIONS)
    app[keys.PROXIES] = networks_of(settings.listen.trusted_proxies, "listen.trusted_proxies")
    app[keys.LIMITS] = RequestLimits(settings.limits)
    app[LAYOUT] = Layout(settings.data)
    app[keys.TLS] = certificate or ServedCertificate(places_of(settings.tls, app[LAYOUT]))
    app[WATCHDOG] = Watchdog(os.environ, lambda: app[WORKER].status.alive)
    add_routes(app)
    return app


async def _data(app: web.Application) -> AsyncIterator[None]:
    """The data folder, this process's alone, and the database in it."""
    layout = app[LAYOUT]
    await asyncio.to_thread(layout.create)
    lock = DataLock(layout.lock)
    await asyncio.to_thread(lock.acquire)
    try:
        database = await Database.open(layout.database)
        app[DATABASE] = database
        try:
            yield
        finally:
            await database.close()
    finally:
        lock.release()


async def _forks(app: web.Application) -> AsyncIterator[None]:
    """The process that decoding children are forked from."""
    app[FORKS] = ForkServer()
    yield
    await app[FORKS].close()


async def _parts(app: web.Application) -> AsyncIterator[None]:
    """Everything that has no task of its own."""
    settings = app[keys.SETTINGS]
    _open_audit(app, settings, app[DATABASE], app[LAYOUT])
    await app[AUDIT_KEEPER].started()
    _open_access(app, settings, app[DATABASE])
    _open_product(app, settings, app[DATABASE], app[LAYOUT])
    app[keys.OIDC] = await asyncio.to_thread(OidcLogin.of, settings.oidc, app[DATABASE], app[keys.USERS])
    _open_notices(app, settings, app[DATABASE])
    app[keys.SITE] = await asyncio.to_thread(Site.load, settings.webui)
    swept = await app[keys.INTAKE].sweep()
    log.info("swept", incoming=swept.incoming, media=swept.media)
    for info in await asyncio.to_thread(app[keys.MODELS].list):
        log.info("model_found", model=info.name, target=info.target, usable=info.ok)
    yield
    app[keys.EVENTS].close()


def _open_audit(app: web.Application, settings: Settings, database: Database, layout: Layout) -> None:
    app[keys.TRAIL] = Trail(database)
    app[keys.READS] = Reads(database)
    app[keys.LOGIN_FAILURES] = LoginFailures(database)
    app[AUDIT_KEEPER] = AuditKeeper(
        app[keys.TRAIL],
        app[keys.LOGIN_FAILURES],
        AuditRetention(database, settings.audit.days),
        head_file=layout.audit_head,
        settings=repr(settings),
    )


def _open_access(app: web.Application, settings: Settings, database: Database) -> None:
    app[keys.STREAMS] = OpenStreams()
    app[keys.USERS] = Users(database, Passwords())
    app[keys.API_KEYS] = Keys(database)
    app[keys.SESSIONS] = Sessions(
        database,
        idle_seconds=settings.sessions.idle_seconds,
        max_seconds=settings.sessions.absolute_seconds,
    )
    app[keys.SECOND_FACTORS] = SecondFactors(database)
    app[keys.ACCOUNTS] = Accounts(
        app[keys.USERS],
        app[keys.API_KEYS],
        app[keys.SESSIONS],
        app[keys.SECOND_FACTORS],
        on_ended=app[keys.STREAMS].end_of,
    )
    app[keys.SETUP] = SetupLink(app[keys.USERS])
    app[keys.LOGIN_LIMIT] = AttemptLimiter()


def _open_product(app: web.Application, settings: Settings, database: Database, layout: Layout) -> None:
    limits = AudioLimits.of(settings.audio)

    async def look_into(path: Path) -> AudioInfo:
        return await probe(path, limits, start=app[FORKS].child)

    app[keys.EVENTS] = EventHub()
    app[keys.RECORDINGS] = Recordings(database, layout)
    app[keys.TRANSCRIPTS] = Transcripts(database)
    app[keys.VERSIONS] = Versions(database, app[keys.TRANSCRIPTS], app[keys.EVENTS])
    app[keys.SHARES] = Shares(database, app[keys.EVENTS], settings.sharing)
    app[keys.LINKS] = Links(database, app[keys.RECORDINGS], settings.sharing)
    app[keys.FINDER] = Finder(database)
    app[INDEX_UPKEEP] = Upkeep(database)
    app[keys.GLOSSARIES] = Glossaries(database)
    app[keys.MODELS] = ModelStore(settings, layout)
    app[keys.METRICS] = Metrics()
    app[keys.JOBS] = Jobs(
        database,
        app[keys.EVENTS],
        max_attempts=settings.queue.max_attempts,
    )
    _open_library(app, settings, database, layout, limits)
    app[keys.INTAKE] = DirectIntake(
        settings.uploads,
        layout,
        database,
        recordings=app[keys.RECORDINGS],
        jobs=app[keys.JOBS],
        quotas=app[keys.QUOTAS],
        probe=look_into,
    )
    app[keys.ONCE] = Once(database, app[keys.INTAKE], app[keys.JOBS])
    app[keys.PARTIALS] = Partials(settings.uploads, layout, database, app[keys.INTAKE])
    app[EXPIRY] = Expiry(app[keys.PARTIALS])
    app[WORKER] = Worker(
        settings=settings,
        jobs=app[keys.JOBS],
        recordings=app[keys.RECORDINGS],
        models=app[keys.MODELS],
        layout=layout,
        events=app[keys.EVENTS],
        observer=app[keys.METRICS],
        start=app[FORKS].child,
    )
    app[HOT_FOLDERS] = HotFolders(
        settings.inboxes,
        db=database,
        intake=app[keys.INTAKE],
        models=app[keys.MODELS],
        users=app[keys.USERS],
        jobs=app[keys.JOBS],
        transcripts=app[keys.TRANSCRIPTS],
        events=app[keys.EVENTS],
    )
    app[keys.HEALTH] = Health(settings, layout, database, app[WORKER])
    _attach_collectors(app, layout)


def _open_notices(app: web.Application, settings: Settings, database: Database) -> None:
    allowed, outbox = Allowed(settings.webhooks.allow), Outbox(database)
    notifier = Notifier(outbox, Poster(settings.webhooks, allowed), Mailer(settings.mail), app[keys.EVENTS])
    app[NOTIFIER] = notifier
    app[keys.WEBHOOKS] = Webhooks(database, allowed, notifier.wake)
    app[keys.MAIL_NOTICES] = MailNotices(database)
    app[keys.METRICS].attach(NoticeCollector(app[keys.METRICS].registry, outbox, notifier.counts))


def _open_library(
    app: web.Application, settings: Settings, database: Database, layout: Layout, limits: AudioLimits
) -> None:
    async def measure(recording: Path, scratch: Path) -> bytes:
        return await waveform(recording, scratch, limits, start=app[FORKS].child)

    jobs, recordings = app[keys.JOBS], app[keys.RECORDINGS]
    app[keys.LIBRARY] = Library(database, jobs)
    app[keys.TRASH] = Trash(database, jobs, recordings)
    app[keys.QUOTAS] = Quotas(database, settings.library.quota_bytes)
    app[keys.WAVEFORMS] = Waveforms(layout, recordings, measure)
    app[HOUSEKEEPING] = Housekeeping(Retention(settings.library, database, jobs, recordings))


def _attach_collectors(app: web.Application, layout: Layout) -> None:
    metrics = app[keys.METRICS]
    metrics.attach(
        QueueCollector(metrics.registry, app[keys.JOBS]),
        WorkerCollector(metrics.registry, app[WORKER]),
        InboxCollector(metrics.registry, app[HOT_FOLDERS].inboxes),
        DiskCollector(metrics.registry, layout.root),
        HostCollector(metrics.registry),
        GpuCollector(metrics.registry),
        CertificateCollector(metrics.registry, app[keys.TLS]),
    )
    app[LOOP_LAG] = LoopLag(metrics.registry)


async def _background(app: web.Application) -> AsyncIterator[None]:
    """The parts that run: their end, other than by our cancelling, is the end of the process."""
    async with asyncio.TaskGroup() as group:
        parts = [
            group.create_task(_endless(part.run()), name=type(part).__name__)
            for part in (
                app[WORKER],
                app[WATCHDOG],
                app[LOOP_LAG],
                app[EXPIRY],
                app[HOT_FOLDERS],
                app[HOUSEKEEPING],
                app[keys.TLS],
                app[INDEX_UPKEEP],
                app[AUDIT_KEEPER],
                app[NOTIFIER],
            )
        ]
        yield
        for part in parts:
            part.cancel()


async def _endless(run: Coroutine[Any, Any, None]) -> NoReturn:
    """A part that returns is as dead as one that raises."""
    await run
    raise RuntimeError("a background part ended")


async def _end_streams(app: web.Application) -> None:
    """At the stop, before open requests are waited for: event streams would never end by themselves."""
    app[keys.STREAMS].end_all()
