"""What the payee would lose if nobody redeemed any more: of each payer, and in all.

Pure, and beside ``incoming.py``, whose channels and claims it counts.

What it guarantees: the sums are those that counting anew would give, at any time, and cost what
changed and not what is watched. A channel that is about to change is taken out of the sums and
put in again behind it, so that no amount of it is remembered apart and can go astray.

Counted is what is unpaid on channels that the ledger still has. One that has expired counts until
it is gone: what was lost on it is no reason to trust its payer with more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.stake import at_stake
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Exposure"]

_NOTHING = Drops(0)


class Exposure:
    """What is at stake on the channels that pay ``payees``, by payer (their source), in drops.

    Attributes:
        total: on all of them.
        above: the payers with more at stake than `hold_to` names, in the order in which they
            came to it.
    """

    def __init__(
        self,
        payees: Collection[Address],
        *,
        channels: Mapping[ChannelId, Channel],
        best: Mapping[ChannelId, Claim],
    ) -> None:
        """Count the channels that there are."""
        self.total = _NOTHING
        self.above: dict[Address, None] = {}
        self._payees = payees
        self._channels = channels
        self._best = best
        self._payers: dict[Address, Drops] = {}
        self._most: Drops | None = None
        for channel_id in channels:
            self.put_in(channel_id)

    def of_channel(self, channel_id: ChannelId) -> Drops:
        """Return what is at stake on one channel; 0 drops for one that is gone, or pays others."""
        channel = self._channels.get(channel_id)
        if channel is None or channel.closed_at is not None:
            return _NOTHING
        if channel.entry.destination not in self._payees:
            return _NOTHING
        return at_stake(channel.entry, self._best.get(channel_id))

    def of_payer(self, payer: Address) -> Drops:
        """Return what is at stake on all channels of one source."""
        return self._payers.get(payer, _NOTHING)

    def hold_to(self, most: Drops | None) -> None:
        """Keep `above` by another limit for one payer; None for no limit."""
        self._most = most
        self.above.clear()
        for payer in self._payers:
            self._compare(payer)

    def take_out(self, channel_id: ChannelId) -> None:
        """Leave a channel out of the sums: it, or its best claim, is about to change."""
        self._add(channel_id, -self.of_channel(channel_id))

    def put_in(self, channel_id: ChannelId) -> None:
        """Count a channel that is in none of the sums, as it is now."""
        self._add(channel_id, self.of_channel(channel_id))

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
        self._compare(payer)

    def _compare(self, payer: Address) -> None:
        if self._most is not None and self.of_payer(payer) > self._most:
            self.above.setdefault(payer)
        else:
            self.above.pop(payer, None)
