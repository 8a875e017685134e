"""An account as one server's validated ledger holds it: its root, signer list and tickets.

And, where a delegate is asked for, what that may send in its name.

What it guarantees: all of it was read from one validated ledger, and stands behind all of that
ledger's transactions. That there is no such account is a fact as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.ledger.account_entries import account_entry, signer_list, ticket_number
from watchtower.ledger.delegation import delegate_index, permissions_in
from watchtower.ledger.events import (
    AccountChanged,
    AccountEntry,
    AccountFact,
    AccountMissing,
    DelegationChanged,
    Position,
    SignerList,
    SignerListChanged,
    TicketsHeld,
)
from watchtower.ledger.fields import MalformedError
from watchtower.ledger.state import StateServer, missing_position, read_owned, validated_position
from watchtower.units import Address

__all__ = ["read_account"]

_COMMAND: Final = "account_info"
_OF_ENTRY: Final = "ledger_entry"


async def read_account(
    server: StateServer, account: Address, delegate: Address | None = None
) -> tuple[AccountFact, ...]:
    """Return what the server's newest validated ledger says of ``account``.

    Args:
        server: who is asked.
        account: whose entries.
        delegate: who may be allowed to send for it; None where nobody is of interest.

    Raises:
        AnswerError: the answer is not from a validated ledger, or not about this account.
        LedgerError: the server could not be asked, or refused.
    """
    known_before = server.validated
    try:
        result = await server.request(
            _COMMAND, account=account, ledger_index="validated", signer_lists=True
        )
    except RequestRefusedError as refused:
        if refused.facts["error"] != "actNotFound":
            raise
        at = missing_position(server, _COMMAND, refused.facts["answer"], known_before)
        return (AccountMissing(account=account, at=at),)
    at = validated_position(server, _COMMAND, result)
    try:
        root = _root(result, account)
        signers = _signers(result)
        tickets = await _tickets(server, root, at)
        delegations = await _delegations(server, account, delegate, at)
    except MalformedError as wrong:
        raise AnswerError(server=server.url, command=_COMMAND, why=str(wrong)) from wrong
    return (
        AccountChanged(entry=root, at=at),
        SignerListChanged(account=account, signers=signers, at=at),
        TicketsHeld(account=account, tickets=tickets, at=at),
        *delegations,
    )


def _root(result: Mapping[str, Any], account: Address) -> AccountEntry:
    data = result.get("account_data")
    root = account_entry(data) if isinstance(data, Mapping) else None
    if root is None or root.account != account:
        raise MalformedError("it is not the account asked for")
    return root


def _signers(result: Mapping[str, Any]) -> SignerList | None:
    """Return the signer list, which API version 1 has inside ``account_data``."""
    lists = result.get("signer_lists", result["account_data"].get("signer_lists"))
    if not isinstance(lists, list):
        raise MalformedError("it does not say whether there is a signer list")
    if not lists:
        return None
    if not isinstance(lists[0], Mapping):
        raise MalformedError("the signer list has no fields")
    return signer_list(lists[0])


async def _tickets(server: StateServer, root: AccountEntry, at: Position) -> frozenset[int]:
    """Return the tickets that the account holds in the same ledger; none need no question."""
    if not root.ticket_count:
        return frozenset()
    owned = await read_owned(server, root.account, "ticket", ledger_index=at.ledger_index)
    nodes = () if owned is None else owned.nodes
    tickets = frozenset(
        ticket_number(node) for node in nodes if node.get("LedgerEntryType") == "Ticket"
    )
    if len(tickets) != root.ticket_count:
        raise MalformedError(f"it shows {len(tickets)} of {root.ticket_count} tickets")
    return tickets


async def _delegations(
    server: StateServer, account: Address, delegate: Address | None, at: Position
) -> tuple[DelegationChanged, ...]:
    """Return what ``delegate`` may send for the account in the same ledger; nobody is asked twice.

    The entry is asked for by its index, which every server knows, also one that is too old for
    entries of this type.
    """
    if delegate is None or delegate == account:
        return ()
    index = delegate_index(account, delegate)
    try:
        found = await server.request(_OF_ENTRY, index=index, ledger_index=at.ledger_index)
    except RequestRefusedError as refused:
        if refused.facts["error"] != "entryNotFound":
            raise
        permissions = frozenset[str]()
    else:
        if validated_position(server, _OF_ENTRY, found) != at:
            raise MalformedError("the entry of its delegate is of another ledger")
        permissions = permissions_in(found.get("node"), account, delegate)
    return (DelegationChanged(account=account, delegate=delegate, permissions=permissions, at=at),)
