"""DelegateSet: which transaction types another account may send in one's name (XLS-75).

Follows rippled 3.1.1 src/xrpld/app/tx/detail/DelegateSet.cpp.
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
_NOT_DELEGABLE: Final = frozenset(
    {"AccountDelete", "AccountSet", "Batch", "DelegateSet", "SetRegularKey", "SignerListSet"}
)


def _permissions(fields: Entry) -> list[str]:
    return [str(p["Permission"]["PermissionValue"]) for p in fields.get("Permissions", [])]


def is_permitted(entry: Entry | None, tx: Transaction) -> bool:
    """Return whether a Delegate entry permits the transaction's type."""
    return entry is not None and tx.kind in _permissions(entry)


def _preflight(tx: Transaction, rules: Rules) -> str:
    if not rules.enabled("PermissionDelegation", "PermissionDelegationV1_1"):
        return "temDISABLED"
    permissions = _permissions(tx.fields)
    if len(permissions) > _MOST_PERMISSIONS:
        return "temARRAY_TOO_LARGE"
    if tx.fields["Authorize"] == tx.account or len(set(permissions)) != len(permissions):
        return "temMALFORMED"
    if not _NOT_DELEGABLE.isdisjoint(permissions):
        return "temMALFORMED"
    return SUCCESS


def _preclaim(context: PreclaimContext) -> str:
    return SUCCESS if context.account(context.tx.fields["Authorize"]) else "tecNO_TARGET"


def _apply(context: ApplyContext) -> str:
    account, fields = context.tx.account, context.tx.fields
    index = delegate_index(account, fields["Authorize"])
    permissions, found = fields.get("Permissions", []), context.view.peek(index)
    if found is None:
        if not permissions:
            return "tecNO_ENTRY"
        if context.prior_balance < context.rules.reserve(context.sender["OwnerCount"] + 1):
            return "tecINSUFFICIENT_RESERVE"
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


DELEGATE_SET = Transactor(
    preflight=_preflight, preclaim=_preclaim, apply=_apply, is_blocker=lambda _tx: True
)
