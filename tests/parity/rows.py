"""One line of the parity table: what was compared, what is promised, what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Lines", "Row"]

Verdict = Literal["held", "broken", "told"]


@dataclass(frozen=True)
class Row:
    """`verdict` is "told" for a figure that belongs in the table and is not promised.

    `details` are for the terminal and the JSON file: where and why something differs.
    """

    part: str
    model: str
    peer: str
    compared: str
    promise: str
    measured: str
    verdict: Verdict
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lines:
    """Makes the lines of one part of the table, for one model against one peer."""

    part: str
    model: str
    peer: str

    def promised(
        self, compared: str, *, promise: str, measured: str, held: bool, details: tuple[str, ...] = ()
    ) -> Row:
        """A line whose promise was kept, or was not."""
        verdict: Verdict = "held" if held else "broken"
        return Row(self.part, self.model, self.peer, compared, promise, measured, verdict, details)

    def bounded(self, compared: str, furthest: float, *, bound: float, unit: str = "") -> Row:
        """A line that promises a largest difference."""
        unit = unit and f" {unit}"
        promise, measured = f"within {bound:g}{unit}", f"{furthest:.1e}{unit}"
        held = furthest <= bound  # never for NaN
        return self.promised(compared, promise=promise, measured=measured, held=held)

    def told(self, compared: str, measured: str) -> Row:
        """A line that promises nothing."""
        return Row(self.part, self.model, self.peer, compared, "", measured, "told")

    def attempt(self, compared: str, rows: Callable[[], list[Row]]) -> list[Row]:
        """The rows, or one broken promise that names what stood in the way: the other parts go on."""
        try:
            return rows()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            return [self.promised(compared, promise="an answer", measured=reason, held=False)]
