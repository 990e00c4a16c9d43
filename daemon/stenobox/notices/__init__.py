"""Notices of jobs that are over: who wants which, and the outbox they wait in until they are delivered.

A trigger of the database fills the outbox, in the transaction that ends a job. `notifying/` empties it.
"""

from stenobox.notices.addresses import Allowed
from stenobox.notices.mail import MailNotice, MailNotices
from stenobox.notices.outbox import Due, Outbox
from stenobox.notices.webhooks import Delivery, Webhook, Webhooks, Wishes

__all__ = [
    "Allowed",
    "Delivery",
    "Due",
    "MailNotice",
    "MailNotices",
    "Outbox",
    "Webhook",
    "Webhooks",
    "Wishes",
]
