"""From obligations to what was signed ahead for them: which blob to submit now, and what is left.

Pure, like ``plan.py``, which plans what is signed when it is needed. The rules:

- What covers the whole claim goes first; it is the right by which a thief of the tower gets least.
  Where it covers less, and a hand can sign for the account, the hand redeems the whole claim.
- The cheapest fee that gets in is taken. Which fees there are was the payee's choice; what they
  may cost is the operator's, as for everything (``fees.py``): in time, no more than haste is
  worth; towards the deadline, what is at stake bears.
- What is in neither of the two ledgers that it was meant for, or is refused for its fee, goes on
  at the next fee *on the same ticket*, where only one of them can apply.
- Another ticket is taken only once the first is gone, so that a claim is not paid for twice.
- What is more than the highest fee reaches is left to a hand, if there is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from watchtower.response.attempt import NEVER, Attempt
from watchtower.response.bidding import Refusal, Wish
from watchtower.response.bundle import Level, Presigned
from watchtower.response.fees import ledgers_left, replacement_fee
from watchtower.response.obligation import Duty, Obligation
from watchtower.response.plan import Leave, Redeem, Terms
from watchtower.response.schedule import due_now, in_order
from watchtower.units import Address, ChannelId, Drops, TxHash

__all__ = ["BY", "Ahead", "Submit", "plan_presigned", "stuck_on_hands"]

BY: Final = "presigned"
"""By what right it is submitted, as the configuration calls it."""

_NO_MONEY: Final = frozenset({Refusal.POOR, Refusal.DAILY_CAP})

_LAST: Final = 1
"""Ledgers to the deadline from which on the dearest fee that may be paid is paid at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Submit one transaction that was signed ahead: it takes the channel to its own target."""

    obligation: Obligation
    presigned: Presigned
    level: Level

    def attempt(self, terms: Terms) -> Attempt:
        """Return the attempt that this is."""
        return Attempt(
            channel=self.presigned.channel,
            account=self.presigned.account,
            seat=self.presigned.seat,
            target=self.presigned.target,
            balance_before=self.obligation.balance,
            fee=self.level.fee,
            last_ledger=NEVER,
            made_in=terms.validated,
            transaction=self.level.transaction,
            blob=self.level.blob,
            by=BY,
        )

    def as_redeem(self) -> Redeem:
        """Return what it would do, for whoever is only to be told."""
        return Redeem(
            obligation=self.obligation,
            seat=self.presigned.seat,
            fee=self.level.fee,
            last_ledger=NEVER,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What is done with what was signed ahead: submitted, left for now, and left to the hands."""

    submit: tuple[Submit, ...]
    left: tuple[Leave, ...]
    rest: tuple[Duty, ...]


def plan_presigned(
    obligations: Iterable[Duty],
    attempts: Iterable[Attempt],
    terms: Terms,
    *,
    usable: Callable[[ChannelId], Sequence[Presigned]],
    can_sign: Callable[[Address], bool],
    goes_ahead: Callable[[Address], bool] = lambda _: True,
) -> Ahead:
    """Return what to submit of what was signed ahead, and the obligations that are not for it.

    Args:
        obligations: what is owed.
        attempts: those without an outcome yet, of any channel.
        terms: prices and the newest validated ledger.
        usable: what was signed ahead for a channel and can be submitted now.
        can_sign: whether a hand can sign for an account now.
        goes_ahead: whether what was signed ahead for an account comes before its hands.
    """
    hands_first: list[Duty] = []
    for_us: list[Duty] = []
    for owed in in_order(obligations):
        (for_us if goes_ahead(owed.account) else hands_first).append(owed)
    done = _Planner(for_us, attempts, terms, usable, can_sign).plan()
    return replace(done, rest=(*done.rest, *hands_first))


class _Planner:
    """One ledger's planning."""

    def __init__(
        self,
        obligations: Sequence[Duty],
        attempts: Iterable[Attempt],
        terms: Terms,
        usable: Callable[[ChannelId], Sequence[Presigned]],
        can_sign: Callable[[Address], bool],
    ) -> None:
        self._terms = terms
        self._can_sign = can_sign
        self._allowance = dict(terms.allowance)
        self._entered = terms.entered
        self._under_way: defaultdict[tuple[Address, ChannelId], list[Attempt]] = defaultdict(list)
        for attempt in attempts:
            if attempt.channel is not None and attempt.never_lapses:
                self._under_way[attempt.account, attempt.channel].append(attempt)
        self._rest: list[Duty] = []
        self._mine: list[tuple[Obligation, Sequence[Presigned]]] = []
        for owed in obligations:
            fitting = self._fitting(owed, usable(owed.channel))
            if isinstance(owed, Obligation) and (fitting or self._of(owed)):
                self._mine.append((owed, fitting))
            else:
                self._rest.append(owed)

    def plan(self) -> Ahead:
        terms = self._terms
        waiting = [owed for owed, _ in self._mine if self._is_waiting(owed)]
        due = {owed.channel for owed in waiting[: due_now(waiting, terms.now, terms.pace)]}
        submit: list[Submit] = []
        left: list[Leave] = []
        for owed, fitting in self._mine:
            step = self._step(owed, fitting, is_due=owed.channel in due)
            if isinstance(step, Submit):
                submit.append(step)
            elif step is not None and self._can_sign(owed.account):
                self._rest.append(owed)
            elif isinstance(step, Leave):
                left.append(step)
            elif step is _BEYOND and not self._of(owed):
                # Nothing is on its way, and nobody can sign: who tries is told that there is no
                # key, and so are people.
                self._rest.append(owed)
        return Ahead(submit=tuple(submit), left=tuple(left), rest=tuple(self._rest))

    def _fitting(self, owed: Duty, usable: Sequence[Presigned]) -> Sequence[Presigned]:
        """Return what brings the account something and not more than it is owed."""
        return [
            each
            for each in usable
            if each.account == owed.account and owed.balance < each.target <= owed.target
        ]

    def _of(self, owed: Obligation) -> Sequence[Attempt]:
        return self._under_way.get((owed.account, owed.channel), ())

    def _is_waiting(self, owed: Obligation) -> bool:
        return all(self._is_overdue(attempt) for attempt in self._of(owed))

    def _is_overdue(self, attempt: Attempt) -> bool:
        """Return whether an attempt is in neither of the two ledgers that it was meant for."""
        accounted = self._terms.accounted
        return accounted is not None and attempt.made_in + 2 <= accounted

    def _step(
        self, owed: Obligation, fitting: Sequence[Presigned], *, is_due: bool
    ) -> Submit | Leave | _Beyond | None:
        """Return what to do about one obligation; None to wait.

        What is beyond all that was signed ahead is for the hands.
        """
        covered = max((each.target for each in fitting), default=owed.balance)
        if covered < owed.target and self._can_sign(owed.account):
            return _BEYOND
        free = {each.ticket: each for each in fitting}
        newest = max(self._of(owed), key=_age, default=None)
        if newest is None:
            return self._begin(owed, fitting, is_due=is_due)
        if newest.transaction in self._terms.unfit:
            # Every server says that its key signs no more: what another key signed goes on, on its
            # ticket if it can, or else who can sign.
            return self._begin(owed, _signed_anew(fitting, newest), is_due=is_due)
        if newest.made_in >= self._terms.validated:
            return None
        on_its_ticket = free.pop(newest.seat.number, None)
        if on_its_ticket is None or self._is_gone(newest, owed):
            # What used the ticket may be this very attempt: two ledgers later its facts are here.
            is_over = self._is_overdue(newest) or self._wish(owed, is_due=is_due).is_urgent
            return self._begin(owed, list(free.values()), is_due=is_due) if is_over else None
        return self._raise(owed, on_its_ticket, newest, is_due=is_due)

    def _is_gone(self, newest: Attempt, owed: Obligation) -> bool:
        """Return whether every server says that an attempt's ticket is gone, and for long enough.

        Of one that had never been sent before, it was not this attempt that used it.
        """
        since = self._terms.unseated.get(newest.transaction)
        if since is None:
            return False
        never_sat = since == newest.made_in and self._wish(owed).is_urgent
        return never_sat or (self._terms.accounted or 0) >= since + 2

    def _begin(
        self, owed: Obligation, fitting: Sequence[Presigned], *, is_due: bool
    ) -> Submit | Leave | _Beyond:
        if not fitting:
            return _BEYOND
        best = max(fitting, key=lambda each: (each.target, -each.ticket))
        wish = self._wish(owed, best, is_due=is_due)
        level = self._level(wish, best.levels)
        if isinstance(level, Refusal):
            asked = self._terms.market.price()
            return Leave(obligation=owed, fee_asked=asked, why=level)
        return self._submit(owed, best, level)

    def _raise(
        self, owed: Obligation, presigned: Presigned, newest: Attempt, *, is_due: bool
    ) -> Submit | _Beyond | None:
        """Return the next fee on an attempt's own ticket, where that is of use; None to wait."""
        terms = self._terms
        is_refused = newest.transaction in terms.underpriced
        is_stuck = is_refused or self._is_overdue(newest)
        if not (is_stuck or presigned.target > newest.target):
            return None
        paid = max(a.fee for a in self._of(owed) if a.seat == newest.seat)
        above = [level for level in presigned.levels if level.fee >= replacement_fee(paid)]
        wish = self._wish(owed, presigned, is_due=is_due)
        if not above:
            return _BEYOND if is_stuck else None
        price = terms.market.price(self._entered)
        asked = max(terms.asked.get(newest.transaction, Drops(0)), price)
        if asked <= paid and not (is_refused or wish.is_urgent) and is_stuck:
            # It is sent again in every ledger, and gets in by itself at this price.
            return None
        level = self._level(wish, above, instead_of=paid, asked=asked)
        return None if isinstance(level, Refusal) else self._submit(owed, presigned, level)

    def _level(
        self,
        wish: Wish,
        levels: Sequence[Level],
        *,
        instead_of: Drops | None = None,
        asked: Drops | None = None,
    ) -> Level | Refusal:
        """Return the cheapest of ``levels`` that is good enough, and within the limits."""
        policy, market = self._terms.policy, self._terms.market
        budget = policy.budget(wish.at_stake)
        left = self._allowance.get(wish.account, policy.daily_cap) + (instead_of or 0)
        affordable = [level for level in levels if level.fee <= min(budget, left)]
        if not affordable:
            return Refusal.DUST if levels[0].fee > budget else Refusal.DAILY_CAP
        worth = self._worth(wish, budget)
        price = asked or market.price(self._entered)
        level = _first(affordable, price)
        if wish.is_urgent:
            return self._urgent(wish, affordable, price)
        if level is not None and (price == market.base or level.fee <= worth):
            self._entered += 1
            return level
        if instead_of is None:
            queued = _first(affordable, market.to_queue)
            is_cheap = queued is not None and (queued is affordable[0] or queued.fee <= worth)
            return queued if queued is not None and is_cheap else Refusal.DEAR
        # A better place in the queue, if it is worth that.
        return affordable[0] if affordable[0].fee <= worth else Refusal.DEAR

    def _urgent(self, wish: Wish, affordable: Sequence[Level], price: Drops) -> Level:
        """Return what there is no time any more to find out to be too little."""
        self._entered += 1
        if wish.left is not None and wish.left <= _LAST:
            return affordable[-1]
        # Enough for the case that a whole ledger's worth of strangers comes first.
        market = self._terms.market
        crowded = market.price(self._entered + market.expected)
        return _first(affordable, max(price, crowded)) or affordable[-1]

    def _worth(self, wish: Wish, budget: Drops) -> Drops:
        policy = self._terms.policy
        if wish.is_due or wish.is_urgent:
            return budget
        return max(policy.haste(wish.at_stake), policy.ramp(budget, wish.left))

    def _wish(
        self, owed: Obligation, presigned: Presigned | None = None, *, is_due: bool = False
    ) -> Wish:
        target = owed.target if presigned is None else presigned.target
        return Wish(
            account=owed.account,
            at_stake=Drops(target - owed.balance),
            left=ledgers_left(owed.deadline, self._terms.now),
            is_due=is_due,
        )

    def _submit(self, owed: Obligation, presigned: Presigned, level: Level) -> Submit:
        before = max((a.fee for a in self._of(owed) if a.seat == presigned.seat), default=Drops(0))
        left = self._allowance.get(owed.account, self._terms.policy.daily_cap)
        self._allowance[owed.account] = Drops(max(0, left - (level.fee - before)))
        return Submit(obligation=owed, presigned=presigned, level=level)


class _Beyond:
    """More than what was signed ahead can do."""


_BEYOND: Final = _Beyond()


def _first(levels: Sequence[Level], fee: Drops) -> Level | None:
    """Return the cheapest level of at least ``fee`` drops."""
    return next((level for level in levels if level.fee >= fee), None)


def _age(attempt: Attempt) -> tuple[int, int, int]:
    return attempt.made_in, attempt.target, attempt.fee


def _signed_anew(fitting: Sequence[Presigned], unfit: Attempt) -> Sequence[Presigned]:
    """Return what was signed by another key than an attempt was, on its own ticket if there is any.

    Of two on one ticket only one can apply.
    """
    dead = {
        each.signing_key
        for each in fitting
        if any(level.transaction == unfit.transaction for level in each.levels)
    }
    others = [each for each in fitting if each.signing_key not in dead]
    return [each for each in others if each.seat == unfit.seat] or others


def stuck_on_hands(
    obligations: Iterable[Duty],
    unsigned: Iterable[tuple[Duty, object]],
    left: Iterable[Leave],
    attempts: Iterable[Attempt],
    unfit: Collection[TxHash],
) -> list[Duty]:
    """Return what no hand brings into the ledger now, however little of it was signed ahead.

    Args:
        obligations: what was left to hands.
        unsigned: what these would not sign.
        left: what they do not bid for.
        attempts: those without an outcome yet.
        unfit: attempts that every server refuses for who signed them.
    """
    sides = {(owed.account, owed.channel) for owed, _ in unsigned}
    poor = (step.obligation for step in left if step.why in _NO_MONEY)
    sides |= {(owed.account, owed.channel) for owed in poor}
    newest: dict[tuple[Address, ChannelId | None], Attempt] = {}
    for attempt in sorted(attempts, key=_age):
        newest[attempt.account, attempt.channel] = attempt
    refused = {side for side, attempt in newest.items() if attempt.transaction in unfit}
    return [o for o in obligations if (o.account, o.channel) in sides | refused]
