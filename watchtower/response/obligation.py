"""An obligation: a channel that is to be redeemed, up to where, and until when. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.judgement.claim import Claim
from watchtower.units import Address, ChannelId, Drops, RippleTime

__all__ = ["Obligation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """A channel that is to be redeemed up to ``target`` drops with ``claim``, and why.

    ``deadline`` is the last ledger time at which redeeming is sure; None if nothing presses.
    """

    claim: Claim
    account: Address
    target: Drops
    balance: Drops
    deadline: RippleTime | None
    why: str

    @property
    def at_stake(self) -> Drops:
        """What redeeming pays, in drops."""
        return Drops(self.target - self.balance)

    @property
    def channel(self) -> ChannelId:
        """The channel's id."""
        return self.claim.channel
