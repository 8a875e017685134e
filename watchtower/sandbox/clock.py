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
    """A clock at work.

    ``interval`` is seconds of the host between ledgers, None if never. Close times are rounded to
    the nearest multiple of ``resolution`` seconds, as validators round what they agree on; None
    leaves them exact.
    """

    clock: Clock
    start: int
    step: int
    interval: float | None
    resolution: int | None = None

    @classmethod
    def of(
        cls,
        clock: Clock,
        *,
        close_every: float | None = None,
        resolution: int | None = None,
        start: int = NEW_YEAR,
    ) -> Pace:
        """Return the pace of a clock, begun now.

        Args:
            clock: how time passes.
            close_every: seconds between ledgers of the wall clock, in place of four.
            resolution: what the wall and the fast clock round to; a frozen one is left exact.
            start: the ledger time at which a frozen clock begins.
        """
        if clock is Clock.FROZEN:
            return cls(clock=clock, start=start, step=1, interval=None)
        step = _SECONDS_OF_A_LEDGER
        if clock is Clock.FAST:
            start, interval = NEW_YEAR, 0.1
        else:
            start, interval = ripple_time(time.time()), close_every or float(step)
        return cls(clock=clock, start=start, step=step, interval=interval, resolution=resolution)

    def next_close(self, parent_close_time: int, ledgers: int) -> int:
        """Return the close time of a ledger that closes now.

        Rounded, half up, and at least a second after its parent; so a ledger may stand up to half
        the resolution ahead of time (rippled src/xrpld/consensus/LedgerTiming.h, roundCloseTime,
        effCloseTime).

        Args:
            parent_close_time: that of the ledger before.
            ledgers: how many have closed since the start, this one included.
        """
        if self.clock is Clock.FROZEN:
            return parent_close_time + self.step
        made = self.start + self.step * ledgers
        exact = ripple_time(time.time()) if self.clock is Clock.WALL else made
        return max(self._rounded(exact), parent_close_time + 1)

    def _rounded(self, exact: int) -> int:
        if self.resolution is None:
            return exact
        later = exact + self.resolution // 2
        return later - later % self.resolution

    def now(self, last_close_time: int) -> int:
        """Return the time of day: the host's, or that of the last ledger where time is made."""
        return ripple_time(time.time()) if self.clock is Clock.WALL else last_close_time
