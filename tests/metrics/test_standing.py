"""A scrape costs what presses at the most, and never what is watched (rule 12)."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from itertools import chain
from types import FrameType
from typing import Any

from tests.guard.test_watch import PAYEE, START, changed, entry, watching
from watchtower.guard.watch import Watch
from watchtower.metrics import standing
from watchtower.metrics.metric import Sample
from watchtower.units import RippleTime


def with_channels(count: int) -> Watch:
    """A watch over channels, of which each has an end that is far away, and so a judgement."""
    far = RippleTime(START + 10_000_000)
    watch = watching(*(changed(10, entry(number, cancel_after=far)) for number in range(count)))
    assert len(watch.incoming.judgements) == count
    return watch


def steps_of(work: Callable[[], object]) -> int:
    """Count the lines and calls of Python that some work takes: no clock is asked."""
    steps = 0

    def note(_frame: FrameType, _event: str, _given: object) -> Any:
        nonlocal steps
        steps += 1
        return note

    before = sys.gettrace()
    gc.disable()  # whoever is called by the collector is no part of the work
    sys.settrace(note)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return steps


def read(watch: Watch) -> list[Sample]:
    """All that is read of a watch for a scrape."""
    return [
        *chain(
            standing.of_ledger(watch, age=1.0),
            standing.of_money(watch),
            standing.of_accounts(watch, payers_of_fees=[PAYEE]),
        )
    ]


def test_reading_costs_the_same_however_many_channels_are_watched() -> None:
    """Step for step, for ten channels and for five hundred that all have a judgement."""
    few, many = with_channels(10), with_channels(500)
    read(few), read(many)  # what is made of what changed is made once, by whoever comes first
    assert steps_of(lambda: read(few)) == steps_of(lambda: read(many))
    told = {metric.name: value for metric, _, value in read(many)}
    assert told["watchtower_channels"] == 500
