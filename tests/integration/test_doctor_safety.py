"""`stenobox doctor` names every unsafe setting in plain words: OWASP ASVS 4.0.3, chapter 14.1."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from harness.certificates import Authority, ec_key, key_pem, pem
from harness.daemon import command
from stenobox.config import (
    DAY,
    LimitsSettings,
    ListenSettings,
    MetricsSettings,
    SessionsSettings,
    Settings,
    TlsSettings,
)
from stenobox.paths import Layout
from stenobox.safety import Result, Verdict, safety_results
from stenobox.tls import put, read_pair, self_signed


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def lines(settings: Settings) -> dict[str, Result]:
    return {result.name: result for result in safety_results(settings)}


def test_the_defaults_are_safe(settings: Settings) -> None:
    """ASVS 14.1.3."""
    assert {result.verdict for result in safety_results(settings)} == {Verdict.OK}


@pytest.mark.parametrize(
    ("name", "section", "words"),
    [
        ("https", {"listen": ListenSettings(host="0.0.0.0", insecure_http=True)}, "can read passwords"),
        ("proxies", {"listen": ListenSettings(trusted_proxies=("10.0.0.0/8",))}, "10.0.0.0/8"),
        ("proxies", {"listen": ListenSettings(trusted_proxies=("::/0",))}, "pose as any client"),
        ("limits", {"limits": LimitsSettings(requests_per_second=0)}, "limits.requests_per_second"),
        ("limits", {"limits": LimitsSettings(connections=0)}, "limits.connections"),
        ("metrics", {"metrics": MetricsSettings(public=True)}, "metrics.public"),
        ("sessions", {"sessions": SessionsSettings(absolute_seconds=90 * DAY)}, "90 days"),
    ],
)
def test_an_unsafe_setting_is_warned_of(
    settings: Settings, name: str, section: dict[str, object], words: str
) -> None:
    """ASVS 14.1.3."""
    found = lines(replace(settings, **section))[name]  # type: ignore[arg-type]
    assert found.verdict is Verdict.WARN
    assert words in found.text


def test_an_open_address_without_certificate_fails(settings: Settings) -> None:
    """ASVS 9.1.1."""
    found = lines(replace(settings, listen=ListenSettings(host="0.0.0.0")))["https"]
    assert found.verdict is Verdict.FAIL
    assert "stenobox tls self-signed" in found.text


@pytest.mark.parametrize(
    ("begins", "ends", "verdict", "words"),
    [
        (-90, 10, Verdict.WARN, "expires on"),
        (-90, -1, Verdict.FAIL, "expired on"),
        (1, 90, Verdict.FAIL, "valid only from"),
        (-1, 90, Verdict.OK, "is valid until"),
    ],
)
def test_a_certificate_whose_time_is_nearly_over_is_named(
    settings: Settings, begins: int, ends: int, verdict: Verdict, words: str
) -> None:
    """ASVS 9.2.1."""
    authority, key = Authority.new(), ec_key()
    certificate = authority.server(key, begins=timedelta(days=begins), ends=timedelta(days=ends))
    put(Layout(settings.data), read_pair(pem(certificate), key_pem(key)))
    found = lines(settings)["https"]
    assert found.verdict is verdict
    assert words in found.text


def test_a_name_that_the_certificate_lacks_and_a_word_that_is_not_needed_are_named(
    settings: Settings,
) -> None:
    """ASVS 9.2.1, 14.1.3."""
    put(Layout(settings.data), self_signed(("a.example", "localhost")))
    listen = ListenSettings(names=("b.example",))
    assert "b.example" in lines(replace(settings, listen=listen))["https"].text
    listen = ListenSettings(names=("a.example",), host="0.0.0.0", insecure_http=True)
    assert "insecure_http" in lines(replace(settings, listen=listen))["https"].text


def test_a_private_key_that_others_can_read_is_named(settings: Settings, tmp_path: Path) -> None:
    """ASVS 6.4.1."""
    file = put(Layout(settings.data), self_signed(("localhost",)))
    assert lines(settings)["key"].verdict is Verdict.OK
    file.chmod(0o644)
    found = lines(settings)["key"]
    assert found.verdict is Verdict.WARN
    assert f"chmod 600 {file}" in found.text
    missing = TlsSettings(certificate=tmp_path / "a", key=tmp_path / "b")
    assert lines(replace(settings, tls=missing))["https"].verdict is Verdict.FAIL


def test_the_command_prints_them(tmp_path: Path) -> None:
    """ASVS 14.1.3."""
    told = command("doctor", data=tmp_path / "data", settings={"metrics.public": "true"})
    line = next(each for each in told.stdout.splitlines() if " metrics " in each)
    assert line.startswith("WARN")
