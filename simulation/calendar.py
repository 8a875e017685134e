"""When ledgers close: every few seconds, rounded as validators round, and now and then much later.

Pure but for what it remembers: how far time has really gone on, which close times only round.
"""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["Calendar"]

_USUAL = 4
"""Seconds of a ledger."""


class Calendar:
    """The close times of one world; all in seconds of ledger time."""

    def __init__(self, now: int, *, resolution: int, fine: int) -> None:
        """Begin at ``now``.

        Args:
            now: the close time of the last ledger.
            resolution: what close times are rounded to.
            fine: so long before an end, no leap leads there.
        """
        self._exact = now
        self._resolution = resolution
        self._fine = fine
        self._leap = 0

    def leap(self, seconds: int) -> None:
        """Let so much time pass with the next ledger, as far as no end comes near by it."""
        self._leap = seconds

    def next_close(self, last: int, ends: Collection[int]) -> int:
        """Return how long after the ledger that closed at ``last`` the next one closes.

        Half up, and at least a second (rippled LedgerTiming.h, roundCloseTime, effCloseTime).
        """
        room = min(ends, default=last + self._leap + self._fine) - last - self._fine
        self._exact += max(_USUAL, min(self._leap, room))
        self._leap = 0
        later = self._exact + self._resolution // 2
        return max(1, later - later % self._resolution - last)
