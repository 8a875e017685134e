"""How fast one server is asked, so that a public one never has a reason to warn.

A server adds up what an address asks for, each request at its price, and lets the sum decay by a
32nd a second; a 32nd of the sum above 5,000 draws ``"warning":"load"``, above 25,000 the
connection is closed with 1008 (rippled include/xrpl/resource/detail/Tuning.h; docs/ledger-rules.md,
Servers). What it guarantees: what is asked through a `Pace` stays below two fifths of the first
bound, since others may share our address; a warning all the same halves it again for a while.

What cannot wait, the submissions above all, is counted and not held up; everything else gives it
the room, and is not starved by it: a little is asked in any case, since what it tells may be that
there is nothing more to submit.

Pure: times are seconds of one monotonic clock of the caller's.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

__all__ = ["Pace"]

_WINDOW: Final = 32.0
"""Seconds over which a server averages (Tuning.h, decayWindowSeconds)."""

_FADING: Final = 64.0
"""Seconds over which it is taken to forget: its clock ticks a little unevenly, and only whole
seconds between two requests count, so that steady asking loses up to every other of its decays
(src/libxrpl/beast/clock/basic_seconds_clock.cpp; recorded: docs/ledger-rules.md, Servers)."""

_WARN_AT: Final = 5_000
"""A 32nd of the sum from which a server warns (Tuning.h, warningThreshold)."""

_REFERENCE: Final = 20
_PRICES: Final = {
    "account_channels": 400,
    "account_objects": 400,
    "account_tx": 400,
    "submit": 400,
}
"""What is dearer than others (rippled src/libxrpl/resource/Fees.cpp, feeMediumBurdenRPC)."""

_URGENT: Final = frozenset({"submit", "fee", "account_info", "server_info", "subscribe"})
"""What is never held up: answers to a close request, what is asked in front of them, and what a
connection begins with. Price and sequence cost a twentieth of a submission each; if they waited
for the room that two hundred submissions took, nothing would leave for several ledgers."""

_TRICKLE: Final = 2.0
"""Seconds after which one more is asked, whatever submissions took: a 25th of what draws a warning.
A tower that was kept from reading what it had been paid redeemed two hundred paid channels anew in
each ledger, until the server threw it out, and began again (world 600716)."""

_CALM: Final = 60.0
"""Seconds after a warning until the bound doubles again."""

_GRAIN: Final = 0.01
"""Seconds that are waited at least, so that rounding makes no loop."""

_LEAST_SHARE: Final = 1 / 16
_MOST_SHARE: Final = 2 / 5
"""Of the first bound: two of us behind one address stay below it together."""


class Pace:
    """What one server was asked for lately, and what it may be asked for now."""

    def __init__(self, *, exempt: bool) -> None:
        """Begin rested; a server that is ``exempt`` is asked freely until it warns."""
        self._exempt = exempt
        self._sum = 0.0
        self._at = 0.0
        self._asked_at = -_TRICKLE
        self._share = _MOST_SHARE
        self._warned_at: float | None = None

    def ask(self, command: str, *, now: float) -> float:
        """Count a request that may be sent now, and return 0; else return when to ask again.

        A request that has to wait is not counted before it is sent: the server counts it then.
        """
        is_urgent = command in _URGENT
        wait = 0.0 if is_urgent else self.wait(now=now)
        if not wait:
            self._rest(now)
            self._sum += _PRICES.get(command, _REFERENCE)
            if not is_urgent:
                self._asked_at = now
        return wait

    def wait(self, *, now: float) -> float:
        """Return the seconds that a request would wait now."""
        self._rest(now)
        if self._exempt:
            return 0.0
        return min(self._until_room(now), max(self._asked_at + _TRICKLE - now, 0.0))

    def warned(self, *, now: float) -> None:
        """Take note that the server warned: it is asked for half as much, and not exempt."""
        self._rest(now)
        self._exempt = False
        self._warned_at = now
        self._share = max(self._share / 2, _LEAST_SHARE)

    def _until_room(self, now: float) -> float:
        bound = _WARN_AT * _WINDOW * self._bound_share(now)
        return 0.0 if self._sum < bound else _GRAIN + _FADING * log(self._sum / bound)

    def _bound_share(self, now: float) -> float:
        if self._warned_at is not None and now - self._warned_at >= _CALM:
            self._warned_at = now if self._share < _MOST_SHARE / 2 else None
            self._share = min(self._share * 2, _MOST_SHARE)
        return self._share

    def _rest(self, now: float) -> None:
        self._sum *= exp(-max(now - self._at, 0.0) / _FADING)
        self._at = now
