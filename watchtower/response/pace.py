"""How fast ledgers close, by the ledger's own time. Pure.

How many ledgers are left before a deadline decides how many transactions must go in each of them,
so that a guess on the safe side is paid for in drops. What has been seen is used instead, as soon
as enough has: who counts a quarter too few ledgers pays for haste that nobody needs, and where
ledgers come slower than usual, the guess would not even have been safe.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from watchtower.response.fees import LEDGER_SECONDS
from watchtower.units import LedgerIndex, RippleTime

__all__ = ["Closings", "Pace"]

_REMEMBERED: Final = 256
"""Ledgers, some seventeen minutes, over which the pace is taken."""

_ENOUGH: Final = 32
"""Ledgers from which on what was seen says more than the guess."""

_ROUNDED: Final = 10
"""Seconds by which the first and the last close time may be wrong together: both are rounded to
the nearest ten where the network agrees well (rippled LedgerTiming.h:15-21)."""

_FASTEST: Final = 2
"""Seconds that a ledger takes at least (rippled ConsensusParms.h, ledgerMIN_CLOSE)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """So many ledgers in so many seconds of ledger time."""

    ledgers: int = 1
    seconds: int = LEDGER_SECONDS

    def ledgers_in(self, seconds: int) -> int:
        """Return how many ledgers close within ``seconds``; none where they are over."""
        return max(0, seconds) * self.ledgers // self.seconds


class Closings:
    """When the last ledgers closed."""

    def __init__(self) -> None:
        """Begin with none seen."""
        self._seen: deque[tuple[LedgerIndex, RippleTime]] = deque(maxlen=_REMEMBERED)

    def closed(self, ledger_index: LedgerIndex, close_time: RippleTime) -> None:
        """Take note of a ledger that is newer than all before it."""
        self._seen.append((ledger_index, close_time))

    @property
    def pace(self) -> Pace:
        """The pace that can be relied on."""
        if not self._seen:
            return Pace()
        (first, begun), (last, ended) = self._seen[0], self._seen[-1]
        ledgers = last - first
        if ledgers < _ENOUGH:
            return Pace()
        return Pace(ledgers=ledgers, seconds=max(ended - begun + _ROUNDED, _FASTEST * ledgers))
