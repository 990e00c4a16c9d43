"""One attempt to deliver a notice by e-mail."""

from __future__ import annotations

import asyncio
import email.utils
from datetime import UTC, datetime
from email.message import EmailMessage

import aiosmtplib

from stenobox.config import MailSettings
from stenobox.notices import Due
from stenobox.notifying.guarded import tls_context
from stenobox.notifying.outcome import Outcome

TIMEOUT_S = 30.0

SUBJECTS = {
    "job.done": "A transcript is ready",
    "job.failed": "A recording could not be transcribed",
    "job.quarantined": "A recording was set aside after several attempts",
    "job.cancelled": "A transcription was cancelled",
}


class Mailer:
    """Sends through the mail server of the settings."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    async def send(self, notice: Due) -> Outcome:
        """Raises nothing. What the server refuses for good (5xx) is not tried again."""
        settings = self._settings
        if not settings.host:
            return Outcome("This box sends no e-mail.", final=True)
        if notice.address is None:
            return Outcome("Nobody wants this mail any more.", final=True)
        try:
            await self._send(message(notice, settings.sender))
        except Exception as error:
            return _outcome_of(error)
        return Outcome(status=250)

    async def _send(self, mail: EmailMessage) -> None:
        settings = self._settings
        context = await asyncio.to_thread(tls_context, settings.ca)
        await aiosmtplib.send(
            mail,
            hostname=settings.host,
            port=settings.port,
            username=settings.user,
            password=await asyncio.to_thread(self._password),
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=None if settings.security == "none" else context,
            timeout=TIMEOUT_S,
        )

    def _password(self) -> str | None:
        path = self._settings.password_file
        return None if path is None else path.read_text("utf-8").rstrip("\r\n")


def _outcome_of(error: Exception) -> Outcome:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        code = max((each.code for each in error.recipients), default=550)
        return Outcome(f"The mail server refused the address ({code}).", code, final=code >= 500)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return Outcome("The mail server does not know the box's user or password.", error.code)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        text = f"The mail server answered with {error.code}."
        return Outcome(text, error.code, final=error.code >= 500)
    if isinstance(error, TimeoutError):
        return Outcome("The mail server did not answer in time.")
    return Outcome(f"The mail server cannot be used ({type(error).__name__}).")


def message(notice: Due, sender: str) -> EmailMessage:
    """Says what became of which job. Its Message-ID stays the same however often it is sent."""
    mail = EmailMessage()
    subject = SUBJECTS[notice.event]
    title = None if notice.title is None else "".join(c if c.isprintable() else " " for c in notice.title)
    mail["Subject"] = subject if title is None else f"{subject}: {title}"
    mail["From"] = sender
    mail["To"] = str(notice.address)
    mail["Date"] = email.utils.format_datetime(datetime.fromtimestamp(notice.created_at, UTC))
    mail["Message-ID"] = f"<{notice.message_id}@{sender.rpartition('@')[2].rstrip('>') or 'stenobox'}>"
    # RFC 3834: nobody's answering machine should reply.
    mail["Auto-Submitted"] = "auto-generated"
    lines = [f"{subject}.", "", f"Job: {notice.job_id}"]
    if title is not None:
        lines.append(f"Recording: {title}")
    if notice.error is not None:
        lines.append(f"Reason: {notice.error}")
    lines += ["", "You asked your Stenobox for this notice. Switch it off on your account's page."]
    mail.set_content("\n".join(lines) + "\n")
    return mail
