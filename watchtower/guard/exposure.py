"""What the payee would lose if nobody redeemed any more: of each payer, and in all.

Pure, and beside ``incoming.py``, whose channels and claims it counts.

What it guarantees: once begun, the sums are those that counting anew would give, at any time, and
cost what changed and not what is watched. A channel that is about to change is taken out of the
sums and put in again behind it, so that no amount of it is remembered apart and can go astray.
Where nobody limits anything nothing is counted.

Counted is what is unpaid on channels that the ledger still has. One that has expired counts until
it is gone: what was lost on it is no reason to trust its payer with more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.stake import at_stake
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Exposure"]

_NOTHING: Final = Drops(0)


class Exposure:
    """What is at stake on the channels that pay ``payees``, by payer (their source), in drops.

    Attributes:
        total: on all of them; 0 before `begin`.
        above: the payers with more at stake than `begin` allows for one, in the order in which
            they came to it.
    """

    def __init__(
        self,
        payees: Collection[Address],
        *,
        channels: Mapping[ChannelId, Channel],
        best: Mapping[ChannelId, Claim],
    ) -> None:
        """Look at the watch's own ``channels`` and ``best`` claims, and count nothing yet."""
        self.total = _NOTHING
        self.above: dict[Address, None] = {}
        self._payees = payees
        self._channels = channels
        self._best = best
        self._payers: dict[Address, Drops] = {}
        self._most: Drops | None = None
        self._has_begun = False

    def begin(self, most: Drops | None = None) -> None:
        """Count everything there is, once, and keep count from now on.

        Args:
            most: how much may be at stake with one payer before it is in `above`.
        """
        self._most, self._has_begun, self.total = most, True, _NOTHING
        self._payers.clear()
        self.above.clear()
        for channel_id in self._channels:
            self.put_in(channel_id)

    def of_channel(self, channel_id: ChannelId) -> Drops:
        """Return what is at stake on one channel; 0 drops for one that is gone, or pays others."""
        best, channel = self._best.get(channel_id), self._channels.get(channel_id)
        if best is None or channel is None or channel.closed_at is not None:
            return _NOTHING
        if channel.entry.destination not in self._payees:
            return _NOTHING
        return at_stake(channel.entry, best)

    def of_payer(self, payer: Address) -> Drops:
        """Return what is at stake on all channels of one source; 0 drops before `begin`."""
        return self._payers.get(payer, _NOTHING)

    def take_out(self, channel_id: ChannelId) -> None:
        """Leave a channel out of the sums: it, or its best claim, is about to change."""
        if self._has_begun:
            self._add(channel_id, -self.of_channel(channel_id))

    def put_in(self, channel_id: ChannelId) -> None:
        """Count a channel that is in none of the sums, as it is now."""
        channel = self._channels.get(channel_id)
        if not self._has_begun or channel is None:
            return
        self._add(channel_id, self.of_channel(channel_id))
        self._stand(channel.entry.source)

    def forget(self, channel_id: ChannelId) -> None:
        """Leave a channel out of the sums for good."""
        channel = self._channels.get(channel_id)
        if self._has_begun and channel is not None:
            self.take_out(channel_id)
            self._stand(channel.entry.source)

    def _stand(self, payer: Address) -> None:
        # Not where a channel is taken out to be put in again: a payer that stays above its limit
        # keeps its place.
        if self._most is not None and self.of_payer(payer) > self._most:
            self.above.setdefault(payer)
        else:
            self.above.pop(payer, None)

    def _add(self, channel_id: ChannelId, drops: int) -> None:
        if drops == 0:
            return
        payer = self._channels[channel_id].entry.source
        self.total = Drops(self.total + drops)
        of_payer = Drops(self.of_payer(payer) + drops)
        if of_payer:
            self._payers[payer] = of_payer
        else:
            del self._payers[payer]
