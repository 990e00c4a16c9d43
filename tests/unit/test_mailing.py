"""One attempt to deliver a notice by e-mail, against a real mail server."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from pathlib import Path

import pytest
import trustme

from harness.mailserver import MailServer
from stenobox.config import MailSettings
from stenobox.notices import Due
from stenobox.notifying import Mailer
from stenobox.notifying.mailing import message
from stenobox.notifying.outcome import Outcome

NOTICE = Due(
    id=1, message_id="msg_0123", user_id=1, webhook_id=None, event="job.done", job_id="a1", recording_id="b2",
    error=None, queued_at=1.0, started_at=2.0, finished_at=3.0, created_at=3.0, attempts=0, url=None,
    secret=None, address="ann@example.org", disabled=False, title=None,
)  # fmt: skip


async def sent(server: MailServer, notice: Due = NOTICE, **settings: object) -> Outcome:
    wanted = {"host": "127.0.0.1", "port": server.port, "security": "none", "sender": "box@example.org"}
    return await Mailer(MailSettings(**(wanted | settings))).send(notice)  # type: ignore[arg-type]


async def test_a_mail_says_what_became_of_which_job_and_no_more() -> None:
    with MailServer() as server:
        assert await sent(server) == Outcome(status=250)
        mail = await asyncio.to_thread(server.next)
    assert (mail["To"], mail["From"]) == ("ann@example.org", "box@example.org")
    assert mail["Subject"] == "A transcript is ready"
    assert mail["Message-ID"] == "<msg_0123@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Job: a1" in mail.get_content()


@pytest.mark.parametrize("event", ["job.failed", "job.quarantined", "job.cancelled"])
async def test_every_end_of_a_job_has_words_of_its_own(event: str) -> None:
    mail = message(dataclasses.replace(NOTICE, event=event, error="decoder_failed"), "box@example.org")
    assert mail["Subject"] != message(NOTICE, "box@example.org")["Subject"]
    assert "Reason: decoder_failed" in mail.get_content()


async def test_a_title_cannot_add_headers_or_recipients() -> None:
    notice = dataclasses.replace(NOTICE, title="Grüße\r\nBcc: eve@example.org\r\n\r\nbody")
    with MailServer() as server:
        assert (await sent(server, notice)).problem is None
        mail = await asyncio.to_thread(server.next)
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("A transcript is ready: Grüße")
    assert mail["To"] == "ann@example.org"


@pytest.mark.parametrize(
    ("answers", "final"),
    [
        ({"answer": "451 Later"}, False),
        ({"answer": "554 Never"}, True),
        ({"refused": "450 Later"}, False),
        ({"refused": "550 Nobody"}, True),
    ],
)
async def test_what_is_refused_for_good_is_final_and_what_is_put_off_is_not(
    answers: dict[str, str], final: bool
) -> None:
    with MailServer(**answers) as server:
        outcome = await sent(server)
    assert outcome.problem is not None
    assert outcome.final is final


async def test_a_server_that_is_not_there_is_an_outcome_and_no_error() -> None:
    with MailServer() as server:
        port = server.port
    settings = MailSettings(host="127.0.0.1", port=port, security="none")
    outcome = await Mailer(settings).send(NOTICE)
    assert outcome.problem is not None and not outcome.final


async def test_encryption_that_the_settings_ask_for_is_never_done_without() -> None:
    with MailServer() as server:
        outcome = await sent(server, security="starttls")
        assert outcome.problem is not None
        assert server.mails.empty()


async def test_the_password_of_the_file_goes_only_through_verified_encryption(tmp_path: Path) -> None:
    ours, other = trustme.CA(), trustme.CA()
    trusted, password = tmp_path / "ca.pem", tmp_path / "password"
    ours.cert_pem.write_to_path(str(trusted))
    password.write_text("correct horse\n")
    login = {"user": "box", "password_file": password, "ca": trusted, "security": "starttls"}
    for authority, taken in ((ours, True), (other, False)):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        with MailServer(login=("box", "correct horse"), tls=context) as server:
            outcome = await sent(server, **login)
            assert (outcome.problem is None) is taken, outcome
            assert server.mails.empty() is not taken


async def test_a_wrong_password_is_told_and_tried_again(tmp_path: Path) -> None:
    authority = trustme.CA()
    trusted, password = tmp_path / "ca.pem", tmp_path / "password"
    authority.cert_pem.write_to_path(str(trusted))
    password.write_text("wrong horse")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with MailServer(login=("box", "correct horse"), tls=context) as server:
        outcome = await sent(server, user="box", password_file=password, ca=trusted, security="starttls")
    assert outcome.problem == "The mail server does not know the box's user or password."
    assert not outcome.final


async def test_nobody_gets_mail_that_is_not_wanted_any_more() -> None:
    with MailServer() as server:
        assert (await sent(server, dataclasses.replace(NOTICE, address=None))).final
        assert server.mails.empty()
    assert (await Mailer(MailSettings()).send(NOTICE)).final
