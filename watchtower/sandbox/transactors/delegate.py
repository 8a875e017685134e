"""DelegateSet: which transaction types another account may send in one's name (XLS-75).

Follows rippled 3.1.1 src/xrpld/app/tx/detail/DelegateSet.cpp. Lines are those of commit 062ece32
(src/libxrpl/tx/transactors/Delegate/DelegateSet.cpp), the nearest to 3.1.1 that could be read, and
for what came with PermissionDelegationV1_1 the function of 3.3.0.
"""

from __future__ import annotations

from typing import Final

from watchtower.sandbox import directories
from watchtower.sandbox.entries import Entry
from watchtower.sandbox.hashing import delegate_index
from watchtower.sandbox.results import SUCCESS
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import Transaction
from watchtower.sandbox.transactors.context import (
    ApplyContext,
    PreclaimContext,
    Transactor,
    adjust_owner_count,
)

__all__ = ["DELEGATE_SET", "is_permitted"]

_MOST_PERMISSIONS: Final = 10
_V1_1: Final = "PermissionDelegationV1_1"
_NOT_DELEGABLE: Final = frozenset(
    {"AccountDelete", "AccountSet", "Batch", "DelegateSet", "SetRegularKey", "SignerListSet"}
)


def _permissions(fields: Entry) -> list[str]:
    return [str(p["Permission"]["PermissionValue"]) for p in fields.get("Permissions", [])]


def is_permitted(entry: Entry | None, tx: Transaction) -> bool:
    """Return whether a Delegate entry permits the transaction's type.

    (DelegateUtils.cpp, checkTxPermission)
    """
    return entry is not None and tx.kind in _permissions(entry)


def _preflight(tx: Transaction, rules: Rules) -> str:
    """(DelegateSet.cpp:10-33)."""
    # transactions.macro names the amendment; Transactor.h, invokePreflight asks for it.
    if not rules.enabled("PermissionDelegation", _V1_1):
        return "temDISABLED"
    permissions = _permissions(tx.fields)
    if len(permissions) > _MOST_PERMISSIONS:
        return "temARRAY_TOO_LARGE"  # :14-15
    if tx.fields["Authorize"] == tx.account or len(set(permissions)) != len(permissions):
        return "temMALFORMED"  # :17-19, :25-26
    if not _NOT_DELEGABLE.isdisjoint(permissions):
        return "temMALFORMED"  # :28-29; Permissions.cpp, isDelegable
    return SUCCESS


def _preclaim(context: PreclaimContext) -> str:
    """(DelegateSet.cpp:35-45)."""
    fields = context.tx.fields
    if not context.account(fields["Authorize"]):
        return "tecNO_TARGET"
    # Since 3.3.0 there must be something to take back (DelegateSet.cpp, preclaim, there).
    takes_back = not fields.get("Permissions") and context.rules.enabled(_V1_1)
    if takes_back and not context.view.read(
        delegate_index(context.tx.account, fields["Authorize"])
    ):
        return "tecNO_ENTRY"
    return SUCCESS


def _apply(context: ApplyContext) -> str:
    """(DelegateSet.cpp:47-, deleteDelegate)."""
    account, fields = context.tx.account, context.tx.fields
    index = delegate_index(account, fields["Authorize"])
    permissions, found = fields.get("Permissions", []), context.view.peek(index)
    if found is None:
        # The reserve is asked for first, even where nothing comes of it (:70-77).
        if context.prior_balance < context.rules.reserve(context.sender["OwnerCount"] + 1):
            return "tecINSUFFICIENT_RESERVE"
        if not permissions:
            return SUCCESS
        entry: Entry = {
            "LedgerEntryType": "Delegate",
            "Account": account,
            "Authorize": fields["Authorize"],
            "Permissions": permissions,
            "Flags": 0,
        }
        context.add_owned(index, entry, account)
        return SUCCESS
    if permissions:
        found["Permissions"] = permissions
        return SUCCESS
    if not directories.remove(context.view, account, found["OwnerNode"], index, keep_root=False):
        return "tefBAD_LEDGER"
    adjust_owner_count(context.sender, -1)
    context.view.erase(index)
    return SUCCESS


DELEGATE_SET = Transactor(preflight=_preflight, preclaim=_preclaim, apply=_apply)
"""No blocker: what it changes concerns other signers (DelegateSet.h, ConsequencesFactory)."""
