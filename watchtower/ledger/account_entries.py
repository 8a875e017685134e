"""What an account has of its own: its root, its tickets and its signer list, read from JSON.

What it guarantees: the same as ``decode.py``, of which it is a part. A fact comes from the nodes
of metadata, or from an entry that was read, and never from a transaction's type; a node of a
guarded account that cannot be read is malformed and never left out. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha512
from typing import Any, Final

from xrpl.core.addresscodec import decode_classic_address

from watchtower.ledger.affected import Node
from watchtower.ledger.events import (
    AccountChanged,
    AccountEntry,
    AccountFact,
    AccountMissing,
    Position,
    SignerList,
    SignerListChanged,
    TicketsChanged,
)
from watchtower.ledger.fields import (
    MalformedError,
    address_in,
    drops_in,
    optional_address_in,
    optional_uint32_in,
    uint32_in,
)
from watchtower.units import Address, TxHash

__all__ = ["account_entry", "account_facts", "signer_list", "ticket_number"]

_SIGNER_LIST_SPACE: Final = b"\0S"
"""What comes before the account in the hash that is a signer list's index (rippled Indexes.cpp,
LedgerNameSpace::SIGNER_LIST)."""


def account_facts(
    nodes: Iterable[Node],
    accounts: Collection[Address] | None,
    *,
    at: Position,
    transaction: TxHash,
) -> Iterator[AccountFact]:
    """Yield what ``nodes`` say about ``accounts`` (None for every account), roots first.

    Raises:
        MalformedError: a node of one of them cannot be read.
    """
    nodes = list(nodes)
    touched: list[Address] = []
    for node in nodes:
        if node.entry_type != "AccountRoot":
            continue
        fields = node.state("an account")
        if fields is None or not _concerns(address_in(fields, "Account"), accounts):
            continue
        entry = account_entry(fields)
        touched.append(entry.account)
        if node.is_deleted:
            yield AccountMissing(account=entry.account, at=at, transaction=transaction)
        else:
            yield AccountChanged(entry=entry, at=at, transaction=transaction)
    yield from _ticket_facts(nodes, accounts, at, transaction)
    yield from _signer_facts(nodes, touched, at, transaction)


def _concerns(account: Address, accounts: Collection[Address] | None) -> bool:
    return accounts is None or account in accounts


def _ticket_facts(
    nodes: Iterable[Node],
    accounts: Collection[Address] | None,
    at: Position,
    transaction: TxHash,
) -> Iterator[TicketsChanged]:
    created: defaultdict[Address, set[int]] = defaultdict(set)
    used: defaultdict[Address, set[int]] = defaultdict(set)
    for node in nodes:
        fields = node.state("a ticket") if node.entry_type == "Ticket" else None
        if fields is None or not _concerns(address_in(fields, "Account"), accounts):
            continue
        if node.is_created or node.is_deleted:
            owner = address_in(fields, "Account")
            (created if node.is_created else used)[owner].add(ticket_number(fields))
    for account in sorted(created.keys() | used.keys()):
        yield TicketsChanged(
            account=account,
            created=frozenset(created[account]),
            used=frozenset(used[account]),
            at=at,
            transaction=transaction,
        )


def _signer_facts(
    nodes: Iterable[Node], touched: Collection[Address], at: Position, transaction: TxHash
) -> Iterator[SignerListChanged]:
    """Yield the signer lists that changed.

    An entry need not say whose it is (``Owner`` came with fixIncludeKeyletFields), but its index
    does; and whatever changes a signer list touches the root of its owner.
    """
    for node in nodes:
        if node.entry_type != "SignerList":
            continue
        owner = next((a for a in touched if _signer_list_index(a) == node.ledger_index), None)
        if owner is None or (fields := node.state("a signer list")) is None:
            continue
        yield SignerListChanged(
            account=owner,
            signers=None if node.is_deleted else signer_list(fields),
            at=at,
            transaction=transaction,
        )


def account_entry(fields: Mapping[str, Any]) -> AccountEntry:
    """Return the account that the fields of an ``AccountRoot`` describe.

    A new entry's fields leave out what is zero.

    Raises:
        MalformedError: a field cannot be read.
    """
    return AccountEntry(
        account=address_in(fields, "Account"),
        balance=drops_in(fields, "Balance", missing=0),
        sequence=uint32_in(fields, "Sequence"),
        owner_count=optional_uint32_in(fields, "OwnerCount") or 0,
        flags=optional_uint32_in(fields, "Flags") or 0,
        regular_key=optional_address_in(fields, "RegularKey"),
        ticket_count=optional_uint32_in(fields, "TicketCount") or 0,
    )


def ticket_number(fields: Mapping[str, Any]) -> int:
    """Return the number of the ticket that the fields of a ``Ticket`` describe.

    Raises:
        MalformedError: it has none.
    """
    return uint32_in(fields, "TicketSequence")


def signer_list(fields: Mapping[str, Any]) -> SignerList:
    """Return the signers that the fields of a ``SignerList`` name, in the order of addresses.

    Raises:
        MalformedError: a field cannot be read.
    """
    entries = fields.get("SignerEntries")
    if not isinstance(entries, list):
        raise MalformedError("SignerEntries is not a list")
    return SignerList(
        quorum=uint32_in(fields, "SignerQuorum"),
        signers=tuple(sorted(_signer(entry) for entry in entries)),
    )


def _signer(wrapped: object) -> tuple[Address, int]:
    entry = wrapped.get("SignerEntry") if isinstance(wrapped, Mapping) else None
    if not isinstance(entry, Mapping):
        raise MalformedError("a signer's entry has no fields")
    return address_in(entry, "Account"), uint32_in(entry, "SignerWeight")


@lru_cache(maxsize=4096)
def _signer_list_index(account: Address) -> str:
    """Return the ledger index of the signer list of ``account`` (Indexes.cpp, keylet::signers)."""
    hashed = _SIGNER_LIST_SPACE + decode_classic_address(account) + bytes(4)
    return sha512(hashed).digest()[:32].hex().upper()
