"""The values of metrics at one moment, for those who ask without Prometheus."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Self

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample


class Figures:
    """Samples by their names, which for counters end in `_total` and for histograms in `_bucket`."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples: defaultdict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            self._samples[sample.name].append(sample)

    @classmethod
    def of(cls, registry: CollectorRegistry) -> Self:
        """Blocks: the process's own figures are read from /proc."""
        return cls([sample for family in registry.collect() for sample in family.samples])

    def value(self, name: str, **labels: str) -> float | None:
        """Of the one sample with these labels; None when there is none."""
        return next((s.value for s in self._samples.get(name, ()) if s.labels == labels), None)

    def total(self, name: str) -> float:
        """Of all labels together."""
        return sum(sample.value for sample in self._samples.get(name, ()))

    def labelled(self, name: str, label: str) -> list[str]:
        """The values of a label, in order."""
        return sorted(sample.labels[label] for sample in self._samples.get(name, ()))

    def quantile(
        self, histogram: str, share: float, label: str = "", without: Collection[str] = ()
    ) -> float | None:
        """What `share` (0 to 1) of all observations were at most, as exact as the buckets are: between their
        bounds it is interpolated, as Prometheus' histogram_quantile does. Those whose `label` is one of
        `without` do not count. None without any observation.
        """
        counts: defaultdict[float, float] = defaultdict(float)
        for sample in self._samples.get(f"{histogram}_bucket", ()):
            if not label or sample.labels[label] not in without:
                counts[float(sample.labels["le"])] += sample.value
        rank = share * counts.get(math.inf, 0.0)
        if not rank:
            return None
        below, lower = 0.0, 0.0
        for bound in sorted(counts):
            if counts[bound] >= rank:
                # The last bucket has no end: all that is known is that it was more than its beginning.
                within = (rank - below) / (counts[bound] - below)
                return lower if math.isinf(bound) else lower + (bound - lower) * within
            below, lower = counts[bound], bound
        return lower
