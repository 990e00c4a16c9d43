"""What requests and answers about webhooks and e-mail notices hold."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stenobox.web.answers import Moment, Said

JobEnd = Literal["job.done", "job.failed", "job.quarantined", "job.cancelled"]

DEFAULT_EVENTS: tuple[JobEnd, ...] = ("job.done", "job.failed", "job.quarantined")

Address = Annotated[str, Meta(max_length=2_000, description="Where it is called, `https://...`")]
Events = Annotated[
    list[JobEnd], Meta(min_length=1, max_length=4, description="Of which ends of a job it tells")
]
EveryJob = Annotated[bool, Meta(description="Of every job; otherwise of those that name it (`webhook`)")]
Title = Annotated[bool, Meta(description="Whether it tells the recording's title")]


class NewWebhook(msgspec.Struct, forbid_unknown_fields=True):
    url: Address
    events: Events = msgspec.field(default_factory=lambda: list(DEFAULT_EVENTS))
    every_job: EveryJob = True
    title: Title = False


class WebhookChange(msgspec.Struct, forbid_unknown_fields=True):
    """A field that is not there stays as it is. `enabled` true also undoes that the box switched it off."""

    url: Address | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    every_job: EveryJob | UnsetType = UNSET
    title: Title | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class WebhookFields(Said):
    """A webhook, without what it signs with."""

    id: str
    url: str
    events: list[JobEnd]
    every_job: EveryJob
    title: Title
    enabled: bool
    disabled: Annotated[
        Literal["user", "failing", "gone"] | None,
        Meta(description="Why it is off: switched off, a day of failures, or it answered 410"),
    ]
    created_at: Moment
    failing_since: Moment | None
    last_success_at: Moment | None
    last_error: Annotated[str | None, Meta(description="A sentence for people")]
    last_error_at: Moment | None


class Webhook(WebhookFields):
    """A webhook."""


class WebhookMade(WebhookFields):
    """A new webhook. No other answer holds its secret."""

    secret: Annotated[
        str | None,
        Meta(
            description="Signs what is sent, as Standard Webhooks has it; shown this once: null when the "
            "request is repeated"
        ),
    ]


class WebhookList(Said):
    """One's own webhooks."""

    webhooks: list[Webhook]
    available: Annotated[bool, Meta(description="Whether this box lets accounts have webhooks")]


class Delivery(Said):
    """A notice on its way to a webhook."""

    id: int
    message_id: Annotated[str, Meta(description="`webhook-id`, the same however often it is sent")]
    event: str
    job_id: str | None
    state: Literal["waiting", "delivered", "failed"]
    attempts: Annotated[int, Meta(ge=0)]
    created_at: Moment
    due_at: Annotated[Moment, Meta(description="Of the next attempt, while it waits")]
    tried_at: Moment | None
    status: Annotated[int | None, Meta(description="Of the last answer")]
    problem: Annotated[str | None, Meta(description="Of the last attempt, a sentence for people")]


class DeliveryPage(Said):
    """Deliveries, the newest first."""

    deliveries: list[Delivery]
    next: Annotated[str | None, Meta(description="The `cursor` of the next page; null on the last")]


class MailWishes(msgspec.Struct, forbid_unknown_fields=True):
    address: Annotated[str, Meta(max_length=254, description="Where to")]
    events: Events = msgspec.field(default_factory=lambda: list(DEFAULT_EVENTS))
    title: Title = False


class Mail(Said):
    """Whether e-mail is sent, where to, and about what; all null for who wants none."""

    address: str | None
    events: list[JobEnd]
    title: bool
    available: Annotated[bool, Meta(description="Whether this box sends e-mail")]
