"""From obligations to plans: which channels to redeem now, on which seat, at what fee.

Pure: the same obligations, attempts and terms give the same plans; nothing is remembered from one
ledger to the next but the attempts themselves. The rules:

- The earliest deadline first; no deadline last; then the larger stake (``schedule.py``).
- A channel whose attempt is on its way to the same target waits for it: its blob is sent again
  every ledger, and the ledger tells what became of it.
- An attempt that a ledger closed without, or that no server takes for its fee, is replaced on the
  same seat, where both cannot apply, as soon as there is reason to pay more (``bidding.py``).
- What holds up others on its sequence may pay for all of them: a small claim must not keep a large
  one from the ledger.
- An attempt that is stuck on a sequence gets company on a ticket, and one whose seat is gone gets
  another seat.
- A better claim that arrives meanwhile gets its own attempt, at most one a validated ledger and
  only for more than it costs, so that a stream of claims does not become a stream of fees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt
from watchtower.response.bidding import QUEUED_PER_ACCOUNT, Bidder, Refusal, Wish
from watchtower.response.fees import FeePolicy, ledgers_left
from watchtower.response.market import Market
from watchtower.response.obligation import Duty
from watchtower.response.pace import Pace
from watchtower.response.schedule import due_now, in_order
from watchtower.response.seats import Seats
from watchtower.response.way import PLAIN, Way
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

__all__ = ["Leave", "Plan", "Redeem", "Terms", "Wait", "plan"]


_NO_SEQUENCE: Final = 2**32
"""Above every sequence: what is on none comes behind them, in its own order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeem:
    """Sign and send: take the obligation's channel to its target, or have it end."""

    obligation: Duty
    seat: Seat
    fee: Drops
    last_ledger: LedgerIndex
    way: Way = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """An attempt is on its way; nothing better can be done in this ledger."""

    obligation: Duty
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Not now, and why; judged again in the next ledger. ``fee_asked`` would have been enough."""

    obligation: Duty
    fee_asked: Drops
    why: Refusal
    way: Way = PLAIN


Plan = Redeem | Wait | Leave

_Side = tuple[Address, ChannelId]
"""One side of a channel: where both are ours, each has its own attempts on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of this moment.

    Attributes:
        validated: the newest validated ledger.
        now: its close time.
        pace: how fast ledgers close.
        accounted: the newest ledger of which every fact is known; None before the first.
        next_sequence: each account's next sequence in the open ledger, where it was told.
        tickets: the tickets that each account holds.
        market: what the open ledger costs.
        policy: what the operator lets it cost.
        allowance: what each account may still spend today, where it is less than the daily cap.
        last_ledger_offset: for how many ledgers an attempt is good.
        underpriced: attempts that every server refused for their fee.
        queued: attempts that wait in the queue.
        held_up: attempts of which every server says that a sequence before theirs is missing.
        unseated: attempts of which every server says that their seat is gone, and since which
            ledger they say so.
        entered: how many of our transactions left since the market was asked for.
        asked: the drops that an attempt needs to enter the open ledger, where servers told them.
        ways: how each side of a channel is signed for; one that is not named, by its own key.
        purses: what those who pay for other accounts have left, where it is known.
        unfit: attempts that no server takes from who signed them, where somebody else signs now.
    """

    validated: LedgerIndex
    now: RippleTime
    next_sequence: Mapping[Address, int]
    market: Market
    policy: FeePolicy
    last_ledger_offset: int
    pace: Pace = field(default_factory=Pace)
    accounted: LedgerIndex | None = None
    tickets: Mapping[Address, Collection[int]] = field(default_factory=dict)
    allowance: Mapping[Address, Drops] = field(default_factory=dict)
    underpriced: Collection[TxHash] = ()
    queued: Collection[TxHash] = ()
    held_up: Collection[TxHash] = ()
    unseated: Mapping[TxHash, LedgerIndex] = field(default_factory=dict)
    entered: int = 0
    asked: Mapping[TxHash, Drops] = field(default_factory=dict)
    ways: Mapping[tuple[Address, ChannelId], Way] = field(default_factory=dict)
    purses: Mapping[Address, Drops] = field(default_factory=dict)
    unfit: Collection[TxHash] = ()


def plan(
    obligations: Iterable[Duty], attempts: Iterable[Attempt], terms: Terms
) -> tuple[Plan, ...]:
    """Return one plan for each obligation of an account that has a seat we know of.

    Args:
        obligations: what is owed; one for each side of a channel.
        attempts: those without an outcome yet, of any channel.
        terms: prices, seats and the newest validated ledger.
    """
    # At its last ledger an attempt may have applied already, its facts still on their way; past
    # it, it is dead even if a stuck cursor keeps us from proving so.
    alive = [attempt for attempt in attempts if attempt.last_ledger >= terms.validated]
    return _Planner(in_order(obligations), alive, terms).plan()


class _Planner:
    """One ledger's planning."""

    def __init__(self, obligations: Sequence[Duty], alive: Sequence[Attempt], terms: Terms) -> None:
        self._obligations = obligations
        self._terms = terms
        self._seats = Seats(alive, next_sequence=terms.next_sequence, tickets=terms.tickets)
        self._under_way: defaultdict[_Side, list[Attempt]] = defaultdict(list)
        for attempt in alive:
            if attempt.channel is not None:
                self._under_way[attempt.account, attempt.channel].append(attempt)
        self._held_up = _held_up(obligations, self._under_way)
        # Whoever is not in after two ledgers waits again, with a seat and at a price.
        self._waiting = [o for o in obligations if self._is_waiting(o)]
        self._bidder = Bidder(
            terms.market,
            terms.policy,
            allowance=terms.allowance,
            purses=terms.purses,
            # What is in the newest ledger may not be known yet, and takes up no room any more.
            waiting=[a for a in alive if a.made_in < (terms.accounted or 0)],
            queued=terms.queued,
            entered=terms.entered,
            crowd=len(self._waiting),
            queue_moves=self._queue_moves(alive),
        )

    def plan(self) -> tuple[Plan, ...]:
        waiting, terms = self._waiting, self._terms
        # What is on its way to this ledger, out of the queue too, is served in it.
        served = len(self._obligations) - len(waiting)
        due_now_more = max(0, due_now(self._obligations, terms.now, terms.pace) - served)
        due = {_side(o) for o in sorted(waiting, key=self._holds_up_others)[:due_now_more]}
        plans = (self._step(o, is_due=_side(o) in due) for o in self._obligations)
        return tuple(step for step in plans if step is not None)

    def _queue_moves(self, alive: Iterable[Attempt]) -> bool:
        """Return whether what a crowd queues now will get in, as far as can be told.

        It does not where something of ours is stuck in the queue, or strangers alone have filled
        the ledger: at the base fee nobody comes out of the queue after them.
        """
        market, crowd = self._terms.market, len(self._waiting)
        ours = len(self._obligations) - crowd
        is_full = market.size - ours > market.expected and crowd > QUEUED_PER_ACCOUNT
        queued = self._terms.queued
        return not (is_full or any(a.transaction in queued and self._is_overdue(a) for a in alive))

    def _is_waiting(self, obligation: Duty) -> bool:
        return all(
            self._is_overdue(attempt) for attempt in self._under_way.get(_side(obligation), ())
        )

    def _holds_up_others(self, obligation: Duty) -> int:
        """Return the sequence that an obligation is stuck on; none of ours gets past the lowest."""
        stuck = (a.seat for a in self._under_way.get(_side(obligation), ()))
        return min((seat.number for seat in stuck if not seat.is_ticket), default=_NO_SEQUENCE)

    def _is_overdue(self, attempt: Attempt) -> bool:
        """Return whether an attempt is in neither of the two ledgers that it was meant for.

        Told by ledgers of which every fact is known: who is behind must not pay twice.
        """
        accounted = self._terms.accounted
        return accounted is not None and attempt.made_in + 2 <= accounted

    def _step(self, obligation: Duty, *, is_due: bool) -> Plan | None:
        mine = self._under_way.get(_side(obligation), ())
        newest = max(mine, key=_age, default=None)
        if newest is None:
            return self._begin(obligation, self._wish(obligation, is_due=is_due))
        if newest.made_in >= self._terms.validated:
            return Wait(obligation=obligation, attempt=newest)
        better = self._rescue(obligation, mine, newest, is_due=is_due) or self._improve(
            obligation, newest
        )
        return better or Wait(obligation=obligation, attempt=newest)

    def _begin(
        self, obligation: Duty, wish: Wish, seat: Seat | None = None
    ) -> Redeem | Leave | None:
        seat = seat or self._seats.best(obligation.account)
        if seat is None:
            return None
        fee = self._bidder.bid(wish)
        if isinstance(fee, Refusal):
            asked = self._terms.market.times(wish.way.fee_units).price()
            return Leave(obligation=obligation, fee_asked=asked, why=fee, way=wish.way)
        return self._redeem(obligation, seat, fee)

    def _rescue(
        self, obligation: Duty, mine: Sequence[Attempt], newest: Attempt, *, is_due: bool
    ) -> Redeem | None:
        """Return what helps an attempt that does not get in; None if nothing more can be done."""
        terms = self._terms
        is_overdue = self._is_overdue(newest)
        if (since := terms.unseated.get(newest.transaction)) is not None:
            wish = self._wish(obligation)
            # What used the seat may be this very attempt: two ledgers later its facts are here. Of
            # one that had never been sent before it is not, and there may be no two ledgers.
            is_gone = is_overdue and (terms.accounted or 0) >= since + 2
            never_sat = since == newest.made_in and wish.is_urgent
            return _or_none(self._begin(obligation, wish)) if is_gone or never_sat else None
        if newest.transaction in terms.unfit:
            # On the same seat, so that at most one of the two applies, whoever was right.
            wish = self._wish(obligation, is_due=is_due)
            return _or_none(self._begin(obligation, wish, newest.seat))
        if self._waits_for_nobody(newest):
            return _or_none(self._begin(obligation, self._wish(obligation, is_due=is_due)))
        if not is_overdue and newest.transaction not in terms.underpriced:
            return None
        ticket = self._seats.ticket(obligation.account)
        if is_overdue and ticket and not any(attempt.seat.is_ticket for attempt in mine):
            return _or_none(self._begin(obligation, self._wish(obligation), ticket))
        fee = self._raised(self._wish_of_seat(obligation, newest, is_due=is_due), newest)
        return None if isinstance(fee, Refusal) else self._redeem(obligation, newest.seat, fee)

    def _raised(self, wish: Wish, attempt: Attempt) -> Drops | Refusal:
        """Return the fee with which an attempt is replaced on its seat, in whatever way now.

        It replaces by its *level*: what it pays in parts of its own base fee (TxQ.cpp:907), which
        is another one where there are more or fewer signers than before.
        """
        terms, before, now = self._terms, attempt.fee_units, wish.way.fee_units
        fee, asked = attempt.fee, terms.asked.get(attempt.transaction, Drops(0))
        if before != now:
            fee, asked = (Drops(-(-drops * now // before)) for drops in (fee, asked))
        return self._bidder.raise_bid(
            wish,
            fee,
            refused=attempt.transaction in terms.underpriced,
            asked=asked,
            paid_by=attempt.payer,
        )

    def _waits_for_nobody(self, newest: Attempt) -> bool:
        """Return whether servers miss a sequence before an attempt's that none of ours will take.

        Whoever had it is over, or its fate was never told: no fee gets the attempt past the hole.
        """
        if newest.seat.is_ticket or newest.transaction not in self._terms.held_up:
            return False
        hole = self._seats.sequence(newest.account)
        return hole is not None and hole.number < newest.seat.number

    def _improve(self, obligation: Duty, newest: Attempt) -> Redeem | None:
        """Return an attempt for what a better claim adds to the one that is on its way."""
        gain = min(obligation.at_stake, obligation.target - newest.target)
        if gain <= 0:
            return None
        return _or_none(self._begin(obligation, self._wish(obligation, gain=Drops(gain))))

    def _wish(self, obligation: Duty, *, is_due: bool = False, gain: Drops | None = None) -> Wish:
        return Wish(
            account=obligation.account,
            at_stake=obligation.at_stake if gain is None else gain,
            left=ledgers_left(obligation.deadline, self._terms.now),
            is_due=is_due,
            way=self._way(obligation),
        )

    def _way(self, obligation: Duty) -> Way:
        return self._terms.ways.get(_side(obligation), PLAIN)

    def _wish_of_seat(self, obligation: Duty, newest: Attempt, *, is_due: bool) -> Wish:
        """Return the wish behind a seat: that of the channel, or of who is held up behind it."""
        own = self._wish(obligation, is_due=is_due)
        behind = self._held_up.get((newest.account, newest.seat))
        if behind is None or newest.seat.is_ticket:
            return own
        lefts = [left for left in (own.left, self._wish(behind).left) if left is not None]
        return Wish(
            account=own.account,
            at_stake=max(own.at_stake, behind.at_stake),
            left=min(lefts, default=None),
            is_due=is_due,
            way=own.way,
        )

    def _redeem(self, obligation: Duty, seat: Seat, fee: Drops) -> Redeem:
        self._seats.take(obligation.account, seat)
        last_ledger = LedgerIndex(self._terms.validated + self._terms.last_ledger_offset)
        return Redeem(
            obligation=obligation,
            seat=seat,
            fee=fee,
            last_ledger=last_ledger,
            way=self._way(obligation),
        )


def _held_up(
    obligations: Iterable[Duty], under_way: Mapping[_Side, Iterable[Attempt]]
) -> dict[tuple[Address, Seat], Duty]:
    """Return, for each sequence on its way, the largest obligation that waits behind it."""
    seated = sorted(
        (
            (attempt.account, attempt.seat, obligation)
            for obligation in obligations
            for attempt in under_way.get(_side(obligation), ())
            if not attempt.seat.is_ticket
        ),
        key=lambda entry: (entry[0], entry[1]),
        reverse=True,
    )
    behind: dict[tuple[Address, Seat], Duty] = {}
    largest: dict[Address, Duty] = {}
    for account, seat, obligation in seated:
        known = largest.get(account)
        if known is not None:
            behind[account, seat] = known
        if known is None or obligation.at_stake > known.at_stake:
            largest[account] = obligation
    return behind


def _side(obligation: Duty) -> _Side:
    return obligation.account, obligation.channel


def _age(attempt: Attempt) -> tuple[int, int, int]:
    return attempt.made_in, attempt.target, attempt.fee


def _or_none(step: Redeem | Leave | None) -> Redeem | None:
    return step if isinstance(step, Redeem) else None
