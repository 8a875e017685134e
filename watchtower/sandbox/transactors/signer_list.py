"""SignerListSet: who may sign for an account together.

Follows rippled 3.1.1 src/xrpld/app/tx/detail/SetSignerList.cpp.
"""

from __future__ import annotations

from typing import Any, Final

from watchtower.sandbox import directories
from watchtower.sandbox.account_flags import DISABLE_MASTER
from watchtower.sandbox.entries import Entry, has_flag
from watchtower.sandbox.hashing import account_bytes, signer_list_index
from watchtower.sandbox.results import SUCCESS
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import Transaction
from watchtower.sandbox.transactors.context import (
    ApplyContext,
    Transactor,
    adjust_owner_count,
    no_preclaim,
)

__all__ = ["SIGNER_LIST_SET"]

_ONE_OWNER_COUNT: Final = 0x00010000
_MOST_SIGNERS: Final = 32


def _entries(tx: Transaction) -> list[dict[str, Any]]:
    return [wrapped["SignerEntry"] for wrapped in tx.fields.get("SignerEntries", [])]


def _preflight(tx: Transaction, _rules: Rules) -> str:
    quorum, entries = tx.fields["SignerQuorum"], _entries(tx)
    if not quorum and not entries:
        return SUCCESS
    if not quorum or not 1 <= len(entries) <= _MOST_SIGNERS:
        return "temMALFORMED"
    accounts = {e["Account"] for e in entries}
    if len(accounts) != len(entries) or tx.account in accounts:
        return "temBAD_SIGNER"
    if any(e["SignerWeight"] <= 0 for e in entries):
        return "temBAD_WEIGHT"
    if sum(e["SignerWeight"] for e in entries) < quorum:
        return "temBAD_QUORUM"
    return SUCCESS


def _apply(context: ApplyContext) -> str:
    account, root = context.tx.account, context.sender
    index = signer_list_index(account)
    if not context.tx.fields["SignerQuorum"] and (
        has_flag(root, DISABLE_MASTER) and "RegularKey" not in root
    ):
        return "tecNO_ALTERNATIVE_KEY"
    if not _remove(context, index):
        return "tefBAD_LEDGER"
    if not context.tx.fields["SignerQuorum"]:
        return SUCCESS
    if context.prior_balance < context.rules.reserve(root["OwnerCount"] + 1):
        return "tecINSUFFICIENT_RESERVE"
    entry: Entry = {
        "LedgerEntryType": "SignerList",
        "Owner": account,
        "Flags": _ONE_OWNER_COUNT,
        "SignerQuorum": context.tx.fields["SignerQuorum"],
        "SignerListID": 0,
        "SignerEntries": [
            {"SignerEntry": e}
            for e in sorted(_entries(context.tx), key=lambda e: account_bytes(e["Account"]))
        ],
    }
    context.add_owned(index, entry, account)
    return SUCCESS


def _remove(context: ApplyContext, index: str) -> bool:
    """Remove the list there was; True also if there was none."""
    found = context.view.read(index)
    if found is None:
        return True
    page, account = found["OwnerNode"], context.tx.account
    if not directories.remove(context.view, account, page, index, keep_root=False):
        return False
    adjust_owner_count(context.sender, -1)
    context.view.erase(index)
    return True


SIGNER_LIST_SET = Transactor(
    preflight=_preflight, preclaim=no_preclaim, apply=_apply, is_blocker=lambda _tx: True
)
