"""From obligations to plans: which channels to redeem now, on which seat, at what fee.

Pure: the same obligations, attempts and offers give the same plans. The rules:

- The earliest deadline first; no deadline last; then the larger stake.
- A channel whose attempt is on its way to the same target waits for it: its blob is sent again
  every ledger, and the ledger tells what became of it.
- A better claim that arrives meanwhile gets its own attempt on the next seat, at most one a
  validated ledger and only for more than it costs, so that a stream of claims does not become a
  stream of fees.
- An attempt that no server took for its fee is replaced on the same seat, where both cannot
  apply.
- Seats are filled from the account's next sequence upwards, without holes: a hole would hold up
  every seat behind it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from watchtower.judgement.claim import Claim
from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt
from watchtower.response.fees import FeeOffer, fee_for
from watchtower.units import (
    MAX_LEDGER_TIME,
    Address,
    ChannelId,
    Drops,
    LedgerIndex,
    RippleTime,
    TxHash,
)

__all__ = ["Leave", "Obligation", "Plan", "Redeem", "Terms", "Wait", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """A channel that is to be redeemed up to ``target`` drops with ``claim``, and why."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeem:
    """Sign and send: take the obligation's channel to its target."""

    obligation: Obligation
    seat: Seat
    fee: Drops
    last_ledger: LedgerIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """An attempt is on its way; nothing better can be done in this ledger."""

    obligation: Obligation
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Not worth its fee now; judged again when that changes."""

    obligation: Obligation
    fee_asked: Drops


Plan = Redeem | Wait | Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of this moment.

    ``validated`` is the newest validated ledger, ``next_sequence`` each account's next sequence
    in the open ledger, ``underpriced`` the attempts that every server refused for their fee.
    """

    validated: LedgerIndex
    next_sequence: Mapping[Address, int]
    offer: FeeOffer
    fee_cap: Drops
    last_ledger_offset: int
    underpriced: Collection[TxHash] = ()


def plan(
    obligations: Iterable[Obligation], attempts: Iterable[Attempt], terms: Terms
) -> tuple[Plan, ...]:
    """Return one plan for each obligation of an account whose next sequence is known.

    Args:
        obligations: what is owed; one for a channel.
        attempts: those without an outcome yet, of any channel.
        terms: fees, sequences and the newest validated ledger.
    """
    # At its last ledger an attempt may have applied already, its facts still on their way; past
    # it, it is dead even if a stuck cursor keeps us from proving so.
    alive = [attempt for attempt in attempts if attempt.last_ledger >= terms.validated]
    seats = _Seats(alive, terms.next_sequence)
    on_the_way: defaultdict[ChannelId, list[Attempt]] = defaultdict(list)
    for attempt in alive:
        on_the_way[attempt.channel].append(attempt)
    plans: list[Plan] = []
    for obligation in sorted(obligations, key=_urgency):
        if obligation.account not in terms.next_sequence:
            continue
        step = _next_step(obligation, on_the_way.get(obligation.channel, ()), seats, terms)
        if isinstance(step, Redeem):
            seats.take(obligation.account, step.seat)
        plans.append(step)
    return tuple(plans)


class _Seats:
    """The seats of each account, of which the lowest free one is always next.

    It is looked for from where the last search ended, so that a thousand channels that close at
    once cost a thousand steps and not a million.
    """

    def __init__(self, alive: Iterable[Attempt], next_sequence: Mapping[Address, int]) -> None:
        self._taken = {(attempt.account, attempt.seat) for attempt in alive}
        self._next = dict(next_sequence)

    def free(self, account: Address) -> Seat:
        """Return the lowest free seat, without taking it."""
        while (account, Seat(self._next[account])) in self._taken:
            self._next[account] += 1
        return Seat(self._next[account])

    def take(self, account: Address, seat: Seat) -> None:
        """Take a seat; a replacement takes one that was taken before."""
        self._taken.add((account, seat))


def _urgency(obligation: Obligation) -> tuple[int, int, ChannelId]:
    deadline = MAX_LEDGER_TIME if obligation.deadline is None else obligation.deadline
    return (deadline, -obligation.at_stake, obligation.channel)


def _next_step(
    obligation: Obligation,
    mine: Collection[Attempt],
    seats: _Seats,
    terms: Terms,
) -> Plan:
    newest = max(
        mine, key=lambda attempt: (attempt.made_in, attempt.target, attempt.fee), default=None
    )
    if newest is None:
        return _redeem(obligation, seats.free(obligation.account), terms)
    if newest.made_in >= terms.validated:
        return Wait(obligation=obligation, attempt=newest)
    if newest.transaction in terms.underpriced:
        replacement = _redeem(obligation, newest.seat, terms, replaced=newest.fee)
        if isinstance(replacement, Redeem):
            return replacement
        return Wait(obligation=obligation, attempt=newest)
    gain = Drops(max(0, obligation.target - newest.target))
    better = _redeem(obligation, seats.free(obligation.account), terms, gain=gain)
    return better if isinstance(better, Redeem) else Wait(obligation=obligation, attempt=newest)


def _redeem(
    obligation: Obligation,
    seat: Seat,
    terms: Terms,
    *,
    replaced: Drops | None = None,
    gain: Drops | None = None,
) -> Redeem | Leave:
    stake = obligation.at_stake if gain is None else min(gain, obligation.at_stake)
    fee = fee_for(terms.offer, at_stake=stake, cap=terms.fee_cap, replaced=replaced)
    if fee is None:
        return Leave(obligation=obligation, fee_asked=terms.offer.open_ledger)
    last_ledger = LedgerIndex(terms.validated + terms.last_ledger_offset)
    return Redeem(obligation=obligation, seat=seat, fee=fee, last_ledger=last_ledger)
