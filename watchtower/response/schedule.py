"""Who goes first when not all can go at once, and how many must go now. Pure.

A mass exit is a matter of arithmetic: the ledger takes so many transactions cheaply, and every
deadline leaves so many ledgers. Earliest deadline first is the order that meets every deadline
if any order does; and as prices grow faster than the number of transactions, the cheapest way to
meet them is to spread what is owed evenly over the ledgers that are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from watchtower.response.fees import LEDGER_SECONDS
from watchtower.response.market import Market
from watchtower.response.obligation import Duty
from watchtower.response.pace import Pace
from watchtower.units import MAX_LEDGER_TIME, ChannelId, Drops, RippleTime

__all__ = ["Exit", "due_now", "in_order", "way_out"]

_SPARE: Final = 1
"""Ledgers kept free before a deadline. Time for another attempt after one that was lost lies behind
it, in the margin (docs/ledger-rules.md, Time): kept free here as well, it would be time in which
the ledger is cheap and nobody goes."""

_LOST: Final = 10
"""Ledgers that a promise keeps free, in which attempts that were lost can be made again."""

_UNSEEN: Final = Pace()

_MOST: Final = 100_000
"""More transactions than any ledger holds."""


def in_order(obligations: Iterable[Duty]) -> list[Duty]:
    """Return obligations as they are served: the earliest deadline, then the larger stake."""
    return sorted(obligations, key=_urgency)


def _urgency(obligation: Duty) -> tuple[int, int, ChannelId]:
    deadline = MAX_LEDGER_TIME if obligation.deadline is None else obligation.deadline
    return (deadline, -obligation.at_stake, obligation.channel)


def due_now(waiting: Sequence[Duty], now: RippleTime, pace: Pace = _UNSEEN) -> int:
    """Return how many of ``waiting``, which are in order, must be served in this ledger.

    For each deadline, as many as must go in every ledger up to it: whoever serves fewer will have
    to serve more, at a higher price, in those that are left. ``pace`` says how many those are.
    """
    most = 0
    for number, obligation in enumerate(waiting, start=1):
        if obligation.deadline is None:
            break
        # The ledger that is open now counts too.
        left = 1 + pace.ledgers_in(obligation.deadline - now)
        most = max(most, number // max(1, left - _SPARE))
    return most


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Whether everything guarded could be redeemed if it all closed now.

    Attributes:
        channels: how many channels have something at stake.
        shortest: the shortest settle delay among them, in seconds.
        rate: how many could be redeemed in one ledger, within the fee budget of each.
        ledgers: how many ledgers all of them would take; 0 where none can be redeemed at all.
        left: how many ledgers the shortest settle delay leaves.
    """

    channels: int
    shortest: int
    rate: int
    ledgers: int
    left: int

    @property
    def is_possible(self) -> bool:
        """Whether all could be redeemed inside the shortest settle delay."""
        return self.rate > 0 and self.ledgers <= self.left


def way_out(
    stakes: Sequence[Drops], *, shortest: int, margin: int, budget: Drops, market: Market
) -> Exit | None:
    """Return how a mass exit would go; None if nothing is at stake.

    Args:
        stakes: what is at stake on each channel, in drops.
        shortest: the shortest settle delay among them, in seconds.
        margin: seconds before its end at which a channel must have been redeemed.
        budget: what redeeming one of them may cost.
        market: the prices of now; a real exit would meet others who leave too.
    """
    if not stakes:
        return None
    rate = _rate(market.emptied(), budget)
    return Exit(
        channels=len(stakes),
        shortest=shortest,
        rate=rate,
        ledgers=-(-len(stakes) // rate) if rate else 0,
        left=max(0, max(0, shortest - margin) // LEDGER_SECONDS - _LOST),
    )


def _rate(market: Market, budget: Drops) -> int:
    """Return how many transactions a ledger takes before the next would cost above ``budget``."""
    low, high = 0, 1
    while high < _MOST and market.price(high - 1) <= budget:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if market.price(middle - 1) <= budget else (low, middle)
    return low
