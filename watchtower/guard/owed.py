"""What is to be redeemed, kept from one ledger to the next. Pure.

What it guarantees: an obligation is made anew only once something of its channel has changed, so
that ten thousand channels that wait for their turn cost a ledger next to nothing; and what has
changed is never told as it was before.
"""

from __future__ import annotations

from collections.abc import Callable

from watchtower.response.obligation import Obligation
from watchtower.units import ChannelId

__all__ = ["Owed"]


class Owed:
    """The channels that are to be redeemed, and the obligations that were made of them."""

    def __init__(self) -> None:
        """Begin with nothing owed."""
        self._channels: dict[ChannelId, None] = {}
        self._made: dict[ChannelId, Obligation] = {}
        self._all: tuple[Obligation, ...] | None = None

    def judged(self, channel: ChannelId, *, redeem: bool) -> None:
        """Take note of whether a channel is to be redeemed, and that it was judged anew."""
        self.changed(channel)
        if redeem:
            self._channels[channel] = None
        else:
            self._channels.pop(channel, None)

    def changed(self, channel: ChannelId) -> None:
        """Take note that what was made of a channel may be old."""
        self._made.pop(channel, None)
        self._all = None

    def all(self, make: Callable[[ChannelId], Obligation | None]) -> tuple[Obligation, ...]:
        """Return all obligations; ``make`` returns a channel's, None where nothing is due on it."""
        if self._all is None:
            for channel in self._channels.keys() - self._made.keys():
                if (made := make(channel)) is not None:
                    self._made[channel] = made
            self._all = tuple(self._made[c] for c in self._channels if c in self._made)
        return self._all
