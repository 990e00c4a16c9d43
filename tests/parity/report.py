"""The table of a run: on the terminal, as JSON and Markdown in results/, and in the engine's README.

`python -m parity.report` writes Markdown and README anew from the JSON of the last full run.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from parity.rows import Row

__all__ = [
    "README",
    "RESULTS",
    "described",
    "markdown",
    "readme_section",
    "save",
    "saved",
    "shown",
    "with_section",
]

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
    kept = {"about": about, "rows": [asdict(row) for row in rows]}
    (RESULTS / "parity.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    _write_tables(about, rows)


def saved() -> tuple[dict[str, Any], list[Row]]:
    """What `save` was given by the last full run."""
    kept = json.loads((RESULTS / "parity.json").read_text())
    rows = [Row(**(row | {"details": tuple(row["details"])})) for row in kept["rows"]]
    return kept["about"], rows


def _write_tables(about: dict[str, Any], rows: Sequence[Row]) -> None:
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
    """One line for each part, peer and promise, with the figure of its worst comparison."""
    kinds: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.verdict != "told":
            kinds.setdefault((row.part, row.peer, row.promise), []).append(row)
    lines = []
    for (part, peer, promise), found in kinds.items():
        models = ", ".join(dict.fromkeys(row.model for row in found))
        held = f"{sum(row.verdict == 'held' for row in found)} of {len(found)}"
        lines.append([part, peer, models, promise, _worst(found), held])
    heads = ("part", "against", "models", "promised", "measured, at worst", "held")
    return "\n".join(
        [
            BEGIN,
            f"{_verdict(rows)} Commit {about['commit'][:10]}; {_took(about)}, on "
            f"{about['machine']['cores']} cores. Every comparison is in `tests/parity/results/parity.md`.",
            "",
            *_table(heads, lines),
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
    """The figure of a broken promise, of the largest difference, or of the longest comparison."""
    rows = [row for row in rows if row.verdict == "broken"] or rows
    if rows[0].promise.startswith(("within", "at most 2 times")):
        return max((row.measured for row in rows), key=lambda measured: float(measured.split()[0]))
    if rows[0].promise == "identical" and rows[0].verdict == "held":
        return max((row.measured for row in rows), key=_counted)
    return "; ".join(dict.fromkeys(row.measured for row in rows))


def _counted(measured: str) -> int:
    """The largest number in it: of tokens, segments or words."""
    return max((int(number) for number in re.findall(r"\d+", measured)), default=0)


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


if __name__ == "__main__":
    _write_tables(*saved())
