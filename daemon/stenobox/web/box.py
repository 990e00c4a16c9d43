"""The box itself, for administrators: its models, the settings in force, how fast it is."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stenobox.config import Settings
from stenobox.installed import Installed
from stenobox.monitor.performance import Done, Gpu, Report
from stenobox.safety import warnings_of
from stenobox.safety.shown import Shown, inbox_shown, sections_of
from stenobox.web import box_shapes as shapes
from stenobox.web.bodies import json_response
from stenobox.web.keys import INSTALLED, PERFORMANCE, SETTINGS


async def list_models(request: web.Request) -> web.Response:
    found = await request.app[INSTALLED].list()
    return json_response(shapes.InstalledModels([_model(model) for model in found]))


async def verify_model(request: web.Request) -> web.Response:
    """Answers 200 whether it is whole or not: the question was answered."""
    found = await request.app[INSTALLED].verify(request.match_info["name"])
    verdict = shapes.Verified(not found.code, found.code, found.file, found.problem or None)
    return json_response(verdict)


async def remove_model(request: web.Request) -> web.Response:
    await request.app[INSTALLED].remove(request.match_info["name"])
    return web.Response(status=204)


async def settings(request: web.Request) -> web.Response:
    # In a thread: the warnings look at the certificate and at files with secrets.
    return json_response(await asyncio.to_thread(_settings, request.app[SETTINGS]))


async def performance(request: web.Request) -> web.Response:
    return json_response(_performance(await request.app[PERFORMANCE].report()))


def _model(model: Installed) -> shapes.InstalledModel:
    return shapes.InstalledModel(
        name=model.info.name,
        target=model.info.target,
        provider=model.provider,
        size=model.info.size,
        sha256=model.info.sha256,
        licence=model.info.licence,
        source=model.info.source,
        usable=not model.problem,
        problem=model.problem or None,
        default=model.default,
        loaded=model.loaded,
        waiting=model.waiting,
    )


def _settings(value: Settings) -> shapes.BoxSettings:
    return shapes.BoxSettings(
        sections=[_section(name, found) for name, found in sections_of(value)],
        inboxes=[_section(inbox.name, inbox_shown(inbox)) for inbox in value.inboxes],
        warnings=[shapes.SettingWarning(result.name, result.text) for result in warnings_of(value)],
    )


def _section(name: str, found: list[Shown]) -> shapes.Section:
    return shapes.Section(name, [_setting(one) for one in found])


def _setting(one: Shown) -> shapes.Setting:
    return shapes.Setting(
        name=one.name,
        value=one.value,
        default=one.default,
        origin=one.origin,
        secret=one.secret,
        is_set=one.is_set,
        meaning=one.meaning,
    )


def _performance(report: Report) -> shapes.PerformanceFigures:
    waits, requests, host = report.waits, report.requests, report.host
    return shapes.PerformanceFigures(
        uptime_seconds=report.uptime,
        last_hour=_done(report.hour),
        last_day=_done(report.day),
        complete=report.complete,
        waiting_seconds=shapes.Spread(waits.count, waits.median, waits.p90),
        event_loop_lag_p99_seconds=report.lag_p99,
        requests=shapes.RequestFigures(requests.count, requests.per_second, requests.p50, requests.p99),
        host=shapes.HostFigures(
            load1=host.load1,
            cpus=host.cpus,
            memory_total=host.memory_total,
            memory_available=host.memory_available,
            disk_free=host.disk_free,
            disk_size=host.disk_size,
        ),
        gpus=[_gpu(gpu) for gpu in report.gpus],
    )


def _done(done: Done) -> shapes.DoneLately:
    models = [
        shapes.ModelSpeed(speed.model, speed.factor.count, speed.factor.median, speed.factor.p90)
        for speed in done.models
    ]
    return shapes.DoneLately(done.jobs, done.audio_seconds, done.work_seconds, models)


def _gpu(gpu: Gpu) -> shapes.GpuFigures:
    used, total = gpu.figures.get("memory_used"), gpu.figures.get("memory_total")
    return shapes.GpuFigures(
        index=gpu.index,
        healthy=gpu.healthy,
        utilization=gpu.figures.get("utilization"),
        memory_used=None if used is None else int(used),
        memory_total=None if total is None else int(total),
        temperature=gpu.figures.get("temperature"),
        power=gpu.figures.get("power"),
    )
