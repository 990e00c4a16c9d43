"""The table of a run: on the terminal, as JSON and Markdown in results/, and in the engine's README."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from parity.rows import Row

__all__ = ["README", "RESULTS", "described", "markdown", "readme_section", "save", "shown", "with_section"]

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = Path(__file__).parent / "results"
README: Final = ROOT / "onnx_models" / "whisper_onnx" / "README.md"
BEGIN: Final = "<!-- parity: written by `make parity`, do not edit -->"
END: Final = "<!-- /parity -->"
_PACKAGES: Final = (
    "openai-whisper",
    "torch",
    "faster-whisper",
    "ctranslate2",
    "transformers",
    "onnxruntime",
    "numpy",
)
_MARKS: Final = {"held": "yes", "broken": "**NO**", "told": ""}


def described(minutes: float, models: Sequence[str], *, took: float, spared: float) -> dict[str, Any]:
    """What was run, with which versions, and where; `took` and `spared` in seconds."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "changed_files": len(_git("status", "--porcelain", "--untracked-files=no").splitlines()),
        "versions": {name: version(name) for name in _PACKAGES},
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()},
        "minutes": minutes,
        "models": list(models),
        "seconds": round(took),
        "seconds_spared": round(spared),
    }


def save(about: dict[str, Any], rows: Sequence[Row]) -> None:
    """Writes results/parity.json and results/parity.md, and the README's section."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "parity.json").write_text(
        json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=1, ensure_ascii=False)
        + "\n"
    )
    (RESULTS / "parity.md").write_text(markdown(about, rows))
    README.write_text(with_section(README.read_text(), readme_section(about, rows)))


def markdown(about: dict[str, Any], rows: Sequence[Row]) -> str:
    """The whole table."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    machine = f"{about['machine']['processor']}, {about['machine']['cores']} cores"
    lines = [
        "# Parity",
        "",
        f"`make parity` at commit {about['commit'][:10]}: {_verdict(rows)} "
        f"Long recordings of {about['minutes']:g} minutes; {_took(about)}, on {machine}; {versions}.",
        "",
        *_table(
            ("part", "model", "against", "compared", "promised", "measured", "held"),
            ([r.part, r.model, r.peer, r.compared, r.promise, r.measured, _MARKS[r.verdict]] for r in rows),
        ),
    ]
    return "\n".join(lines) + "\n"


def readme_section(about: dict[str, Any], rows: Sequence[Row]) -> str:
    """A line for each part, model and peer: how many promises were held, and the last figure of each kind."""
    kinds: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        kinds.setdefault((row.part, row.peer, row.promise), []).append(row)
    lines = []
    for (part, peer, promise), found in kinds.items():
        models = ", ".join(dict.fromkeys(row.model for row in found))
        held = sum(row.verdict == "held" for row in found)
        kept = f"{held} of {len(found)}" if promise else ""
        lines.append([part, peer, models, promise, _worst(found), kept])
    return "\n".join(
        [
            BEGIN,
            f"Measured at commit {about['commit'][:10]} in {_took(about)} on "
            f"{about['machine']['cores']} cores; every line in `tests/parity/results/parity.md`.",
            "",
            *_table(("part", "against", "models", "promised", "measured", "held"), lines),
            END,
        ]
    )


def with_section(readme: str, section: str) -> str:
    """The README with the section between its marks replaced. ValueError when the marks are missing."""
    before, found, rest = readme.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{README.name} has no lines {BEGIN!r} and {END!r}")
    return before + section + after


def shown(row: Row) -> str:
    """One line of the terminal's table, and its details beneath it."""
    mark = {"held": "ok  ", "broken": "FAIL", "told": "    "}[row.verdict]
    promise = f"  [{row.promise}]" if row.promise else ""
    line = f"{mark} {row.part:11} {row.model:8} {row.peer:17} {row.compared}: {row.measured}{promise}"
    return "\n".join([line, *(f"         {detail}" for detail in row.details)])


def _worst(rows: Sequence[Row]) -> str:
    """The figure of these rows that is furthest from equality, or what was counted in the longest."""
    numbers = [(_number(row.measured), row.measured) for row in rows]
    if all(number is not None for number, _ in numbers) and rows[0].promise.startswith("within"):
        return max(numbers, key=lambda pair: pair[0] or 0.0)[1]
    return (
        "; ".join(dict.fromkeys(row.measured for row in rows[:2]))
        if len(rows) <= 2
        else f"{len(rows)} comparisons"
    )


def _number(measured: str) -> float | None:
    try:
        return float(measured.split(maxsplit=1)[0].rstrip(";"))
    except ValueError:
        return None


def _verdict(rows: Sequence[Row]) -> str:
    broken = sum(row.verdict == "broken" for row in rows)
    promised = sum(row.verdict != "told" for row in rows)
    return f"{promised - broken} of {promised} promises held."


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(heads), line(["---"] * len(heads)), *map(line, rows)]


def _took(about: dict[str, Any]) -> str:
    """How long the run took, with what the peers' cached answers would have taken."""
    spared = about["seconds_spared"] / 60
    cached = f", and {spared:.0f} more when the peers' answers are not in the cache yet" if spared > 1 else ""
    return f"{about['seconds'] / 60:.0f} minutes{cached}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
