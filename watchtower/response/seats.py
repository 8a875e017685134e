"""Seats: the sequences and tickets that an account's transactions take. Pure.

A ticket stands alone: whatever happens to other transactions, of ours or of the account's owner,
the one on a ticket may apply. A sequence waits for every sequence before it. So tickets are taken
first, and sequences from the lowest free one upwards, without a hole, which would hold up all
behind it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt
from watchtower.units import Address

__all__ = ["Seats"]


class Seats:
    """The free seats of every account, in one ledger.

    The lowest free sequence is looked for from where the last search ended, so that a thousand
    channels that close at once cost a thousand steps and not a million.
    """

    def __init__(
        self,
        alive: Iterable[Attempt],
        *,
        next_sequence: Mapping[Address, int],
        tickets: Mapping[Address, Collection[int]],
    ) -> None:
        """Begin with what is taken by attempts that may still apply.

        Args:
            alive: those attempts.
            next_sequence: each account's next sequence, where a server told it.
            tickets: the tickets that each account holds in a validated ledger.
        """
        self._taken: defaultdict[Address, set[Seat]] = defaultdict(set)
        for attempt in alive:
            self._taken[attempt.account].add(attempt.seat)
        self._next = dict(next_sequence)
        self._tickets = {
            account: sorted(
                (n for n in held if Seat(n, is_ticket=True) not in self._taken[account]),
                reverse=True,
            )
            for account, held in tickets.items()
        }

    def ticket(self, account: Address) -> Seat | None:
        """Return the lowest free ticket, without taking it; None if there is none."""
        free = self._tickets.get(account)
        return Seat(free[-1], is_ticket=True) if free else None

    def sequence(self, account: Address) -> Seat | None:
        """Return the lowest free sequence, without taking it; None if nobody told any."""
        number = self._next.get(account)
        if number is None:
            return None
        taken = self._taken[account]
        while Seat(number) in taken:
            number += 1
        self._next[account] = number
        return Seat(number)

    def best(self, account: Address) -> Seat | None:
        """Return the seat to take next; None if the account has none that we know of."""
        return self.ticket(account) or self.sequence(account)

    def take(self, account: Address, seat: Seat) -> None:
        """Take a seat; a replacement takes one that was taken before."""
        self._taken[account].add(seat)
        free = self._tickets.get(account)
        if seat.is_ticket and free and free[-1] == seat.number:
            free.pop()
