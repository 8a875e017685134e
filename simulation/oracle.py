"""What could have been saved, and what was: a second opinion that knows nothing of the tower.

Of the house it knows not one module; it has the rules from docs/ledger-rules.md and the ledger's
own entries. What it demands: a claim that the tower had acknowledged is redeemed, if there were
three consecutive ledgers before the channel's end

- before and throughout which the channel's closing stood in a validated ledger (or CancelAfter was
  so near that the operator wants it to be acted on),
- during all of which the tower ran, its disk took what it was given, and one and the same honest
  server could be reached,
- in each of which a transaction of the payee would have entered for what the operator allows.

Where more channels press than a ledger has room for, there have to be as many more ledgers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Entry", "Ledger", "Limits", "Promise", "Reckoning", "reckon"]

_THREE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """One validated ledger, and what it was like to get into it.

    Attributes:
        close_time: in ledger time.
        price: drops that entering it cost at the last moment.
        servers: those honest ones that could be reached from the ledger before to its end.
        tower_able: whether the tower ran, and its disk served, for all of that time.
    """

    close_time: int
    price: int
    servers: frozenset[int]
    tower_able: bool


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
    ``why`` names the three ledgers by which it could have.
    """

    channel: str
    promised: int
    paid: int
    owed: int
    has_ended: bool
    why: str

    @property
    def lost(self) -> int:
        """What the payee has lost by the channel's end."""
        return max(0, self.promised - self.paid) if self.has_ended else 0

    @property
    def avoidable(self) -> int:
        """What of it need not have been lost."""
        return min(self.lost, max(0, self.owed - self.paid))


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
    crowd = _crowd(ledgers, channels, promises, limits)
    return [
        _reckon_one(channel, ledgers, entries, finals, promises.get(channel, ()), limits, crowd)
        for channel, entries in channels.items()
    ]


def _reckon_one(
    channel: str,
    ledgers: Sequence[Ledger],
    entries: Sequence[Entry | None],
    finals: Mapping[str, int],
    promises: Sequence[Promise],
    limits: Limits,
    crowd: Sequence[int],
) -> Reckoning:
    best = max((promise.drops for promise in promises), default=0)
    most = max((entry.amount for entry in entries if entry is not None), default=0)
    owed, why = 0, ""
    for last in range(_THREE, len(ledgers)):
        length = _THREE + (crowd[last] - 1) // limits.room if crowd[last] else _THREE
        first = last - length + 1
        found = _could_pay(ledgers, entries, promises, limits, first, last)
        if found > owed:
            owed, why = found, f"ledgers {first} to {last}"
    has_ended = bool(entries) and (entries[-1] is None or _is_over(ledgers, entries[-1]))
    promised = min(best, most)
    return Reckoning(
        channel=channel,
        promised=promised,
        paid=finals.get(channel, 0),
        owed=owed,
        has_ended=has_ended and any(entry is not None for entry in entries),
        why=why,
    )


def _could_pay(
    ledgers: Sequence[Ledger],
    entries: Sequence[Entry | None],
    promises: Sequence[Promise],
    limits: Limits,
    first: int,
    last: int,
) -> int:
    """Return what the channel could have come to pay in the ledgers ``first`` to ``last``."""
    if first < 1:
        return 0
    for number in range(first, last + 1):
        entry, parent = entries[number - 1], ledgers[number - 1]
        if entry is None or _has_passed(entry, parent) or not _is_pressing(entry, parent, limits):
            return 0
    before = entries[first - 1]
    if before is None:
        return 0
    window = ledgers[first : last + 1]
    if not all(ledger.tower_able for ledger in window):
        return 0
    if not frozenset.intersection(*(ledger.servers for ledger in window)):
        return 0
    known = [promise.drops for promise in promises if promise.kept_in <= first - 1]
    target = min(max(known, default=0), before.amount)
    stake = target - before.balance
    budget = min(limits.cap, int(stake * limits.share))
    if stake <= 0 or budget < max(ledger.price for ledger in window):
        return 0
    return target


def _is_pressing(entry: Entry, ledger: Ledger, limits: Limits) -> bool:
    if entry.expiration is not None:
        return True
    return entry.cancel_after is not None and (
        ledger.close_time >= entry.cancel_after - limits.lead
    )


def _has_passed(entry: Entry | None, parent: Ledger) -> bool:
    """Return whether a claim in the ledger after ``parent`` would have come too late."""
    return entry is not None and entry.end is not None and parent.close_time >= entry.end


def _is_over(ledgers: Sequence[Ledger], entry: Entry | None) -> bool:
    return _has_passed(entry, ledgers[-1])


def _crowd(
    ledgers: Sequence[Ledger],
    channels: Mapping[str, Sequence[Entry | None]],
    promises: Mapping[str, Sequence[Promise]],
    limits: Limits,
) -> list[int]:
    """Return, for each ledger, how many channels pressed and were not paid before it."""
    best = {
        channel: max((promise.drops for promise in kept), default=0)
        for channel, kept in promises.items()
    }
    crowd = [0] * len(ledgers)
    for channel, entries in channels.items():
        for number in range(1, len(ledgers)):
            entry = entries[number - 1]
            if entry is None or min(best.get(channel, 0), entry.amount) <= entry.balance:
                continue
            if _is_pressing(entry, ledgers[number - 1], limits):
                crowd[number] += 1
    return crowd
