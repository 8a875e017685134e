"""What a transaction did, as the server tells it: ``AffectedNodes``, threads, affected accounts.

Follows rippled src/xrpld/ledger/detail/ApplyStateTable.cpp (apply, threadItem, threadOwners) and
include/xrpl/protocol/TxMeta.h. Building metadata also *threads*: an entry that a transaction
touches remembers it in ``PreviousTxnID``, and so do the accounts that own a created or deleted
entry, even where nothing else in them changed.
"""

from __future__ import annotations

from typing import Any

from watchtower.sandbox.entries import (
    ALWAYS_SHOWN,
    NEVER_SHOWN,
    ONLY_IN_DELETED,
    THREADED,
    Entry,
    is_default,
)
from watchtower.sandbox.hashing import account_index
from watchtower.sandbox.state import ApplyView

__all__ = ["ACCOUNT_FIELDS", "affected_accounts", "describe"]

ACCOUNT_FIELDS = frozenset(
    {
        "Account",
        "Authorize",
        "Delegate",
        "Destination",
        "Issuer",
        "NFTokenMinter",
        "Owner",
        "RegularKey",
        "Unauthorize",
    }
)
"""Fields that hold an address, in entries and in transactions."""

_Node = dict[str, Any]


class _Builder:
    """Collects nodes by ledger index, for one transaction."""

    def __init__(self, view: ApplyView, transaction: str, ledger_index: int) -> None:
        self._view = view
        self._transaction = transaction
        self._ledger_index = ledger_index
        self._nodes: dict[str, tuple[str, _Node]] = {}
        self._only_threaded: dict[str, Entry] = {}

    def build(self) -> list[_Node]:
        """Return the affected nodes, sorted by index as the server does (TxMeta.cpp, addRaw)."""
        for index, before, after in list(self._view.outcome()):
            entry = after or before or {}
            kind = "DeletedNode" if self._view.is_erased(index) else "ModifiedNode"
            if before is None:
                kind = "CreatedNode"
            node = self._node(index, entry["LedgerEntryType"], kind)
            match kind:
                case "CreatedNode":
                    self._created(index, entry, node)
                case "DeletedNode":
                    self._deleted(before or {}, entry, node)
                case _:
                    self._modified(index, before or {}, entry, node)
        for index, threaded in self._only_threaded.items():
            self._view.insert(index, threaded)
        return [{kind: node} for _, (kind, node) in sorted(self._nodes.items())]

    def _node(self, index: str, kind_of_entry: str, kind: str = "ModifiedNode") -> _Node:
        if index in self._nodes:
            _, node = self._nodes[index]
        else:
            node = {"LedgerEntryType": kind_of_entry, "LedgerIndex": index}
        if index not in self._nodes or kind != "ModifiedNode":
            self._nodes[index] = kind, node
        return node

    def _created(self, index: str, entry: Entry, node: _Node) -> None:
        """(apply, sfCreatedNode.) New fields are those that are not default: no zero balance."""
        self._thread_owners(entry)
        if entry["LedgerEntryType"] in THREADED:
            self._thread(index, entry)
        hidden = NEVER_SHOWN | ONLY_IN_DELETED
        new = {k: v for k, v in entry.items() if k not in hidden and not is_default(k, v)}
        if new:
            node["NewFields"] = new

    def _modified(self, index: str, before: Entry, after: Entry, node: _Node) -> None:
        """(apply, sfModifiedNode; SField.h:132-145.) All fields are told, changed or not."""
        if after["LedgerEntryType"] in THREADED:
            self._thread(index, after)
        _put_previous(before, after, node)
        hidden = NEVER_SHOWN | ONLY_IN_DELETED
        node["FinalFields"] = {k: v for k, v in after.items() if k not in hidden}

    def _deleted(self, before: Entry, after: Entry, node: _Node) -> None:
        """(apply, sfDeletedNode.) An entry is told as it was last, also what it was threaded by."""
        self._thread_owners(before)
        _put_previous(before, after, node)
        node["FinalFields"] = {k: v for k, v in after.items() if k not in NEVER_SHOWN}

    def _thread_owners(self, entry: Entry) -> None:
        """(threadOwners.) A created or deleted entry has an account, and may have a destination."""
        if entry["LedgerEntryType"] == "AccountRoot":
            return
        for field in ("Account", "Destination"):
            if field in entry:
                self._thread_account(account_index(entry[field]))

    def _thread_account(self, index: str) -> None:
        """(threadTx.) An account that is only threaded to is written, and has no fields to tell."""
        root = self._only_threaded.get(index)
        if root is None and not self._view.is_erased(index):
            root = self._view.peek(index)
            if root is not None and root == self._view.base.read(index):
                root = self._only_threaded.setdefault(index, dict(root))
        if root is not None:
            self._thread(index, root)

    def _thread(self, index: str, entry: Entry) -> None:
        """Let ``entry`` remember this transaction, and the node tell what it remembered before.

        (threadItem; STLedgerEntry.cpp, thread)
        """
        before = entry.get("PreviousTxnID")
        if before == self._transaction:
            return
        if before:
            node = self._node(index, entry["LedgerEntryType"])
            if "PreviousTxnID" not in node:
                node["PreviousTxnID"] = before
                node["PreviousTxnLgrSeq"] = entry["PreviousTxnLgrSeq"]
        entry["PreviousTxnID"] = self._transaction
        entry["PreviousTxnLgrSeq"] = self._ledger_index


def _put_previous(before: Entry, after: Entry, node: _Node) -> None:
    """Put ``PreviousFields``: old values of what changed.

    A field that was absent before counts as changed and yet has no value to show, hence the empty
    object that a first close request leaves (ApplyStateTable.cpp: the absent field is appended and
    serializes to nothing).
    """
    hidden = NEVER_SHOWN | ONLY_IN_DELETED | ALWAYS_SHOWN
    changed = [
        k for k in before.keys() | after.keys() if k not in hidden and before.get(k) != after.get(k)
    ]
    if changed:
        node["PreviousFields"] = {k: before[k] for k in sorted(changed) if k in before}


def describe(view: ApplyView, transaction: str, ledger_index: int) -> list[_Node]:
    """Return the ``AffectedNodes`` of ``view``, and thread the transaction through it."""
    return _Builder(view, transaction, ledger_index).build()


def affected_accounts(meta: dict[str, Any]) -> set[str]:
    """Return the accounts that subscribers of ``accounts`` hear of a validated transaction by.

    Every address among the new or final fields of every node (rippled 3.1.1 src/libxrpl/protocol/
    TxMeta.cpp:142-210, getAffectedAccounts); nodes that were only threaded have no such fields.
    """
    accounts: set[str] = set()
    for wrapped in meta["AffectedNodes"]:
        for kind, node in wrapped.items():
            fields = node.get("NewFields" if kind == "CreatedNode" else "FinalFields", {})
            accounts.update(v for k, v in fields.items() if k in ACCOUNT_FIELDS)
    return accounts
