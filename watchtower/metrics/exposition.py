"""The exposition: what Prometheus reads, in the form that it asks for.

What it guarantees: however many read, and however often, each of its two forms is made at most once
a second, and nothing of what a reader asks for is kept or said back; what is read of the tower is
read in one step of the event loop, and written out beside it. Nothing here is waited for by whoever
guards channels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector
from typing_extensions import override

from watchtower.metrics.catalogue import CATALOGUE
from watchtower.metrics.counting import Spreads
from watchtower.metrics.metric import Kind, Metric, Sample

__all__ = ["Exposition", "text_of"]

_OPEN: Final = "application/openmetrics-text"

_KEPT_FOR: Final = 1.0
"""Seconds for which what was read is good for others who ask."""


class Exposition:
    """What is measured of one tower, whenever somebody asks."""

    def __init__(
        self,
        read: Callable[[], tuple[list[Sample], Spreads]],
        look: Callable[[], Awaitable[list[Sample]]],
        *,
        clock: Callable[[], float],
    ) -> None:
        """Read nothing yet.

        Args:
            read: returns all that is in memory, at once.
            look: returns what has to be waited for.
            clock: steady seconds.
        """
        self._read = read
        self._look = look
        self._clock = clock
        self._asking = asyncio.Lock()
        self._made: dict[str, tuple[float, bytes]] = {}

    async def text(self, accept: str) -> tuple[bytes, str]:
        """Return the exposition and its content type, for what a header ``Accept`` asks for."""
        encoder, content_type = _form(accept)
        async with self._asking:
            made = self._made.get(content_type)
            if made is None or self._clock() - made[0] >= _KEPT_FOR:
                beside = await self._look()
                samples, spreads = self._read()
                families = _families([*samples, *beside], spreads)
                text = await asyncio.to_thread(_encode, encoder, families, _PROCESS)
                made = self._made[content_type] = (self._clock(), text)
        return made[1], content_type


def text_of(samples: Iterable[Sample], accept: str = "") -> bytes:
    """Return the exposition of what is known without a daemon."""
    encoder, _ = _form(accept)
    return _encode(encoder, _families(samples, {}))


def _form(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """Return what writes one of the two forms, and its content type.

    The client library takes a version from ``Accept`` unseen: it fails on one that is no number,
    and says any other back, so that each would be a form of its own here. Nobody needs another
    version than the one that every reader of OpenMetrics knows.
    """
    kinds = (one.partition(";")[0].strip() for one in accept.split(","))
    return choose_encoder(f"{_OPEN}; version=1.0.0" if _OPEN in kinds else "")


class _Registry(Collector):
    """Families that have been made, as a registry: an own one each time, so none is shared."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    @override
    def collect(self) -> Iterable[Family]:
        return self._families


_PROCESS: Final = ProcessCollector(registry=None)


def _encode(
    encoder: Callable[[CollectorRegistry], bytes], families: list[Family], *others: Collector
) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    for collector in (_Registry(families), *others):
        registry.register(collector)
    return encoder(registry)


def _families(samples: Iterable[Sample], spreads: Spreads) -> list[Family]:
    """Return a family for every metric of the catalogue, also for one that has no sample yet."""
    made = {metric: _family(metric) for metric in CATALOGUE}
    for metric, labels, value in samples:
        made[metric].add_metric(labels, value)  # type: ignore[attr-defined]  # one of three kinds
    for metric, spread in spreads.items():
        buckets = list(zip(_bounds(metric), accumulate(spread.counts), strict=True))
        made[metric].add_metric((), buckets, spread.sum)  # type: ignore[attr-defined]  # likewise
    return list(made.values())


def _family(metric: Metric) -> Family:
    name, meaning = metric.name, metric.meaning
    if metric.kind is Kind.COUNTER:
        return CounterMetricFamily(name, meaning, labels=metric.labels, unit=metric.unit)
    if metric.kind is Kind.HISTOGRAM:
        return HistogramMetricFamily(name, meaning, labels=metric.labels, unit=metric.unit)
    return GaugeMetricFamily(name, meaning, labels=metric.labels, unit=metric.unit)


def _bounds(metric: Metric) -> Iterator[str]:
    yield from (repr(bound) for bound in metric.bounds)
    yield "+Inf"
