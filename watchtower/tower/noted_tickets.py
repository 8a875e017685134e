"""What stands in the store of an account's tickets, for commands that ask without a ledger. Pure.

A tower that runs reads its accounts anew at every start, and judges by that alone; the note only
says which tickets were last seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from watchtower.judgement.estate import Estate, Tickets
from watchtower.ledger.events import END_OF_LEDGER, Position
from watchtower.units import Address, LedgerIndex

__all__ = ["TICKETS_NOTE", "tickets_noted", "with_tickets"]

TICKETS_NOTE: Final = "tickets "
"""Before an address: the note of the tickets that the account holds."""


def tickets_noted(estate: Estate) -> list[int] | None:
    """Return the tickets of an account, in JSON values; None before their list was read."""
    return None if estate.ticket_book.listed_at is None else list(estate.tickets)


def with_tickets(account: Address, estate: Estate | None, note: Sequence[int] | None) -> Estate:
    """Return an account with the tickets that a note tells of; without any where there is none.

    The place in history is not in the note, and stands as the beginning of it.
    """
    known = estate or Estate(account=account)
    if note is None:
        return known
    at = Position(LedgerIndex(0), END_OF_LEDGER)
    held = {int(ticket): at for ticket in note}
    return replace(known, ticket_book=Tickets(held=held, listed_at=at))
