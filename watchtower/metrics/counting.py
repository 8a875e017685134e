"""Counting what happens: cheap enough to be done wherever it happens. Pure.

What it guarantees: to count, or to sort a time into its bucket, is a look into a dictionary and an
addition; it neither waits nor fails, and memory grows with the metrics and labels of the
catalogue alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from watchtower.metrics.metric import Kind, Metric, Sample

__all__ = ["Counts", "Spread", "Spreads"]


class Spread:
    """How often a histogram's values fell into each of its buckets; ``sum`` is of all of them."""

    __slots__ = ("counts", "metric", "sum")

    def __init__(self, metric: Metric) -> None:
        """Begin with none; the last bucket is for what is above every bound."""
        self.metric = metric
        self.counts = [0] * (len(metric.bounds) + 1)
        self.sum = 0.0

    def note(self, value: float) -> None:
        """Sort a value in; one that equals a bound is in that bucket, as Prometheus has it."""
        self.counts[bisect_left(self.metric.bounds, value)] += 1
        self.sum += value


Spreads = Mapping[Metric, Spread]
"""Histograms, and what was sorted into each."""


class Counts:
    """What was counted since the daemon has started."""

    def __init__(self, metrics: Iterable[Metric] = ()) -> None:
        """Begin at 0, which is told of ``metrics`` (without labels) before anything happens."""
        self._counts: dict[tuple[Metric, tuple[str, ...]], float] = {}
        self._spreads: dict[Metric, Spread] = {}
        for metric in metrics:
            if metric.kind is Kind.HISTOGRAM:
                self._spreads[metric] = Spread(metric)
            else:
                self._counts[metric, ()] = 0

    def add(self, metric: Metric, labels: tuple[str, ...] = (), by: float = 1) -> None:
        """Count once, or ``by``."""
        key = (metric, labels)
        self._counts[key] = self._counts.get(key, 0) + by

    def note(self, metric: Metric, value: float) -> None:
        """Sort a value into a histogram."""
        spread = self._spreads.get(metric)
        if spread is None:
            spread = self._spreads[metric] = Spread(metric)
        spread.note(value)

    def samples(self) -> Iterator[Sample]:
        """Return every count."""
        for (metric, labels), value in self._counts.items():
            yield metric, labels, value

    def spreads(self) -> Spreads:
        """Return every histogram into which anything was sorted."""
        return self._spreads
