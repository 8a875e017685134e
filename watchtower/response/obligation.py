"""What is owed to a channel: that it be redeemed for its payee, or closed for its payer. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.judgement.claim import Claim
from watchtower.response.attempt import Purpose
from watchtower.units import Address, ChannelId, Drops, RippleTime

__all__ = ["Closing", "Duty", "Obligation"]


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

    @property
    def purpose(self) -> Purpose:
        """What an attempt at it is for."""
        return Purpose.REDEEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A channel that its source, ``account``, is to finalise, or to ask to close.

    ``at_stake`` are the drops that are won, or kept from a thief; ``deadline`` is None where it
    can wait. The channel's ``balance`` is to stay as it is.
    """

    channel: ChannelId
    account: Address
    purpose: Purpose
    at_stake: Drops
    balance: Drops
    deadline: RippleTime | None

    @property
    def target(self) -> Drops:
        """The balance that it brings about: none but the one there is."""
        return self.balance

    @property
    def why(self) -> str:
        """Why it is done."""
        return self.purpose.value


Duty = Obligation | Closing
