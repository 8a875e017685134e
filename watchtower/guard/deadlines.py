"""Which channels end first, of those on which something is at stake. Pure.

What it guarantees: the nearest few are told in a time that grows with how many are asked for, not
with how many channels have a deadline; a deadline that moves again and again costs no memory.
"""

from __future__ import annotations

import heapq
from typing import Final

from watchtower.units import ChannelId, RippleTime

__all__ = ["Deadlines"]

_ROOM: Final = 64
"""Entries that may be out of date, beside as many as there are channels."""


class Deadlines:
    """The deadline of each channel that has one, the nearest first."""

    def __init__(self) -> None:
        """Begin with none."""
        self._of: dict[ChannelId, RippleTime] = {}
        # Has entries that are out of date, too: those that differ from what stands above.
        self._coming: list[tuple[RippleTime, ChannelId]] = []

    def __len__(self) -> int:
        """Return how many channels have a deadline."""
        return len(self._of)

    def put(self, channel: ChannelId, time: RippleTime | None) -> None:
        """Note the deadline of a channel in ledger time, over the one before; None for none."""
        if time is None:
            self._of.pop(channel, None)
        elif self._of.get(channel) != time:
            self._of[channel] = time
            heapq.heappush(self._coming, (time, channel))
        if len(self._coming) > 2 * len(self._of) + _ROOM:
            self._coming = [(at, each) for each, at in self._of.items()]
            heapq.heapify(self._coming)

    def nearest(self, count: int) -> list[ChannelId]:
        """Return up to ``count`` channels, the nearest deadline first."""
        found: list[tuple[RippleTime, ChannelId]] = []
        while self._coming and len(found) < count:
            entry = heapq.heappop(self._coming)
            is_twice = bool(found) and found[-1] == entry
            if self._of.get(entry[1]) == entry[0] and not is_twice:
                found.append(entry)
        for entry in found:
            heapq.heappush(self._coming, entry)
        return [channel for _, channel in found]
