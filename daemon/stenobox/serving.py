"""From settings to a process that answers, and back: sockets, signals, the word to systemd, the exit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, web

from stenobox.app import LAYOUT, WATCHDOG, build
from stenobox.config import Settings
from stenobox.errors import AddressUnusable, SettingsError
from stenobox.listening import Listener
from stenobox.log import get_logger
from stenobox.networks import LOOPBACK, is_loopback
from stenobox.networksettings import ListenSettings
from stenobox.paths import Layout
from stenobox.tls import ServedCertificate, places_of
from stenobox.web.connection import LINGER_SECONDS
from stenobox.web.keys import PROXIES, SETTINGS, SETUP, TLS

HANDLER_SECONDS = 5.0
"""How long requests in progress may go on after the stop; an upload that is cut off leaves nothing behind."""

log = get_logger(__name__)


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; raises what a part died of, or why it could not start."""
    allow_many_files()
    # The framework would print headers that it cannot parse, and these hold file names.
    warnings.simplefilter("ignore", BadContentDispositionHeader)
    warnings.simplefilter("ignore", BadContentDispositionParam)
    stop = asyncio.Event()
    with _stopped_by_signals(stop):
        async with _listening(settings) as (app, url), _renewed_by_signal(app[TLS]):
            await _announce(app, url)
            app[WATCHDOG].ready()
            await stop.wait()
            log.info("stopping")
            app[WATCHDOG].stopping()
    log.info("stopped")


@contextlib.asynccontextmanager
async def _listening(settings: Settings) -> AsyncIterator[tuple[web.Application, str]]:
    """Start the application and bind its sockets; yields it and the address for people."""
    places = places_of(settings.tls, Layout(settings.data))
    certificate = await asyncio.to_thread(ServedCertificate.load, places)
    refuse_bare_network(settings, encrypted=certificate.pair is not None)
    app = build(settings, certificate)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=HANDLER_SECONDS,
        lingering_time=LINGER_SECONDS,
    )
    listener: Listener | None = None
    try:
        await runner.setup()
        listener = await start_listening(runner, app, settings.listen)
        control = await asyncio.to_thread(control_listener, app[LAYOUT].control_socket)
        await web.SockSite(runner, control).start()
        scheme = "http" if app[TLS].pair is None else "https"
        yield app, _url(scheme, settings.listen.host, listener.port)
    finally:
        # A part that died has cancelled this task, which must still be able to wait for an orderly end.
        task = asyncio.current_task()
        while task is not None and task.uncancel():
            pass
        if listener is not None:
            await listener.stop()
        await runner.cleanup()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(app[LAYOUT].control_socket.unlink)


async def start_listening(runner: web.BaseRunner, app: web.Application, listen: ListenSettings) -> Listener:
    """Accept connections for a runner that is set up. Raises AddressUnusable."""
    assert runner.server is not None  # noqa: S101  # for mypy: it is there after setup()
    listener = Listener(runner.server, app[TLS], app[SETTINGS].limits, (*LOOPBACK, *app[PROXIES]))
    try:
        leading = listen.redirect_port if app[TLS].pair is not None else 0
        await listener.start(listen.host, listen.port, leading)
    except OSError as error:
        raise AddressUnusable(host=listen.host, port=listen.port, problem=error.strerror) from error
    return listener


def control_listener(path: Path) -> socket.socket:
    """A listening socket that only its owner can reach. A socket that is there is a dead process's: we hold
    the lock.

    It is bound through its folder's descriptor: the path of a data folder may be longer than the 107 bytes
    that unix(7) leaves for an address.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Before bind: the file is then created with this mode, and never was open to anyone else.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(folder)
    listener.setblocking(False)
    return listener


@contextlib.contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _renewed_by_signal(served: ServedCertificate) -> AsyncIterator[None]:
    """SIGHUP reads the certificate again, as `systemctl reload` and the hooks of ACME clients want it."""
    loop = asyncio.get_running_loop()
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(served.try_reload())
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        for task in tuple(reloading):
            task.cancel()


async def _announce(app: web.Application, url: str) -> None:
    """On stdout, for the person at the terminal (or the journal); never through the log, which holds no
    secrets.

    The token is in the fragment: a browser keeps that to itself, so it reaches no log and no proxy.
    """
    lines = [f"Stenobox answers at {url}/"]
    if await app[SETUP].needed():
        lines.append(f"Set up the first account: {url}/setup#token={app[SETUP].issue()}")
    pair = app[TLS].pair
    if pair is not None:
        lines.append(f"SHA-256 fingerprint of its certificate: {pair.fingerprint}")
    # One write: the lines of a journal would otherwise mix with those of the log.
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def allow_many_files() -> None:
    """Raise the soft limit of descriptors to the hard one: each upload takes two, its connection's and its
    file's, and systemd's default of 1024 is there for programs that use select(2).
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _url(scheme: str, host: str, port: int) -> str:
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"


def refuse_bare_network(settings: Settings, *, encrypted: bool) -> None:
    """Passwords and transcripts cross the network only encrypted, unless the owner says otherwise."""
    if not is_loopback(settings.listen.host) and not encrypted and not settings.listen.insecure_http:
        problem = (
            "this address can be reached from the network, and there is no certificate to encrypt with. "
            "Run 'stenobox tls self-signed' or 'stenobox tls import', listen on 127.0.0.1 behind a proxy "
            "with HTTPS, or set listen.insecure_http = true."
        )
        raise SettingsError(source="listen.host", problem=problem)
