"""The doctor says in plain words what is unsafe about notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from stenobox.config import MailSettings, Settings, WebhooksSettings
from stenobox.safety import Verdict, check_mail, check_webhooks


@pytest.mark.parametrize(
    ("settings", "verdict", "said"),
    [
        (WebhooksSettings(), Verdict.OK, "off"),
        (WebhooksSettings(enabled=True), Verdict.OK, "public addresses"),
        (WebhooksSettings(enabled=True, allow=("10.0.0.0/8",)), Verdict.OK, "10.0.0.0/8"),
        (WebhooksSettings(enabled=True, allow=("0.0.0.0/0",)), Verdict.WARN, "name your LAN"),
        (WebhooksSettings(enabled=True, allow=(" ::/0 ",)), Verdict.WARN, "name your LAN"),
        (WebhooksSettings(allow=("10.0.0.1/8",)), Verdict.FAIL, "webhooks.allow"),
        (WebhooksSettings(allow=("somewhere",)), Verdict.FAIL, "a network such as 10.0.0.0/24"),
        (WebhooksSettings(ca=Path("/nowhere/ca.pem")), Verdict.FAIL, "webhooks.ca"),
    ],
)
def test_what_webhooks_may_reach_is_told(settings: WebhooksSettings, verdict: Verdict, said: str) -> None:
    result = check_webhooks(Settings(webhooks=settings))
    assert result.verdict is verdict
    assert said in result.text


def test_a_mail_password_that_others_can_read_and_a_bare_way_are_warned_of(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o644)
    mail = MailSettings(host="mail.example", password_file=password)
    assert check_mail(Settings(mail=mail)).verdict is Verdict.WARN
    password.chmod(0o600)
    assert check_mail(Settings(mail=mail)).verdict is Verdict.OK
    assert check_mail(Settings(mail=MailSettings(host="m", security="none"))).verdict is Verdict.WARN
    missing = MailSettings(host="m", password_file=tmp_path / "none")
    assert check_mail(Settings(mail=missing)).verdict is Verdict.FAIL
    assert check_mail(Settings()).verdict is Verdict.OK
