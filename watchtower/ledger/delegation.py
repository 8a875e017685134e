"""What an account lets another one send in its name (XLS-75), read from JSON.

What it guarantees: the same as ``decode.py``, of which it is a part: a fact comes from the nodes of
metadata, or from an entry that was read. There is one thing more that a validated transaction
proves: one that failed for want of permission had none (rippled 3.1.1 Transactor.cpp,
checkPermission). Since PermissionDelegationV1_1 such a transaction is in no ledger. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha512
from typing import Any, Final

from xrpl.core.addresscodec import decode_classic_address

from watchtower.ledger.affected import Node
from watchtower.ledger.events import DelegationChanged, Position, SeatUsed
from watchtower.ledger.fields import MalformedError, address_in
from watchtower.units import Address, TxHash

__all__ = ["delegate_index", "delegation_facts", "permissions_in", "proven_by"]

_SPACE: Final = b"\0E"
"""What comes before the two accounts in the hash that is the entry's index (rippled Indexes.cpp,
LedgerNameSpace::DELEGATE)."""

_ENTRY: Final = "Delegate"
_CLAIM: Final = "PaymentChannelClaim"
_NOT_PERMITTED: Final = "tecNO_DELEGATE_PERMISSION"
_NOTHING: Final = frozenset[str]()


@lru_cache(maxsize=4096)
def delegate_index(account: Address, delegate: Address) -> str:
    """Return where it stands what ``account`` permits ``delegate`` (keylet::delegate)."""
    hashed = _SPACE + decode_classic_address(account) + decode_classic_address(delegate)
    return sha512(hashed).digest()[:32].hex().upper()


def delegation_facts(
    nodes: Iterable[Node],
    accounts: Collection[Address] | None,
    *,
    at: Position,
    transaction: TxHash,
) -> Iterator[DelegationChanged]:
    """Yield what ``nodes`` say about permissions that ``accounts`` gave (None for every account).

    Raises:
        MalformedError: a node of one of them cannot be read.
    """
    for node in nodes:
        fields = node.state("a delegation") if node.entry_type == _ENTRY else None
        if fields is None:
            continue
        account = address_in(fields, "Account")
        if accounts is not None and account not in accounts:
            continue
        yield DelegationChanged(
            account=account,
            delegate=address_in(fields, "Authorize"),
            permissions=_NOTHING if node.is_deleted else _permissions(fields),
            at=at,
            transaction=transaction,
        )


def proven_by(used: SeatUsed) -> DelegationChanged | None:
    """Return that a delegate may not send claims, where a claim of its failed for that.

    What failed as a transaction of another type says nothing about claims.
    """
    if used.delegate is None or (used.kind, used.result) != (_CLAIM, _NOT_PERMITTED):
        return None
    return DelegationChanged(
        account=used.account,
        delegate=used.delegate,
        permissions=_NOTHING,
        at=used.at,
        transaction=used.transaction,
    )


def permissions_in(node: object, account: Address, delegate: Address) -> frozenset[str]:
    """Return what an entry that was read permits.

    Raises:
        MalformedError: it is not the entry of these two accounts, or cannot be read.
    """
    if not isinstance(node, Mapping) or node.get("LedgerEntryType") != _ENTRY:
        raise MalformedError("it is not the entry of a delegate")
    if (node.get("Account"), node.get("Authorize")) != (account, delegate):
        raise MalformedError("it is the entry of other accounts")
    return _permissions(node)


def _permissions(fields: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of permissions; one without a name yet is told by its number."""
    listed = fields.get("Permissions", [])
    if not isinstance(listed, list):
        raise MalformedError("Permissions is not a list")
    return frozenset(_permission(wrapped) for wrapped in listed)


def _permission(wrapped: object) -> str:
    entry = wrapped.get("Permission") if isinstance(wrapped, Mapping) else None
    value = entry.get("PermissionValue") if isinstance(entry, Mapping) else None
    if not isinstance(value, str | int):
        raise MalformedError("a permission has no value")
    return str(value)
