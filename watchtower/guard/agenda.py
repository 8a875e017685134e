"""When time alone may change what is thought of a channel. Pure.

What it guarantees: a channel comes up at the time that was noted for it, once, and a time that is
noted again and again costs no memory.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from watchtower.units import ChannelId, RippleTime

__all__ = ["Agenda"]


class Agenda:
    """Channels, each with times of the ledger at which to look at it again."""

    def __init__(self) -> None:
        """Begin with nothing to look at."""
        self._coming: list[tuple[RippleTime, ChannelId]] = []
        self._noted: set[tuple[RippleTime, ChannelId]] = set()

    def note(self, channel: ChannelId, time: RippleTime) -> None:
        """Have ``channel`` come up once ledger time has reached ``time``."""
        entry = (time, channel)
        if entry not in self._noted:
            self._noted.add(entry)
            heapq.heappush(self._coming, entry)

    def reached(self, now: RippleTime) -> Iterator[ChannelId]:
        """Take off the channels whose times have come by ``now``, and return them."""
        while self._coming and self._coming[0][0] <= now:
            entry = heapq.heappop(self._coming)
            self._noted.discard(entry)
            yield entry[1]
