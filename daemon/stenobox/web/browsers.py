"""A browser in a few words, such as "Firefox on Linux", for the list in which people look for strangers.

Only that is kept of `User-Agent`: it serves recognition, and the whole header would only tell more than that.
"""

from __future__ import annotations

import re
from typing import Final

# The order matters: every browser claims to be some of those below it.
_BROWSERS: Final = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\b(?:OPR|Opera)/")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"\b(?:Chrome|Chromium|CriOS|HeadlessChrome)/")),
    ("Safari", re.compile(r"\bVersion/\S+ (?:Mobile/\S+ )?Safari/")),
)
_SYSTEMS: Final = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\bMac OS X\b|\bMacintosh\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Linux", re.compile(r"\bLinux\b|\bX11\b")),
)

MAX_LOOKED_AT = 512
UNKNOWN = "Unknown browser"


def browser_of(user_agent: str | None) -> str:
    """The label; of a program that is no browser the name that it gives itself, if that is a plain word."""
    text = (user_agent or "")[:MAX_LOOKED_AT]
    browser = next((name for name, pattern in _BROWSERS if pattern.search(text)), None)
    if browser is None:
        program = re.match(r"[A-Za-z][A-Za-z0-9._-]{0,30}", text)
        return program[0] if program and program[0] != "Mozilla" else UNKNOWN
    system = next((name for name, pattern in _SYSTEMS if pattern.search(text)), None)
    return browser if system is None else f"{browser} on {system}"
