"""``DelegateSet``: an account permits the tower to claim for it, or takes that back (XLS-75).

What it guarantees: one form, which names the one permission that claiming needs, or none. It is not
signed with any key that the tower keeps: the account's owner signs it, with a wallet of its own or
with a seed that is read for this once and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchtower.errors import SigningRefusedError
from watchtower.keys.signer import SignedTransaction, SigningKey, signed_with
from watchtower.units import Address

__all__ = ["delegate_set", "signed_by_owner"]

_KIND: Final = "DelegateSet"
_CLAIMING: Final = ({"Permission": {"PermissionValue": "PaymentChannelClaim"}},)
_FIELDS: Final = frozenset(
    {
        "TransactionType",
        "Account",
        "Authorize",
        "Permissions",
        "Fee",
        "Sequence",
        "LastLedgerSequence",
        "NetworkID",
    }
)


def delegate_set(account: Address, delegate: Address, *, permits: bool) -> dict[str, Any]:
    """Return the unsigned transaction by which ``account`` permits ``delegate`` to claim for it.

    Without ``permits``, the one that takes back all that it has permitted: the whole list is set
    each time, and an empty one deletes the entry (rippled DelegateSet.cpp, doApply). Fee, sequence
    and last ledger are for who signs it.
    """
    return {
        "TransactionType": _KIND,
        "Account": account,
        "Authorize": delegate,
        "Permissions": [dict(entry) for entry in _CLAIMING] if permits else [],
    }


async def signed_by_owner(key: SigningKey, transaction: Mapping[str, Any]) -> SignedTransaction:
    """Return ``transaction`` signed with the owner's key.

    Raises:
        SigningRefusedError: it is anything but a complete `delegate_set`.
    """
    if transaction.get("TransactionType") != _KIND or not transaction.keys() <= _FIELDS:
        raise SigningRefusedError(why="an owner's key signs nothing here but a DelegateSet")
    if transaction["Permissions"] not in ([], list(_CLAIMING)):
        raise SigningRefusedError(why="nothing but PaymentChannelClaim is ever permitted here")
    return await signed_with(key, transaction)
