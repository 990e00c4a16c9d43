"""The results as Markdown: what was promised, then a table for each thing measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .figures import ratio, spread
from .peers import PEERS
from .promises import name_of, promises

Cell = Mapping[str, Any]
BEGIN, END = "<!-- bench-engine: begin -->", "<!-- bench-engine: end -->"

_TITLES: Final = {
    "whole": "Whole run: log-mel in, encoder, prompt and 100 greedy tokens (s)",
    "encoder": "Encoder: log-mel in, first token out (s)",
    "step": "One decoding step (ms)",
    "file": "Whole recordings (s)",
    "latency": "A 5 s clip, text complete (s)",
    "load": "Load in a fresh process, import apart, hashing included (s)",
}
_MILLISECONDS: Final = {"step"}
_REFERENCES: Final = ("ours int8", "ours fp32", "ours cuda fp16")


def markdown(results: Mapping[str, Any]) -> str:
    """The report's body; the README shows the same between its marks."""
    cells: Sequence[Cell] = results["cells"]
    parts = [_circumstances(results), results.get("note", ""), _promised(results)]
    for measure, title in _TITLES.items():
        for heading, group in _groups(title, [cell for cell in cells if cell["measure"] == measure]):
            parts.append(f"**{heading}**\n\n{_table(group)}")
            if measure == "file":
                parts.append(f"**What they heard (tokens)**\n\n{_plain(group, _tokens)}")
    if memory := [cell for cell in cells if cell["measure"] in ("whole", "file") and cell["turns"]]:
        parts.append(f"**Peak memory of the process (MiB)**\n\n{_plain(memory, _peak, measure=True)}")
    parts += [_where_time_goes(cell) for cell in cells if cell.get("parts")]
    if card := results.get("card"):
        parts.append(_card(card))
    if skipped := _skipped(cells):
        parts.append("Not measured: " + "; ".join(skipped) + ".")
    return "\n\n".join(part for part in parts if part) + "\n"


def put_into(readme: Path, body: str) -> None:
    """Replaces what stands between the marks of a file. ValueError when it has none."""
    text = readme.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{readme} has no {BEGIN} ... {END}")
    readme.write_text(f"{before}{BEGIN}\n{body}{END}{after}")


def shown_in(readme: Path) -> str:
    """What stands between the marks of a file."""
    return readme.read_text().partition(BEGIN)[2].partition(END)[0].lstrip("\n")


def _circumstances(results: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"`{results['command']}`, {results['date']}, commit {results['commit']}: {results['machine']}, load "
        f"{results['load_before']:.1f} before and {results['load_after']:.1f} after {results['minutes']:.0f} "
        f"minutes. {versions}. Medians of interleaved turns, ± half the distance between the quartiles, "
        "and in brackets the ratio to ours (the median of the ratios within a turn; above 1, ours is faster)."
    )


def _promised(results: Mapping[str, Any]) -> str:
    rows = ["| promised | at most | measured | |", "| --- | --- | --- | --- |"]
    for promise in promises(results["cells"], results["threads"]):
        measured = "" if promise.measured is None else f"{promise.measured:.3f}{promise.unit}"
        rows.append(f"| {promise.what} | {promise.limit:g}{promise.unit} | {measured} | {promise.verdict} |")
    return "\n".join(rows)


def _groups(title: str, cells: list[Cell]) -> Iterator[tuple[str, list[Cell]]]:
    """Steps have a table for each shape, everything else one."""
    measured = [cell for cell in cells if cell["turns"]]
    if measured and measured[0]["measure"] == "step":
        for shape in dict.fromkeys(cell["shape"] for cell in measured):
            yield f"{title}, {shape}", [cell for cell in measured if cell["shape"] == shape]
    elif measured:
        yield title, measured


def _table(cells: list[Cell]) -> str:
    scale = 1000.0 if cells[0]["measure"] in _MILLISECONDS else 1.0
    rows = [_header(cells)]
    for name in _names(cells):
        entries = (_entry(cell, name, scale) for cell in cells)
        rows.append(f"| {name} | {' | '.join(entries)} |")
    return "\n".join(rows)


def _plain(cells: list[Cell], value: Any, *, measure: bool = False) -> str:
    """A table of one number each."""
    rows = [_header(cells, measure=measure)]
    for name in _names(cells):
        rows.append(f"| {name} | {' | '.join(value(cell, name) for cell in cells)} |")
    return "\n".join(rows)


def _header(cells: list[Cell], *, measure: bool = False) -> str:
    """Names of the columns; threads are named where they are swept."""
    swept = len({cell["threads"] for cell in cells}) > 1
    names = []
    for cell in cells:
        name = f"{name_of(cell)}{' run' if measure and cell['measure'] == 'whole' else ''}"
        threads = f", {cell['threads']} thread{'s' * (cell['threads'] > 1)}"
        names.append(name + (threads if swept else ""))
    return f"| engine | {' | '.join(names)} |\n|{' --- |' * (len(cells) + 1)}"


def _names(cells: list[Cell]) -> list[str]:
    present = {name for cell in cells for name in cell["turns"]}
    return [name for name in PEERS if name in present]


def _seconds(cell: Cell, name: str) -> list[float]:
    return [turn["seconds"] for turn in cell["turns"][name]]


def _entry(cell: Cell, name: str, scale: float) -> str:
    if name not in cell["turns"]:
        return ""
    middle = spread(_seconds(cell, name))
    reference = next((other for other in _REFERENCES if other in cell["turns"]), None)
    compared = ""
    if reference is not None:
        compared = f" ({ratio(_seconds(cell, reference), _seconds(cell, name)).median:.2f})"
    return f"{_number(middle.median * scale)} ±{middle.percent:.0f}%{compared}"


def _number(value: float) -> str:
    """Three digits, without exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _tokens(cell: Cell, name: str) -> str:
    return str(cell["turns"][name][-1]["tokens"]) if name in cell["turns"] else ""


def _peak(cell: Cell, name: str) -> str:
    peaks = [turn["peak_mib"] for turn in cell["turns"].get(name, []) if "peak_mib" in turn]
    return f"{max(peaks):.0f}" if peaks else ""


def _where_time_goes(cell: Cell) -> str:
    names = list(dict.fromkeys(part for parts in cell["parts"].values() for part in parts))
    rows = [f"| engine | {' | '.join(names)} |\n|{' --- |' * (len(names) + 1)}"]
    for engine, parts in cell["parts"].items():
        entries = (_number(parts[name]) if name in parts else "" for name in names)
        rows.append(f"| {engine} | {' | '.join(entries)} |")
    return f"**Where the time goes: {name_of(cell)} (s, one turn)**\n\n" + "\n".join(rows)


def _card(card: Mapping[str, Any]) -> str:
    rows = [
        f"**How far from the card's limits** (copying {card['copy_gb_s']:.0f} GB/s, multiplying "
        f"{card['matmul_tflop_s']:.0f} TFLOP/s in fp16, both measured by torch)\n",
        "| what | share |",
        "| --- | --- |",
        *(f"| {what} | {share:.0%} |" for what, share in card["shares"].items()),
    ]
    return "\n".join(rows)


def _skipped(cells: Sequence[Cell]) -> list[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        for name, reason in cell["skipped"].items():
            reasons.setdefault((name, reason), []).append(f"{cell['measure']} {name_of(cell)}")
    return [f"{name} ({reason}) in {', '.join(where)}" for (name, reason), where in reasons.items()]
