"""The unit file is one that systemd itself accepts, and it agrees with what the daemon does."""

from __future__ import annotations

import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"


def unit() -> RawConfigParser:
    parser = RawConfigParser(strict=False, delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / "stenobox.service")
    return parser


def tree(tmp_path: Path, *, program: str = "/opt/stenobox/bin/stenobox") -> Path:
    """A root in which the unit's programs exist, since verify looks for them."""
    root = tmp_path / "root"
    for name in (program, "/bin/kill"):
        binary = root / name.lstrip("/")
        binary.parent.mkdir(parents=True)
        binary.write_text("#!/bin/sh\n")
        binary.chmod(0o755)
    folder = root / "etc/systemd/system"
    folder.mkdir(parents=True)
    shutil.copy(UNITS / "stenobox.service", folder)
    for name in ("basic", "sysinit", "network-online", "shutdown", "multi-user", "local-fs", "tmp"):
        (folder / f"{name}.target").write_text("[Unit]\nDescription=stand-in\nDefaultDependencies=no\n")
    return root


def verify(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "verify", f"--root={root}", "--man=no", "stenobox.service"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_systemd_accepts_the_unit_without_a_word(tmp_path: Path) -> None:
    result = verify(tree(tmp_path))
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_the_check_would_notice_a_wrong_directive(tmp_path: Path) -> None:
    root = tree(tmp_path)
    file = root / "etc/systemd/system/stenobox.service"
    file.write_text(file.read_text().replace("[Service]\n", "[Service]\nRestrt=always\n"))
    assert "Restrt" in verify(root).stderr


def test_the_unit_waits_for_ready_and_feeds_a_watchdog() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= 30
    assert service["Restart"] == "on-failure"


@pytest.mark.parametrize("key", ["User", "StateDirectory", "ConfigurationDirectory"])
def test_everything_is_called_stenobox(key: str) -> None:
    assert unit()["Service"][key] == "stenobox"
