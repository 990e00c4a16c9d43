"""Medians, quartiles and ratios of turns."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The middle of some numbers: median, first and third quartile."""

    median: float
    low: float
    high: float

    @property
    def percent(self) -> float:
        """Half of what lies between the quartiles, in percent of the median."""
        return 50.0 * (self.high - self.low) / self.median if self.median else 0.0


def spread(values: Sequence[float]) -> Spread:
    """Of at least one number. Quartiles include the extremes (numpy's linear interpolation)."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Theirs over ours, turn by turn: what a slow minute does to both falls out. Above 1, ours is faster."""
    return spread([their / our for our, their in zip(ours, theirs, strict=True)])
