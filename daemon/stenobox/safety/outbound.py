"""The checks of what leaves the box: webhooks and e-mail."""

from __future__ import annotations

from stenobox.config import Settings
from stenobox.errors import StenoboxError
from stenobox.networks import networks_of
from stenobox.notices import Allowed
from stenobox.notifying.guarded import tls_context
from stenobox.safety.verdicts import Result, Verdict


def check_webhooks(settings: Settings) -> Result:
    """What webhooks may reach can be read, and is told."""
    wanted = settings.webhooks
    try:
        Allowed(wanted.allow)
        tls_context(wanted.ca)
    except StenoboxError as error:
        return Result("webhooks", Verdict.FAIL, error.detail)
    except OSError as error:
        problem = f"{wanted.ca} of webhooks.ca cannot be used ({type(error).__name__})."
        return Result("webhooks", Verdict.FAIL, problem)
    if not wanted.enabled:
        return Result("webhooks", Verdict.OK, "off: no notice leaves the box")
    if any(network.prefixlen == 0 for network in networks_of(wanted.allow, "webhooks.allow")):
        return Result(
            "webhooks", Verdict.WARN, "webhooks.allow has every address, the box's own too: name your LAN."
        )
    where = ", ".join(("public addresses", *wanted.allow))
    return Result("webhooks", Verdict.OK, f"accounts may have notices sent to {where}")


def check_mail(settings: Settings) -> Result:
    """The way to the mail server is as safe as the settings can make it."""
    mail = settings.mail
    if mail.host is None:
        return Result("mail", Verdict.OK, "off: no e-mail is sent")
    if mail.password_file is not None:
        try:
            mode = mail.password_file.stat().st_mode
            mail.password_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            problem = f"{mail.password_file} of mail.password_file cannot be read by this user."
            return Result("mail", Verdict.FAIL, problem)
        if mode & 0o077:
            problem = f"the password can be read by others: chmod 600 {mail.password_file}"
            return Result("mail", Verdict.WARN, problem)
    try:
        tls_context(mail.ca)
    except OSError as error:
        return Result("mail", Verdict.FAIL, f"{mail.ca} of mail.ca cannot be used ({type(error).__name__}).")
    if mail.security == "none":
        problem = "notices and the password cross the network unencrypted: set mail.security."
        return Result("mail", Verdict.WARN, problem)
    return Result("mail", Verdict.OK, f"notices go to {mail.host} by {mail.security}")
