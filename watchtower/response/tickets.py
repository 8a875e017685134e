"""The ticket pool: tickets made ahead of need, so that no transaction waits for another. Pure.

A ticket costs its account an owner reserve while it is held (0.2 XRP on mainnet), which comes back
when it is used. The pool is filled up once it has fallen below its low-water mark, and never
beyond what the account's balance can hold in reserve with its fee money left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from watchtower.ledger.events import Seat
from watchtower.response.transaction import with_common_fields
from watchtower.units import Address, Drops, LedgerIndex

__all__ = ["MOST_TICKETS", "TicketPool", "ticket_transaction"]

MOST_TICKETS: Final = 250
"""Tickets that one account may hold (rippled TicketCreate.h, maxTicketThreshold)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPool:
    """How many tickets an account should have ready, and how few before more are made."""

    size: int
    low_water: int

    def missing(self, held: int) -> int:
        """Return how many tickets to make for an account that holds ``held``."""
        return 0 if held > self.low_water or held >= self.size else self.size - held

    def affordable(self, held: int, *, spare: Drops, increment: Drops) -> int:
        """Return how many of the missing ones the account can hold.

        Args:
            held: the tickets it has.
            spare: its drops above its reserve, and above the fee money that must stay.
            increment: the owner reserve for each, in drops.
        """
        room = max(0, spare) // max(1, increment)
        return min(self.missing(held), room)


def ticket_transaction(
    *,
    account: Address,
    count: int,
    fee: Drops,
    seat: Seat,
    last_ledger: LedgerIndex,
    network_id: int,
) -> dict[str, Any]:
    """Return the unsigned transaction that makes ``count`` tickets of ``account``."""
    fields = {"TransactionType": "TicketCreate", "Account": account, "TicketCount": count}
    return with_common_fields(
        fields, fee=fee, seat=seat, last_ledger=last_ledger, network_id=network_id
    )
