"""What could have been saved, and what was: a second opinion that knows nothing of the tower.

Of the house it knows not one module; it has the rules from docs/ledger-rules.md and the ledger's
own entries. What it demands: a claim that the tower had acknowledged is redeemed, if there were
three consecutive ledgers before the channel's end

- before and throughout which the channel's closing stood in a validated ledger (or CancelAfter was
  so near that the operator wants it to be acted on),
- during all of which the tower ran, its disk took what it was given, nobody else kept its store
  locked, and one and the same honest server could be reached: one that hid nothing since the state
  was read last,
- in each of which a transaction of the payee would have entered for what the operator allows,
- in each of which one and the same right could act: somebody who signs what the ledger takes, or
  what was signed ahead for the channel with a key that signs still, on a ticket that is there, at
  a fee that gets in. What was signed ahead is owed up to its own claim and no further.

Where more channels press than a ledger has room for, there have to be as many more ledgers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

__all__ = [
    "ANYBODY",
    "Ahead",
    "Entry",
    "Ledger",
    "Limits",
    "Promise",
    "Reckoning",
    "Signer",
    "reckon",
]

_THREE: Final = 3
_CHEAPEST: Final = 10
"""Drops that any transaction costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Somebody who could sign fresh transactions; with another key it is somebody else.

    ``units`` are the base fees that its transaction costs.
    """

    name: str
    units: int = 1


ANYBODY: Final = frozenset({Signer(name="a key")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A claim that was signed ahead and would be good: a balance, on a ticket, at several fees."""

    target: int
    ticket: int
    key: str
    fees: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """One validated ledger, and what it was like to get into it.

    Attributes:
        close_time: in ledger time.
        price: drops that entering it cost at the last moment.
        servers: those honest ones that could be reached from the ledger before to its end.
        tower_able: whether the tower ran, and its disk served, for all of that time.
        signers: who could sign for the payee, for all of that time.
        ahead: what was signed ahead and would be good, for all of that time, by channel.
    """

    close_time: int
    price: int
    servers: frozenset[int]
    tower_able: bool
    signers: frozenset[Signer] = ANYBODY
    ahead: Mapping[str, frozenset[Ahead]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A channel as one ledger left it; amounts are drops, times ledger time."""

    amount: int
    balance: int
    expiration: int | None
    cancel_after: int | None

    @property
    def end(self) -> int | None:
        """When it ends; None if nothing says so."""
        ends = [end for end in (self.expiration, self.cancel_after) if end is not None]
        return min(ends, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A claim that the tower acknowledged before ledger number ``kept_in`` closed."""

    drops: int
    kept_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the operator allows, and what a ledger has room for.

    Attributes:
        lead: seconds before CancelAfter from which on a channel is to be redeemed.
        share: of what is at stake, that an attempt may cost.
        cap: drops that an attempt may cost.
        room: transactions of one account that surely fit into a ledger at its price.
    """

    lead: int
    share: float
    cap: int
    room: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """One channel at the end, in drops.

    ``promised`` is the most that acknowledged claims could ever have paid, ``paid`` what the
    channel did pay, ``owed`` what it would have paid to a tower that missed nothing it could do.
    ``why`` names the three ledgers by which it could have; what is below ``worth_it`` costs more
    than the operator would pay for it.
    """

    channel: str
    promised: int
    paid: int
    owed: int
    has_ended: bool
    why: str
    worth_it: int

    @property
    def lost(self) -> int:
        """What the payee has lost by the channel's end."""
        return max(0, self.promised - self.paid) if self.has_ended else 0

    @property
    def avoidable(self) -> int:
        """What of it need not have been lost."""
        missing = self.owed - self.paid
        return min(self.lost, missing) if missing >= self.worth_it else 0


def reckon(
    ledgers: Sequence[Ledger],
    channels: Mapping[str, Sequence[Entry | None]],
    finals: Mapping[str, int],
    promises: Mapping[str, Sequence[Promise]],
    limits: Limits,
) -> list[Reckoning]:
    """Return how every channel stands.

    Args:
        ledgers: one after the other, without gaps.
        channels: each channel's entry in each of them; None where it is not there.
        finals: what each channel had paid when it was seen last.
        promises: what was acknowledged, by channel.
        limits: what may be demanded.
    """
    stories = [
        _Story(channel, ledgers, entries, promises.get(channel, ()), limits)
        for channel, entries in channels.items()
    ]
    crowd = [sum(story.waits(number) for story in stories) for number in range(len(ledgers))]
    return [story.reckon(finals.get(story.channel, 0), crowd) for story in stories]


class _Story:
    """What happened to one channel."""

    def __init__(
        self,
        channel: str,
        ledgers: Sequence[Ledger],
        entries: Sequence[Entry | None],
        promises: Sequence[Promise],
        limits: Limits,
    ) -> None:
        self.channel = channel
        self._ledgers = ledgers
        self._entries = entries
        self._promises = promises
        self._limits = limits
        self._runs = _runs(
            self._open_in(number) is not None and self._is_pressing(number)
            for number in range(len(ledgers))
        )

    def reckon(self, paid: int, crowd: Sequence[int]) -> Reckoning:
        """Return how the channel stands; ``crowd`` are those that waited for each ledger."""
        owed, why = 0, ""
        for last in range(_THREE, len(self._ledgers)):
            more = (crowd[last] - 1) // self._limits.room if crowd[last] else 0
            first = last - _THREE - more + 1
            for found, by in self._ways_to_pay(first, last):
                if found > owed:
                    owed, why = found, f"ledgers {first} to {last}, by {by}"
        best = max((promise.drops for promise in self._promises), default=0)
        most = max((entry.amount for entry in self._entries if entry is not None), default=0)
        return Reckoning(
            channel=self.channel,
            promised=min(best, most),
            paid=paid,
            owed=owed,
            has_ended=self._has_ended(),
            why=why,
            worth_it=math.ceil(_CHEAPEST / self._limits.share),
        )

    def waits(self, number: int) -> bool:
        """Return whether something was to be redeemed on it in ledger ``number``."""
        entry = self._open_in(number)
        if entry is None or not self._runs[number]:
            return False
        return min(self._known(number), entry.amount) > entry.balance

    def _ways_to_pay(self, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Yield what it could have come to pay in some ledgers in a row, and by whom."""
        window = self._good(first, last)
        if not window:
            return
        price = max(ledger.price for ledger in window)
        for signer in sorted(window[-1].signers, key=lambda one: one.name):
            if all(signer in ledger.signers for ledger in window):
                yield self._would_pay(first, signer.units * price), signer.name
        for ahead in sorted(window[-1].ahead.get(self.channel, ()), key=lambda one: one.ticket):
            fee = min((fee for fee in ahead.fees if fee >= price), default=None)
            if fee is None or not all(ahead in one.ahead.get(self.channel, ()) for one in window):
                continue
            paid = self._would_pay(first, fee, most=ahead.target)
            yield paid, f"what was signed ahead on ticket {ahead.ticket}"

    def _good(self, first: int, last: int) -> Sequence[Ledger]:
        """Return the ledgers ``first`` to ``last``; none if in one of them nobody could act."""
        if first < 1 or self._runs[last] < last - first + 1:
            return ()
        window = self._ledgers[first : last + 1]
        if not all(ledger.tower_able for ledger in reversed(window)):
            return ()
        if not frozenset.intersection(*(ledger.servers for ledger in window)):
            return ()
        return window

    def _would_pay(self, first: int, price: int, most: int | None = None) -> int:
        """Return what it could have come to pay from ledger ``first`` on, at a price."""
        before = self._entries[first - 1]
        if before is None:
            return 0
        known = self._known(first)
        target = min(known, before.amount, known if most is None else most)
        stake = target - before.balance
        budget = min(self._limits.cap, int(stake * self._limits.share))
        return target if stake > 0 and budget >= price else 0

    def _known(self, number: int) -> int:
        """Return the best claim that was acknowledged before ledger ``number`` was open."""
        known = (promise.drops for promise in self._promises if promise.kept_in < number)
        return max(known, default=0)

    def _open_in(self, number: int) -> Entry | None:
        """Return the channel as a transaction in ledger ``number`` finds it, if that can pay.

        A ledger judges by the close time of the one before it.
        """
        entry = self._entries[number - 1] if number else None
        if entry is None or entry.end is None:
            return entry
        return None if self._ledgers[number - 1].close_time >= entry.end else entry

    def _is_pressing(self, number: int) -> bool:
        """Return whether it was to be acted on, by what was known when ledger ``number`` opened."""
        entry = self._entries[number - 1]
        if entry is None:
            return False
        if entry.expiration is not None:
            return True
        now = self._ledgers[number - 1].close_time
        return entry.cancel_after is not None and now >= entry.cancel_after - self._limits.lead

    def _has_ended(self) -> bool:
        last = self._entries[-1]
        if last is None:
            return any(entry is not None for entry in self._entries)
        return last.end is not None and self._ledgers[-1].close_time >= last.end


def _runs(holds: Iterable[bool]) -> list[int]:
    """Return, for each place, in how many in a row up to it something holds."""
    runs: list[int] = []
    for one in holds:
        runs.append((runs[-1] if runs else 0) + 1 if one else 0)
    return runs
