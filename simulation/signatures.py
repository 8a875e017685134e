"""Who signed what has left: by no right that was not configured, and nothing but what redeems.

What is looked at are the bytes that left, and not what the tower says of them. Tickets are made by
keys alone, and what names a new regular key is a rotation's, whose journal has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from simulation.holders import LATER, PAYEE, REGULAR, SHARE, TOWER
from simulation.mandate import Mandate
from watchtower.sandbox.hashing import address_of_key
from watchtower.sandbox.history import History
from watchtower.sandbox.transaction import Transaction, parse_blob

__all__ = ["claims_by_right", "not_allowed"]

_ROTATES: Final = "SetRegularKey"

_CLAIM: Final = "PaymentChannelClaim"
_TICKETS: Final = "TicketCreate"
_CANONICAL: Final = 0x80000000
_OURS: Final = frozenset(person.address for person in (REGULAR, *LATER))
_BY_KEYS: Final = frozenset({"regular_key", "master_key"})


def not_allowed(sent: Sequence[str], mandate: Mandate) -> Iterator[str]:
    """Yield what should never have left, a sentence each."""
    for blob in sent:
        found = parse_blob(blob)
        name = f"transaction {found.hash[:8]} ({found.kind})"
        right = _right_of(found, is_ahead=blob in mandate.imported)
        if found.kind == _ROTATES:
            if found.fields.get("RegularKey") not in mandate.named:
                yield f"{name} names a key that no rotation made"
            continue
        if right not in mandate.entitled.rights:
            yield f"{name} was signed by the right {right}, which nobody configured"
        if found.account != PAYEE.address:
            yield f"{name} is of {found.account}, which is not guarded"
        if found.kind != _CLAIM and not (found.kind == _TICKETS and right in _BY_KEYS):
            yield f"{name} left, and redeems nothing"
        if found.kind == _CLAIM and found.flags & ~_CANONICAL:
            yield f"{name} has the flags {found.flags:#x}, and does more than redeem"


def claims_by_right(sent: Sequence[str], mandate: Mandate, history: History) -> Counter[str]:
    """Return by which rights claims that left came into a ledger and were good there; how many."""
    count: Counter[str] = Counter()
    for blob in sent:
        found = parse_blob(blob)
        validated = history.transaction(found.hash) if found.kind == _CLAIM else None
        if validated is not None and validated[1].meta["TransactionResult"] == "tesSUCCESS":
            count[_right_of(found, is_ahead=blob in mandate.imported)] += 1
    return count


def _right_of(found: Transaction, *, is_ahead: bool) -> str:
    """Return by what right a transaction is signed, as the ledger would see it."""
    if is_ahead:
        return "presigned"
    if "Signers" in found.fields:
        is_ours = any(one["Account"] == SHARE.address for one in found.signers)
        return "signer_list" if is_ours else "nobody"
    signer = address_of_key(found.fields["SigningPubKey"])
    if "Delegate" in found.fields:
        is_ours = found.fields["Delegate"] == signer == TOWER.address
        return "delegated" if is_ours else "nobody"
    if signer == PAYEE.address:
        return "master_key"
    return "regular_key" if signer in _OURS else "nobody"
