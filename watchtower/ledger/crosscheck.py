"""What several servers told, compared: what of it is believed, and who contradicts whom.

Two servers may tell two things because a ledger closed in between; of one ledger they may not.
What it guarantees:

- What most servers tell is believed, if that is two or more, but for two things: a channel is
  there as long as one server has it, and ends when the first says so. One honest server is enough
  for the promise, against any number that hide a close request. Acting on a false threat costs a
  fee, or redeems a little early; missing a true one costs the claim.
- Where two contradict each other about one ledger and nobody else can tell, the reading that
  threatens the payee more is taken. What is served against must not rest on it, and
  `Finding.vouched` says so.
- What prices are is told whole by one server, the one in the middle: no single one makes us pay
  too much, or too little for long.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from watchtower.ledger.answers import Fees
from watchtower.ledger.events import (
    AccountChanged,
    AccountFact,
    AccountMissing,
    ChannelChanged,
    ChannelEntry,
    ChannelMissing,
    Position,
    TicketsHeld,
)
from watchtower.units import ChannelId, LedgerIndex

__all__ = [
    "Finding",
    "Listing",
    "account_of_all",
    "find",
    "in_the_middle",
    "is_unanimous",
    "lists_compared",
]

State = ChannelChanged | ChannelMissing

_NOWHERE: Final = Position(LedgerIndex(0), 0)

_NEVER: Final = 2**32
"""Later than any ledger time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is believed of one channel.

    Attributes:
        state: the state, of the newest ledger of which it was told.
        vouched: whether nobody contradicts it.
        contradicting: servers that said something else of one ledger than most did, or than one
            other did.
        is_settled: whether asking again would tell no more; where it is False a server may only
            have been behind.
    """

    state: State
    vouched: bool
    contradicting: tuple[str, ...] = ()
    is_settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The channels of an account, as the lists of one server or of several tell them.

    Attributes:
        channels: every one that any server lists, in the newest state that one gives it.
        agreed: those of which all lists tell the same.
    """

    channels: tuple[ChannelChanged, ...]
    agreed: frozenset[ChannelId]


def find(told: Mapping[str, State]) -> Finding:
    """Return what is believed of a channel by what each server told; there is at least one."""
    common, contradicting = _common(told)
    is_unanimous = len({_content(state) for state in told.values()}) == 1
    return Finding(
        state=_believed_state(tuple(told.values()), common),
        vouched=common is not None,
        contradicting=contradicting,
        is_settled=is_unanimous or len({state.at for state in told.values()}) == 1,
    )


def _common(told: Mapping[str, State]) -> tuple[State | None, tuple[str, ...]]:
    """Return what most tell, if most tell the same, and who contradicts whom of one ledger."""
    contents = Counter(_content(state) for state in told.values())
    [(content, times)] = contents.most_common(1)
    agreed = [state for state in told.values() if _content(state) == content]
    others = {server: state for server, state in told.items() if _content(state) != content}
    if times * 2 > len(told):
        places = {state.at for state in agreed}
        liars = sorted(server for server, state in others.items() if state.at in places)
        return _newest(agreed), tuple(liars)
    newest = _newest(told.values()).at
    of_newest = {server: state for server, state in told.items() if state.at == newest}
    differ = len({_content(state) for state in of_newest.values()}) > 1
    return None, tuple(sorted(of_newest)) if differ else ()


def _believed_state(states: Sequence[State], common: State | None) -> State:
    """Return the state to act on: there rather than gone, and with the nearest end that is told."""
    gone = max((s.at for s in states if isinstance(s, ChannelMissing)), default=None)
    if isinstance(common, ChannelChanged):
        # Most have it: who has not is ahead by a ledger, which will be told, or lies.
        gone = None
    there = [s for s in states if isinstance(s, ChannelChanged) and (gone is None or s.at >= gone)]
    if not there:
        return _newest(states)
    if isinstance(common, ChannelChanged) and common in there:
        chosen = common
    else:
        newest = max(state.at for state in there)
        chosen = min((state for state in there if state.at == newest), key=_threat)
    ends = [s.entry.expiration for s in there if s.entry.expiration is not None]
    entry = structs.replace(chosen.entry, expiration=min(ends, default=None))
    # Not at a newer place than its own: what others are behind with must not undo what was seen.
    return structs.replace(chosen, entry=entry)


def lists_compared(told: Collection[Sequence[ChannelChanged]]) -> Listing:
    """Return every channel that any server lists, and of which of them all tell the same.

    A server that hides a channel hides nothing; one that invents a channel makes us watch it,
    which costs nothing, and nobody serves against it (`find`).
    """
    best: dict[ChannelId, ChannelChanged] = {}
    alike: Counter[ChannelEntry] = Counter()
    for listed in told:
        alike.update({fact.entry for fact in listed})
        for fact in listed:
            known = best.get(fact.entry.channel)
            if known is None or (fact.at, *_threat(known)) > (known.at, *_threat(fact)):
                best[fact.entry.channel] = fact
    return Listing(
        channels=tuple(best[channel] for channel in sorted(best)),
        agreed=frozenset(c for c, fact in best.items() if alike[fact.entry] == len(told)),
    )


def account_of_all(told: Iterable[Sequence[AccountFact]]) -> tuple[AccountFact, ...]:
    """Return what is believed of an account; ``told`` has the most trusted server first.

    Of each thing what most tell is believed, if that is two or more, and else the newest. Only
    the tickets that all of them list are taken to be there: an attempt on an invented one would
    wait for nothing, and there may be hundreds.
    """
    kinds: dict[type, list[AccountFact]] = {}
    for facts in told:
        for fact in facts:
            kind = AccountChanged if isinstance(fact, AccountMissing) else type(fact)
            kinds.setdefault(kind, []).append(fact)
    return tuple(_believed(facts) for facts in kinds.values())


def is_unanimous(told: Iterable[Sequence[AccountFact]]) -> bool:
    """Say whether all servers tell the same of an account."""
    return len({tuple(map(_without_place, facts)) for facts in told}) <= 1


def _believed(facts: Sequence[AccountFact]) -> AccountFact:
    [(common, times)] = Counter(_without_place(fact) for fact in facts).most_common(1)
    if times * 2 > len(facts):
        return max((f for f in facts if _without_place(f) == common), key=lambda f: f.at)
    newest = max(facts, key=lambda fact: fact.at)
    if not isinstance(newest, TicketsHeld):
        return newest
    listed = [fact.tickets for fact in facts if isinstance(fact, TicketsHeld)]
    return replace(newest, tickets=frozenset.intersection(*listed))


def _without_place(fact: AccountFact) -> AccountFact:
    return replace(fact, at=_NOWHERE)


def in_the_middle(told: Iterable[Fees]) -> Fees:
    """Return the prices of the server in the middle, the lower of two; there is at least one.

    Paying too little is found out, by the refusals, in the next ledger; paying too much never is.
    """
    prices = sorted(told, key=lambda fees: (fees.open_ledger_fee, fees.base_fee))
    return prices[(len(prices) - 1) // 2]


def _content(state: State) -> ChannelEntry | None:
    return state.entry if isinstance(state, ChannelChanged) else None


def _newest(states: Iterable[State]) -> State:
    return max(states, key=lambda state: state.at)


def _threat(state: State) -> tuple[int, int, int]:
    """Return what is smaller the more a state threatens the payee."""
    if isinstance(state, ChannelMissing):
        return (1, _NEVER, 0)
    entry = state.entry
    ends = (time for time in (entry.expiration, entry.cancel_after) if time is not None)
    # Of two amounts the higher: what one server leaves out of the funds would not be redeemed.
    return (0, min(ends, default=_NEVER), entry.balance - entry.amount)
