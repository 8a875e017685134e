"""What a metric is: a name, a meaning and a unit, told once. Pure.

Names follow Prometheus: a prefix of ours, base units at the end (seconds, drops, bytes), and
``_total`` behind what only grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["PREFIX", "Kind", "Metric", "Sample"]

PREFIX: Final = "watchtower_"


class Kind(StrEnum):
    """How a metric moves."""

    GAUGE = "gauge"  # up and down: how things stand
    COUNTER = "counter"  # up, since the daemon has started
    HISTOGRAM = "histogram"  # how often something took how long, since then


# Compared as the one object that it is: it is a key wherever something is counted.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metric:
    """One metric, as everybody sees it.

    Attributes:
        name: without what a histogram adds to it.
        kind: how it moves.
        meaning: one sentence.
        unit: its base unit, which its name ends with; empty for what is counted.
        labels: their names. No value of any is an address, a channel, or anything else that
            outsiders choose: it would show who pays whom, and grow without a bound.
        bounds: of a histogram, the upper bounds of its buckets, growing.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


Sample = tuple[Metric, tuple[str, ...], float]
"""A metric, the values of its labels, and its own."""
