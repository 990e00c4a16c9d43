"""Webhooks and e-mail notices."""

from __future__ import annotations

from typing import Final

from stenobox import errors as e
from stenobox.web import notices_shapes as n
from stenobox.web.described import Answer, Body, Operation
from stenobox.web.operations import shared

_WEBHOOK: Final = Answer("The webhook.", n.Webhook)
_DELIVERY: Final = Answer("It is on its way.", n.Delivery)
_OFF: Final = (e.WebhooksOff,)

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/webhooks"): Operation(
        "notices", "One's own webhooks", {200: Answer("The webhooks.", n.WebhookList)}
    ),
    ("POST", "/api/webhooks"): Operation(
        "notices",
        "Have an address called when jobs are over, signed as Standard Webhooks has it",
        {201: Answer("The webhook and its secret, shown this once.", n.WebhookMade)},
        body=Body(kind=n.NewWebhook),
        refusals=_OFF,
    ),
    ("PATCH", "/api/webhooks/{id}"): Operation(
        "notices", "Change a webhook", {200: _WEBHOOK}, body=Body(kind=n.WebhookChange), refusals=_OFF
    ),
    ("DELETE", "/api/webhooks/{id}"): Operation(
        "notices", "Remove a webhook, with what waits for it", {204: shared.NOTHING}, refusals=_OFF
    ),
    ("POST", "/api/webhooks/{id}/test"): Operation(
        "notices", "Send `webhook.test` to a webhook", {202: _DELIVERY}, refusals=_OFF
    ),
    ("GET", "/api/webhooks/{id}/deliveries"): Operation(
        "notices",
        "What was sent to a webhook, or waits; kept for 30 days",
        {200: Answer("A page of them.", n.DeliveryPage)},
        parameters=(shared.LIMIT, shared.CURSOR),
        refusals=_OFF,
    ),
    ("POST", "/api/webhooks/{id}/deliveries/{delivery}/redeliver"): Operation(
        "notices", "Send a notice again, under its old id", {202: _DELIVERY}, refusals=_OFF
    ),
    ("GET", "/api/notices/mail"): Operation(
        "notices", "One's own e-mail notices", {200: Answer("Where to, and about what.", n.Mail)}
    ),
    ("PUT", "/api/notices/mail"): Operation(
        "notices",
        "Have e-mail sent when jobs are over",
        {200: Answer("Where to, and about what.", n.Mail)},
        body=Body(kind=n.MailWishes),
        refusals=(e.MailOff,),
    ),
    ("DELETE", "/api/notices/mail"): Operation("notices", "No more e-mail", {204: shared.NOTHING}),
}
