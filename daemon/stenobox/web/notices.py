"""Webhooks and e-mail notices: everybody's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, cast

import msgspec
from aiohttp import web

from stenobox.errors import MailOff, WebhooksOff
from stenobox.idempotency import Note
from stenobox.moments import maybe, moment
from stenobox.notices import Delivery, MailNotice, Webhook, Webhooks, Wishes
from stenobox.web import notices_shapes as shapes
from stenobox.web.bodies import json_response, read_json
from stenobox.web.keys import MAIL_NOTICES, SETTINGS, WEBHOOKS, identity_of
from stenobox.web.query import limit_of, number_in_path
from stenobox.web.repeats import once

ENDS: tuple[shapes.JobEnd, ...] = ("job.done", "job.failed", "job.quarantined", "job.cancelled")


async def list_webhooks(request: web.Request) -> web.Response:
    """Also while webhooks are switched off: the answer says so."""
    found = await request.app[WEBHOOKS].list(identity_of(request))
    available = request.app[SETTINGS].webhooks.enabled
    return json_response(shapes.WebhookList([shapes.Webhook(**_fields(each)) for each in found], available))


async def create_webhook(request: web.Request) -> web.Response:
    """The only answer that ever holds the signing secret: a repeat shows the webhook without."""
    webhooks, identity = _webhooks(request), identity_of(request)
    body = await read_json(request, shapes.NewWebhook)

    async def make(note: Note) -> shapes.WebhookMade:
        wishes = _wishes(body.events, body.title)
        made, secret = await webhooks.create(identity, body.url, wishes, every_job=body.every_job, note=note)
        return shapes.WebhookMade(**_fields(made), secret=secret)

    async def again(webhook_id: str) -> shapes.WebhookMade:
        return shapes.WebhookMade(**_fields(await webhooks.get(webhook_id, identity)), secret=None)

    return json_response(await once(request, body, make, again), 201)


async def change_webhook(request: web.Request) -> web.Response:
    webhooks = _webhooks(request)
    body = await read_json(request, shapes.WebhookChange)
    given = {k: v for k, v in msgspec.structs.asdict(body).items() if v is not msgspec.UNSET}
    if "events" in given:
        given |= _switches(given.pop("events"))
    if "title" in given:
        given["with_title"] = given.pop("title")
    webhook = await webhooks.change(request.match_info["id"], identity_of(request), given)
    return json_response(shapes.Webhook(**_fields(webhook)))


async def remove_webhook(request: web.Request) -> web.Response:
    await _webhooks(request).remove(request.match_info["id"], identity_of(request))
    return web.Response(status=204)


async def test_webhook(request: web.Request) -> web.Response:
    delivery = await _webhooks(request).test(request.match_info["id"], identity_of(request))
    return json_response(_delivery(delivery), 202)


async def list_deliveries(request: web.Request) -> web.Response:
    """Query: `limit`, `cursor`."""
    page = await _webhooks(request).deliveries(
        request.match_info["id"], identity_of(request), limit_of(request), request.query.get("cursor")
    )
    return json_response(shapes.DeliveryPage([_delivery(each) for each in page.deliveries], page.next))


async def redeliver(request: web.Request) -> web.Response:
    number = number_in_path(request, "delivery", "delivery")
    delivery = await _webhooks(request).redeliver(request.match_info["id"], number, identity_of(request))
    return json_response(_delivery(delivery), 202)


async def get_mail(request: web.Request) -> web.Response:
    notice = await request.app[MAIL_NOTICES].get(identity_of(request))
    return json_response(_mail(notice, request.app[SETTINGS].mail.host is not None))


async def set_mail(request: web.Request) -> web.Response:
    if not request.app[SETTINGS].mail.host:
        raise MailOff
    body = await read_json(request, shapes.MailWishes)
    notice = MailNotice(body.address, _wishes(body.events, body.title))
    await request.app[MAIL_NOTICES].set(identity_of(request), notice)
    return json_response(_mail(notice, available=True))


async def remove_mail(request: web.Request) -> web.Response:
    await request.app[MAIL_NOTICES].remove(identity_of(request))
    return web.Response(status=204)


def _webhooks(request: web.Request) -> Webhooks:
    if not request.app[SETTINGS].webhooks.enabled:
        raise WebhooksOff
    return request.app[WEBHOOKS]


def _switches(events: Iterable[str]) -> dict[str, bool]:
    wanted = set(events)
    return {f"on_{end.removeprefix('job.')}": end in wanted for end in ENDS}


def _wishes(events: Iterable[str], title: bool) -> Wishes:
    return Wishes(**_switches(events), with_title=title)


def _events(wishes: Wishes) -> list[shapes.JobEnd]:
    return [end for end in ENDS if getattr(wishes, f"on_{end.removeprefix('job.')}")]


def _fields(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": _events(webhook.wishes),
        "every_job": webhook.every_job,
        "title": webhook.wishes.with_title,
        "enabled": webhook.disabled is None,
        "disabled": webhook.disabled,
        "created_at": moment(webhook.created_at),
        "failing_since": maybe(webhook.failing_since),
        "last_success_at": maybe(webhook.last_success_at),
        "last_error": webhook.last_error,
        "last_error_at": maybe(webhook.last_error_at),
    }


def _delivery(value: Delivery) -> shapes.Delivery:
    times = {
        "created_at": moment(value.created_at),
        "due_at": moment(value.due_at),
        "tried_at": maybe(value.tried_at),
    }
    return shapes.Delivery(**{**dataclasses.asdict(value), **cast("dict[str, Any]", times)})


def _mail(notice: MailNotice | None, available: bool) -> shapes.Mail:
    if notice is None:
        return shapes.Mail(None, [], False, available)
    return shapes.Mail(notice.address, _events(notice.wishes), notice.wishes.with_title, available)
