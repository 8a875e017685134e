"""How far a server is trusted to be asked first: its faults, which weigh less as time passes.

What it guarantees: a server that did nothing wrong lately stands before one that did, and says
why when it does not; what is forgiven is forgotten, so that nobody is shunned for ever. Reputation
decides whom to ask first. It never decides what is true (``crosscheck.py``), and every server is
still listened to and written to.

    >>> reputation = Reputation()
    >>> reputation.blame(Fault.TIMED_OUT, now=100.0)
    >>> reputation.rank(now=100.0), reputation.rank(now=400.0)
    (2, 0)

Pure: times are seconds of one monotonic clock of the caller's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["Fault", "Reputation"]

_HALF_LIFE: Final = 60.0
"""Seconds in which a fault loses half its weight: some fifteen ledgers."""

_MOST: Final = 32.0
"""What all faults together weigh at most: six minutes of good behaviour mend everything."""


class Fault(StrEnum):
    """What a server did wrong; the value is the sentence that ``status`` tells."""

    TIMED_OUT = "it did not answer in time"
    BROKE_OFF = "its connection broke"
    TOO_BUSY = "it said that it is too busy, or not synced"
    LOADED = "it warned of load"
    THREW_US_OUT = "it closed the connection for too many requests"
    ANSWERED_ODDLY = "an answer of it could not be used"
    TOLD_ODDLY = "a message of it could not be read"
    ANSWERED_OF_THE_PAST = "it answered from an older ledger than it had announced"
    WENT_SILENT = "it announced no ledger"
    LAGGED = "it was behind the other servers"
    RAN_AHEAD = "it told of ledgers that nobody else has"
    DISAGREED = "it told another ledger hash than other servers"
    CONTRADICTED = "it contradicted what other servers said of a ledger"
    MISJUDGED = "it refused for good a transaction that the ledger then took"


_WEIGHTS: Final = {
    Fault.TOO_BUSY: 1.0,
    Fault.LOADED: 1.0,
    Fault.BROKE_OFF: 1.0,
    Fault.TIMED_OUT: 2.0,
    Fault.ANSWERED_ODDLY: 2.0,
    Fault.TOLD_ODDLY: 2.0,
    Fault.ANSWERED_OF_THE_PAST: 2.0,
    Fault.THREW_US_OUT: 4.0,
    Fault.WENT_SILENT: 4.0,
    Fault.LAGGED: 4.0,
    Fault.RAN_AHEAD: 16.0,
    Fault.DISAGREED: 16.0,
    Fault.CONTRADICTED: 16.0,
    Fault.MISJUDGED: 16.0,
}
"""What is slow or busy may be a good day's bad minute; what says two things is worse."""


class Reputation:
    """One server's faults; begins without any."""

    def __init__(self) -> None:
        """Begin without a fault."""
        self._weights: dict[Fault, float] = {}
        self._at = 0.0

    def blame(self, fault: Fault, *, now: float) -> None:
        """Take note of a fault."""
        self._forgive(now)
        room = _MOST - sum(self._weights.values())
        self._weights[fault] = self._weights.get(fault, 0.0) + min(_WEIGHTS[fault], room)

    def rank(self, *, now: float) -> int:
        """Return 0 for a server without a fault that counts, more the worse it stands."""
        self._forgive(now)
        return round(sum(self._weights.values()))

    def why(self, *, now: float) -> str:
        """Return what weighs most; empty where the rank is 0."""
        if self.rank(now=now) == 0:
            return ""
        return max(self._weights, key=lambda fault: self._weights[fault]).value

    def _forgive(self, now: float) -> None:
        left = 0.5 ** ((now - self._at) / _HALF_LIFE)
        self._at = now
        faded = {fault: weight * left for fault, weight in self._weights.items()}
        self._weights = {fault: weight for fault, weight in faded.items() if weight > 1 / _MOST}
