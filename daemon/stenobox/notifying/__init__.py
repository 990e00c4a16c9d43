"""Empties the outbox: webhooks over HTTP, and e-mail over SMTP."""

from stenobox.notifying.mailing import Mailer
from stenobox.notifying.notifier import Notifier
from stenobox.notifying.posting import Poster

__all__ = ["Mailer", "Notifier", "Poster"]
