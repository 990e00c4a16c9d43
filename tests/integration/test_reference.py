"""daemon/REFERENCE.md names every metric, error code and command; what is not documented fails here."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from error_tree import KINDS
from harness.application import Person
from stenobox.audit.actions import MEANINGS, Action
from stenobox.cli import parser
from stenobox.web.routes import ROUTES

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "daemon" / "REFERENCE.md"


def rows(heading: str) -> dict[str, list[str]]:
    """The table under a heading: first cell (a name in backticks) -> the other cells."""
    section = REFERENCE.read_text("utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = {}
    for line in section.splitlines():
        if match := re.match(r"\| `([^`]+)` \| (.+) \|$", line):
            found[match[1]] = [cell.strip() for cell in match[2].split(" | ")]
    return found


async def test_every_metric_is_documented_with_its_type_and_help(anna: Person) -> None:
    text = await (await anna.get("/metrics")).text()
    families = list(text_string_to_metric_families(text))
    # The client library gives each counter and histogram a twin that says when it began.
    twins = {f"{f.name}_created" for f in families}
    served = {f.name: [f.type, f.documentation.rstrip(".")] for f in families if f.name not in twins}
    assert len(served) > 20
    assert rows("Metrics") == served


def test_every_error_code_is_documented_with_its_status_and_title() -> None:
    assert rows("Error codes") == {kind.code: [str(kind.status), kind.title] for kind in KINDS}


def test_every_route_that_takes_an_idempotency_key_is_documented() -> None:
    assert rows("Idempotency keys").keys() == {f"{r.method} {r.path}" for r in ROUTES if r.idempotent}


def test_every_command_is_documented_with_its_help() -> None:
    action = next(each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    assert rows("Commands") == {f"stenobox {each.dest}": [each.help] for each in action._choices_actions}


def test_every_action_of_the_audit_trail_is_documented() -> None:
    assert rows("Audit actions") == {action.value: [MEANINGS[action]] for action in Action}


def test_every_command_that_a_readme_shows_is_one() -> None:
    lines = [
        line.strip()
        for readme in [ROOT / "README.md", *sorted(ROOT.glob("*/README.md"))]
        for line in readme.read_text("utf-8").splitlines()
        if line.startswith("    stenobox ")
    ]
    assert len(lines) >= 7
    for line in lines:
        parser().parse_args(shlex.split(line, comments=True)[1:])  # exits the test if there is no such call
