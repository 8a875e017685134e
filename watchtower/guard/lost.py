"""What was lost, in sums that only grow. Pure.

A channel that seems to have ended unpaid may have been redeemed by another tower in ledgers that
are not read yet, so no judgement is counted here: what is told as lost is, by who knows when that
is sure (``tower/losses.py``), each channel by what was not counted of it before.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.units import ChannelId, Drops, RippleTime

__all__ = ["Lost"]


@dataclass(slots=True, kw_only=True)
class Lost:
    """The sums of one tower, over all its starts.

    Attributes:
        drops: what channels whose end has surely passed did not pay, whether the payer has taken
            them out of the ledger or not.
        channels: how many channels these are.
        last: the one of them that was counted last; None before the first.
        at: the ledger time at which that was; None where it was not written down.
    """

    drops: Drops = Drops(0)
    channels: int = 0
    last: ChannelId | None = None
    at: RippleTime | None = None

    def count(self, channel: ChannelId, more: Drops, *, known: bool, at: RippleTime) -> None:
        """Count what was lost on a channel.

        Args:
            channel: which one.
            more: the drops that were not counted of it before.
            known: whether something was.
            at: the ledger time of now.
        """
        self.drops = Drops(self.drops + more)
        self.channels += not known
        self.last, self.at = channel, at
