"""What a check says: a verdict, and a sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    OK = "OK"
    WARN = "WARN"  # it works, but not as it could
    FAIL = "FAIL"  # it does not work


@dataclass(frozen=True, slots=True)
class Result:
    """`name` is short and stays as it is; `text` is for people."""

    name: str
    verdict: Verdict
    text: str
