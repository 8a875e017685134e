"""When channels are to be judged again, by ledger time alone. Pure.

What it guarantees: a moment is told once, and costs nothing until it has come.
"""

from __future__ import annotations

import heapq

from watchtower.units import ChannelId, RippleTime

__all__ = ["Agenda"]


class Agenda:
    """Moments of ledger time, each with a channel."""

    def __init__(self) -> None:
        """Begin with nothing to come."""
        self._heap: list[tuple[RippleTime, ChannelId]] = []
        self._awaited: set[tuple[RippleTime, ChannelId]] = set()

    def add(self, at: RippleTime, channel: ChannelId) -> None:
        """Have a channel told once ``at`` has come."""
        moment = (at, channel)
        if moment not in self._awaited:
            self._awaited.add(moment)
            heapq.heappush(self._heap, moment)

    def come(self, now: RippleTime) -> set[ChannelId]:
        """Return the channels whose moment has come, and forget these moments."""
        channels: set[ChannelId] = set()
        while self._heap and self._heap[0][0] <= now:
            moment = heapq.heappop(self._heap)
            self._awaited.discard(moment)
            channels.add(moment[1])
        return channels
