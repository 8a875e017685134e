"""SignerListSet: who may sign for an account together.

Follows rippled 3.1.1 src/xrpld/app/tx/detail/SetSignerList.cpp. Lines are those of commit 062ece32
(src/libxrpl/tx/transactors/SetSignerList.cpp), the nearest to 3.1.1 that could be read.
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
    """(SetSignerList.cpp:22-51 determineOperation, 222-280 validateQuorumAndSignerEntries)."""
    quorum, entries = tx.fields["SignerQuorum"], _entries(tx)
    if not quorum and "SignerEntries" not in tx.fields:
        return SUCCESS  # destroys the list (:45-48)
    if not quorum or not 1 <= len(entries) <= _MOST_SIGNERS:  # :68-73, :233-237
        return "temMALFORMED"
    if len({e["Account"] for e in entries}) != len(entries):
        return "temBAD_SIGNER"  # :245-249
    # In the order of their accounts, and at each its weight first.
    for entry in sorted(entries, key=lambda e: account_bytes(e["Account"])):
        if entry["SignerWeight"] <= 0:
            return "temBAD_WEIGHT"  # :257-261
        if entry["Account"] == tx.account:
            return "temBAD_SIGNER"  # :265-269
    if sum(e["SignerWeight"] for e in entries) < quorum:
        return "temBAD_QUORUM"  # :273-277
    return SUCCESS


def _apply(context: ApplyContext) -> str:
    """(SetSignerList.cpp:281-309 replaceSignerList; destroySignerList)."""
    account, root = context.tx.account, context.sender
    index = signer_list_index(account)
    # Whoever has no other key keeps the list (destroySignerList).
    if not context.tx.fields["SignerQuorum"] and (
        has_flag(root, DISABLE_MASTER) and "RegularKey" not in root
    ):
        return "tecNO_ALTERNATIVE_KEY"
    # The old list goes first, since that may lower the reserve (:288-293).
    if not _remove(context, index):
        return "tefBAD_LEDGER"
    if not context.tx.fields["SignerQuorum"]:
        return SUCCESS
    # Held against the balance before the fee, so that the fee may dip into the reserve (:302-309).
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
    """Remove the list there was; True also if there was none (:159-205 removeSignersFromLedger)."""
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
