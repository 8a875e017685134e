"""The cheapest way out: what redeeming all would have cost somebody who knew every ledger before.

Pure. Everything is known in advance: of each ledger, how many more transactions it takes at the
base fee and what the next one pays after those (rippled 3.1.1 TxQ.cpp:181-200); of each claim, the
last ledger in which it still counts. Every claim may go in any ledger up to its last one.

What it guarantees: no schedule costs less. The places of ledgers that claims can be matched to,
each claim to one place, are the independent sets of a transversal matroid, and of a matroid the
greedy choice, the cheapest place first that still leaves everybody a place, is the cheapest basis
(Edmonds, 1971). Claims differ only in how long they may wait, so whether a place may be taken is a
matter of counting: from no ledger on may more places be taken than there are claims that last so
long. Within a ledger prices only rise, so its places are taken in their order.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Cheapest", "Room", "cheapest"]

_BASE_LEVEL: Final = 256
"""The fee level of a transaction that pays the base fee (TxQ.h, baseLevel)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What one ledger has to offer to somebody who comes after all the others in it.

    Attributes:
        cheap: how many places cost the base fee.
        others: how many transactions of other people it holds.
        expected: how many it holds before prices rise.
        multiplier: the fee level that they rise from, in 1/256 of the base fee.
    """

    cheap: int
    others: int
    expected: int
    multiplier: int

    def price(self, place: int, base: int) -> int:
        """Return the drops of a place, counted from 0; ``base`` is the base fee."""
        size = self.others + place
        if place < self.cheap or size <= self.expected:
            return base
        level = self.multiplier * size * size // (self.expected * self.expected)
        return max(base, -(-level * base // _BASE_LEVEL))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheapest:
    """The cheapest schedule: how many claims it redeems, for how many drops in all.

    ``taken`` is how many go in each ledger.
    """

    redeemed: int
    drops: int
    taken: tuple[int, ...]


def cheapest(rooms: Sequence[Room], lasts: Sequence[int], *, base: int) -> Cheapest:
    """Return the cheapest way to redeem as many claims as can be.

    Args:
        rooms: the ledgers, in order.
        lasts: of each claim, the place in ``rooms`` of the last ledger that still counts; below 0
            where none does.
        base: the base fee in drops.
    """
    # How many more places may be taken in this ledger and those behind it together.
    spare = [0] * len(rooms)
    for last in lasts:
        if last >= 0:
            spare[min(last, len(rooms) - 1)] += 1
    for number in reversed(range(len(rooms) - 1)):
        spare[number] += spare[number + 1]
    taken = [0] * len(rooms)
    drops = 0
    offers = [(room.price(0, base), number) for number, room in enumerate(rooms)]
    heapq.heapify(offers)
    while offers:
        price, number = heapq.heappop(offers)
        if min(spare[: number + 1]) == 0:
            # What is full stays full: in this ledger nothing more is of use.
            continue
        for before in range(number + 1):
            spare[before] -= 1
        taken[number] += 1
        drops += price
        heapq.heappush(offers, (rooms[number].price(taken[number], base), number))
    return Cheapest(redeemed=sum(taken), drops=drops, taken=tuple(taken))
