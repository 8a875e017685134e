"""The three clocks: what time a ledger closes at, and when the next one closes by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from watchtower.units import ripple_time

__all__ = ["NEW_YEAR", "Clock", "Pace"]

NEW_YEAR: Final = 820_540_800
"""2026-01-01T00:00:00Z as ledger time: when the first ledger closes, but on the host's clock."""

_SECONDS_OF_A_LEDGER: Final = 4


class Clock(StrEnum):
    """How time passes.

    ``frozen``: only by ``ledger_accept``, a second a ledger. ``wall``: a ledger about every four
    seconds, closed at the host's time. ``fast``: a ledger every 100 ms, each four seconds later.
    """

    FROZEN = "frozen"
    WALL = "wall"
    FAST = "fast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A clock at work. ``interval`` is seconds of the host between ledgers, None if never."""

    clock: Clock
    start: int
    step: int
    interval: float | None

    @classmethod
    def of(cls, clock: Clock) -> Pace:
        """Return the pace of a clock, begun now."""
        match clock:
            case Clock.FROZEN:
                return cls(clock=clock, start=NEW_YEAR, step=1, interval=None)
            case Clock.FAST:
                return cls(clock=clock, start=NEW_YEAR, step=_SECONDS_OF_A_LEDGER, interval=0.1)
            case Clock.WALL:
                start = ripple_time(time.time())
                step = _SECONDS_OF_A_LEDGER
                return cls(clock=clock, start=start, step=step, interval=float(step))

    def next_close(self, parent_close_time: int) -> int:
        """Return the close time of a ledger that closes now."""
        if self.clock is Clock.WALL:
            return ripple_time(time.time())
        return parent_close_time + self.step

    def now(self, last_close_time: int) -> int:
        """Return the time of day: the host's, or that of the last ledger where time is made."""
        return ripple_time(time.time()) if self.clock is Clock.WALL else last_close_time
