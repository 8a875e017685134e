"""What is to be redeemed, kept from one ledger to the next. Pure.

What it guarantees: an obligation is made anew only once something of its channel has changed, so
that ten thousand channels that wait for their turn cost a ledger next to nothing; and what has
changed is never told as it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.judge import Judgement
from watchtower.judgement.verdict import Expired
from watchtower.response.obligation import Obligation
from watchtower.units import ChannelId, Drops

__all__ = ["Owed", "is_owed", "obligation_of"]

_LAST_EFFORT: Final = "last_effort"
"""Why what seems to be over is redeemed all the same; stored in no place."""


def is_owed(judgement: Judgement) -> bool:
    """Return whether something is to be redeemed, also on a channel that seems to be over.

    That it is over is what servers say of it, and one that lies about an end would have the claim
    given up. An obligation ends by proof alone (rule 4): it is tried on without haste; the attempt
    pays if it was a lie, and closes the channel if it was none.
    """
    verdict = judgement.verdict
    return judgement.redeem or (isinstance(verdict, Expired) and verdict.lost > 0)


def obligation_of(judgement: Judgement, channel: Channel, claim: Claim | None) -> Obligation | None:
    """Return what is owed on a channel; None if that is nothing, or nothing any more."""
    target, deadline = judgement.target, judgement.deadline
    why = None if judgement.redeem_why is None else judgement.redeem_why.value
    if isinstance(judgement.verdict, Expired):
        target = Drops(channel.entry.balance + judgement.verdict.lost)
        deadline, why = None, _LAST_EFFORT
    is_over = channel.closed_at is not None or channel.entry.balance >= target
    if why is None or claim is None or is_over:
        return None
    return Obligation(
        claim=claim,
        account=channel.entry.destination,
        target=target,
        balance=channel.entry.balance,
        deadline=None if deadline is None else deadline.sure_until,
        why=why,
    )


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
