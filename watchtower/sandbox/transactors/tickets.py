"""TicketCreate, and how a ticket is used up.

Follows rippled 3.1.1 src/xrpld/app/tx/detail/CreateTicket.cpp and Transactor.cpp (ticketDelete).
Lines are those of commit 062ece32 (src/libxrpl/tx/transactors/CreateTicket.cpp), the nearest to
3.1.1 that could be read.
"""

from __future__ import annotations

from typing import Final

from watchtower.sandbox import directories
from watchtower.sandbox.entries import Entry
from watchtower.sandbox.hashing import account_index, ticket_index
from watchtower.sandbox.results import SUCCESS
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.state import ApplyView
from watchtower.sandbox.transaction import Transaction
from watchtower.sandbox.transactors.context import (
    ApplyContext,
    PreclaimContext,
    Transactor,
    adjust_owner_count,
)

__all__ = ["TICKET_CREATE", "use_ticket"]

_MOST_TICKETS: Final = 250


def _preflight(tx: Transaction, _rules: Rules) -> str:
    """(CreateTicket.cpp:17-25)."""
    return SUCCESS if 1 <= tx.fields["TicketCount"] <= _MOST_TICKETS else "temINVALID_COUNT"


def _preclaim(context: PreclaimContext) -> str:
    """(CreateTicket.cpp:27-51.) The ticket that pays for the new ones is no longer counted."""
    root = context.account(context.tx.account)
    if root is None:
        return "terNO_ACCOUNT"
    used = 1 if context.tx.seat.ticket else 0
    held = root.get("TicketCount", 0) + context.tx.fields["TicketCount"] - used
    return "tecDIR_FULL" if held > _MOST_TICKETS else SUCCESS


def _apply(context: ApplyContext) -> str:
    """(CreateTicket.cpp:53-121.) The numbers are the account's next sequences, which it skips."""
    account, root, count = context.tx.account, context.sender, context.tx.fields["TicketCount"]
    # Held against the balance before the fee, so that the fee may dip into the reserve (:60-68).
    if context.prior_balance < context.rules.reserve(root["OwnerCount"] + count):
        return "tecINSUFFICIENT_RESERVE"
    first = root["Sequence"]
    for number in range(first, first + count):
        ticket: Entry = {
            "LedgerEntryType": "Ticket",
            "Account": account,
            "Flags": 0,
            "TicketSequence": number,
        }
        context.add_owned(ticket_index(account, number), ticket, account)
    root["TicketCount"] = root.get("TicketCount", 0) + count
    root["Sequence"] = first + count
    return SUCCESS


def use_ticket(view: ApplyView, account: str, number: int) -> str:
    """Remove a ticket from the ledger, and what it reserved (Transactor.cpp, ticketDelete).

    A count of none is left out (soeOPTIONAL).
    """
    index = ticket_index(account, number)
    ticket, root = view.read(index), view.peek(account_index(account))
    if ticket is None or root is None:
        return "tefBAD_LEDGER"
    if not directories.remove(view, account, ticket["OwnerNode"], index, keep_root=True):
        return "tefBAD_LEDGER"
    left = root.get("TicketCount", 0) - 1
    if left:
        root["TicketCount"] = left
    else:
        root.pop("TicketCount", None)
    adjust_owner_count(root, -1)
    view.erase(index)
    return SUCCESS


TICKET_CREATE = Transactor(preflight=_preflight, preclaim=_preclaim, apply=_apply)
