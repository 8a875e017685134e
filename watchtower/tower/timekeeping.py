"""Whether the host's clock has left the ledger's time, where the two ever agreed.

Nothing is decided by the host's clock, so this is for people alone: certificates, tokens, backups
and the log go by it. A ledger's time may be anybody's (a sandbox lives in another year), and
ledgers may come late; neither is a clock that is wrong. What it guarantees:

- Nothing is said before the two agreed for many ledgers in a row (`is_armed`).
- Only ledgers that come as they close count: over those that are compared as much time has passed
  in the ledger as on a steady clock. Old ones that are caught up with, and a network that runs
  faster than ours, say nothing; nor does silence.
- It takes several in a row to say that the clock is off, and some to take that back.

Servers that are late together, and stay so, cannot be told from a clock that is fast. Pure: times
are arguments.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final, NamedTuple

from watchtower.units import RippleTime, unix_time

__all__ = ["AGREED", "FAR", "IN_A_ROW", "SETTLED", "Timekeeping"]

FAR: Final = 60.0
"""Seconds between a clock and a ledger that has just come that are too many.

A ledger is told some five seconds behind its close time, and that is rounded to the nearest ten
where the network agrees well, and to 120 at worst (rippled LedgerTiming.h:15-21).
"""

AGREED: Final = 30
IN_A_ROW: Final = 15
SETTLED: Final = 5
"""Ledgers in a row: that agree, before anything is said; that do not, to say so; that agree again,
to take it back."""

_PACE: Final = 30.0
"""Seconds by which the ledger and a steady clock may differ over the ledgers that are compared."""


class _Heard(NamedTuple):
    close_time: int
    steady: float
    difference: float


class Timekeeping:
    """Compares the host's clock with ledgers, as they come."""

    def __init__(self, *, is_armed: bool = False) -> None:
        """Begin with nothing heard; ``is_armed`` if the two are known to have agreed before."""
        self.is_armed = is_armed
        self.is_off = False
        self._heard: deque[_Heard] = deque(maxlen=AGREED)

    @property
    def difference(self) -> float:
        """By how many seconds the clock was ahead of the ledger that came last."""
        return self._heard[-1].difference if self._heard else 0.0

    def heard(self, close_time: RippleTime, *, wall: float, steady: float) -> None:
        """Take note of a ledger that has come.

        Args:
            close_time: when it closed.
            wall: what the host's clock said when it came, in seconds since 1970.
            steady: what a steady clock said then, in seconds.
        """
        difference = wall - unix_time(close_time)
        self._heard.append(_Heard(close_time, steady, difference))
        if not self.is_armed:
            self.is_armed = self._all_near(AGREED)
        elif self.is_off:
            self.is_off = not self._all_near(SETTLED)
        else:
            self.is_off = self._all_far()

    def _all_near(self, ledgers: int) -> bool:
        lately = self._lately(ledgers)
        return bool(lately) and all(abs(one.difference) <= FAR for one in lately)

    def _all_far(self) -> bool:
        """Return whether the clock was off all the time, and on one side."""
        lately = self._lately(IN_A_ROW)
        ahead = all(one.difference > FAR for one in lately)
        return bool(lately) and (ahead or all(one.difference < -FAR for one in lately))

    def _lately(self, ledgers: int) -> list[_Heard]:
        """Return the last ledgers, if there were so many and they came as they closed."""
        lately = list(islice(reversed(self._heard), ledgers))
        if len(lately) < ledgers:
            return []
        newest, oldest = lately[0], lately[-1]
        in_the_ledger = newest.close_time - oldest.close_time
        return lately if abs(in_the_ledger - (newest.steady - oldest.steady)) <= _PACE else []
