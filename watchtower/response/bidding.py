"""What each attempt of one ledger pays: the market, the operator's limits, and what is spent. Pure.

There are three ways into the ledger, in order of price: the room that is left at the base fee; the
queue, which takes ten transactions of an account at the base fee and lets them in later; and the
price of the open ledger, for what is urgent, due, or worth it. What none of them fits waits for
the next ledger. Where more wait than the queue takes, nothing is worth haste: a ledger that is dear
because of ourselves is dear for the next of us too, and whoever went first for money would only
have left a cheap place to another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from watchtower.response.attempt import Attempt
from watchtower.response.fees import FeePolicy, replacement_fee
from watchtower.response.market import Market
from watchtower.response.way import PLAIN, Way
from watchtower.units import Address, Drops, TxHash

__all__ = ["QUEUED_PER_ACCOUNT", "Bidder", "Refusal", "Wish"]

QUEUED_PER_ACCOUNT: Final = 10
"""Transactions of one account that the queue holds (rippled 3.1.1 TxQ.h:148)."""

_URGENT: Final = 3
"""Ledgers before the deadline from which on nothing is saved any more."""

_NOTHING: Final = Drops(0)


class Refusal(StrEnum):
    """Why nothing is bid. Values are stored: never rename or reuse one."""

    DUST = "dust"  # the base fee is above the budget: left until more is at stake
    DAILY_CAP = "daily cap"  # the account has spent what it may on this day
    POOR = "no fee money"  # whoever pays for the account has too little
    DEAR = "dear"  # it can wait, and waits for a cheaper ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to win, for whom, and how much it presses.

    ``left`` are the ledgers to the deadline, None without one; ``is_due`` says that it has to go
    in this ledger, lest too many have to go in those that are left; ``way`` is how it is signed.
    """

    account: Address
    at_stake: Drops
    left: int | None
    is_due: bool = False
    way: Way = PLAIN

    @property
    def payer(self) -> Address:
        """Whose money is spent."""
        return self.way.payer(self.account)

    @property
    def is_urgent(self) -> bool:
        """Whether there is hardly a ledger left."""
        return self.left is not None and self.left <= _URGENT


class Bidder:
    """Bids for one ledger, one attempt after the other; each bid makes the next one dearer."""

    def __init__(
        self,
        market: Market,
        policy: FeePolicy,
        *,
        allowance: Mapping[Address, Drops],
        purses: Mapping[Address, Drops] | None = None,
        waiting: Iterable[Attempt],
        queued: Collection[TxHash],
        entered: int = 0,
        crowd: int = 0,
        queue_moves: bool = True,
    ) -> None:
        """Begin a ledger.

        Args:
            market: its prices.
            policy: the operator's limits.
            allowance: what each account may still spend today; one that is not named, all of it.
                Whoever pays for another has it for all of those together.
            purses: what those who pay for others have left, where it is known.
            waiting: attempts on their way that were in no ledger yet: those that are not in the
                queue take up room in this one.
            queued: the attempts that wait in the queue.
            entered: how many attempts left since the market was asked for.
            crowd: how many channels wait.
            queue_moves: whether what was queued before has got in. Where it has not, more of it
                would only hold up the sequences behind it.
        """
        self._crowd = crowd
        self._is_crowded = crowd > QUEUED_PER_ACCOUNT
        self._queue_moves = queue_moves
        self._market = market
        self._policy = policy
        self._allowance = dict(allowance)
        self._purses = dict(purses or {})
        self._entered = entered
        self._queued: defaultdict[Address, int] = defaultdict(int)
        for attempt in waiting:
            if attempt.transaction in queued:
                self._queued[attempt.account] += 1
            else:
                self._entered += 1

    def bid(self, wish: Wish) -> Drops | Refusal:
        """Return the fee of a new attempt, or why there is none."""
        budget = self._budget(wish)
        if self._market_of(wish).base > budget:
            return Refusal.DUST
        fee = self._fee(wish, budget)
        if fee is None:
            return Refusal.DEAR
        return self._spend(wish.payer, fee)

    def raise_bid(
        self,
        wish: Wish,
        fee: Drops,
        *,
        refused: bool = False,
        asked: Drops = _NOTHING,
        paid_by: Address | None = None,
    ) -> Drops | Refusal:
        """Return the fee with which an attempt that paid ``fee`` is replaced on its seat.

        A replacement pays what the ledger asks or what the ramp has come to, and more than 1.25
        times as much as before; where neither asks for more than was paid, there is none.

        Args:
            wish: what is to be won.
            fee: what the attempt paid, or would have paid had it been signed in the way of the
                wish.
            refused: whether every server refused it for its fee, which asks for more by itself.
            asked: what servers asked of it to enter the open ledger.
            paid_by: whose money the attempt's fee was, if not who pays now: that is not given back.
        """
        budget = self._budget(wish)
        market = self._market_of(wish)
        least = replacement_fee(fee, market.base)
        price = max(market.price(self._entered), asked)
        if refused:
            price = max(price, least)
        is_in_time = self._worth(wish, budget) == _NOTHING
        ramp = _NOTHING if is_in_time else self._policy.ramp(budget, wish.left)
        wanted = max(ramp, price) if price <= self._worth(wish, budget) else ramp
        raised = max(wanted, least)
        if wanted == ramp and raised <= budget < replacement_fee(raised, market.base):
            # The last rung of the ladder: another one would lead past the whole budget.
            raised = budget
        if wanted <= fee or raised > budget:
            return Refusal.DEAR
        instead_of = fee if paid_by in (None, wish.payer) else _NOTHING
        if wish.is_urgent:
            # What is left of the day's money may do, where all that is wanted is not to be had.
            possible = Drops(instead_of + self._left(wish.payer))
            raised = max(min(raised, possible), least)
        return self._spend(wish.payer, raised, instead_of=instead_of)

    def _fee(self, wish: Wish, budget: Drops) -> Drops | None:
        """Return the fee of the cheapest way into the ledger that is good enough."""
        market = self._market_of(wish)
        price = market.price(self._entered)
        if price == market.base or price <= self._worth(wish, budget):
            self._entered += 1
            return self._urgent(wish, budget, price) if wish.is_urgent else price
        if wish.is_urgent and not self._is_crowded:
            # Too dear for what is at stake; whatever is given may yet find a gap, or the queue:
            # also what the day has left, where the whole budget is not to be had.
            share = self._left(wish.payer) // max(1, self._crowd)
            return Drops(max(market.base, min(budget, share)))
        has_room = self._queue_moves and self._queued[wish.account] < QUEUED_PER_ACCOUNT
        if has_room and wish.way.may_queue and market.to_queue <= budget:
            self._queued[wish.account] += 1
            return market.to_queue
        return None

    def _urgent(self, wish: Wish, budget: Drops, price: Drops) -> Drops:
        """Return what there is no time any more to find out to be too little.

        The day's money is for everybody who waits, and the first may not leave the others without:
        the last of a crowd pay what the ledger asks, and more only once that was not enough.
        """
        if self._is_crowded:
            return price
        share = self._left(wish.payer) // max(1, self._crowd)
        ramp = min(self._policy.ramp(budget, wish.left), share)
        if wish.left is not None and wish.left > 1:
            # Not the last ledger yet: enough for the case that a whole ledger's worth of strangers
            # comes first.
            market = self._market_of(wish)
            ramp = min(ramp, market.price(self._entered + market.expected))
        return max(price, Drops(ramp))

    def _worth(self, wish: Wish, budget: Drops) -> Drops:
        """Return what entering the open ledger now is worth."""
        if self._is_crowded:
            # The schedule sees to it that nobody is late; its last ledgers are for all of them.
            return budget if wish.is_due else _NOTHING
        if wish.is_due or wish.is_urgent:
            return budget
        haste = min(self._policy.haste(wish.at_stake), budget)
        return max(haste, self._policy.ramp(budget, wish.left))

    def _budget(self, wish: Wish) -> Drops:
        """Return the most that a wish may cost, which whoever signs may hold lower still."""
        budget, most = self._policy.budget(wish.at_stake), wish.way.most
        return budget if most is None else min(budget, most)

    def _market_of(self, wish: Wish) -> Market:
        return self._market.times(wish.way.fee_units)

    def _spend(self, account: Address, fee: Drops, *, instead_of: int = 0) -> Drops | Refusal:
        more = fee - instead_of
        purse = self._purses.get(account)
        if purse is not None and more > purse:
            return Refusal.POOR
        left = self._allowance.get(account, self._policy.daily_cap)
        if more > left:
            return Refusal.DAILY_CAP
        self._allowance[account] = Drops(left - more)
        if purse is not None:
            self._purses[account] = Drops(purse - more)
        return fee

    def _left(self, account: Address) -> Drops:
        """Return what an account may still spend today, and has."""
        left = self._allowance.get(account, self._policy.daily_cap)
        return min(left, self._purses.get(account, left))
