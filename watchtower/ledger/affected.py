"""What a transaction's metadata says about the entries it touched: one `Node` each.

A node is unwrapped here once; what its fields mean is for those who know its type. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from watchtower.ledger.fields import MalformedError

__all__ = ["Node", "affected_nodes", "touches"]

_CREATED: Final = "CreatedNode"
_MODIFIED: Final = "ModifiedNode"
_DELETED: Final = "DeletedNode"


class Node(NamedTuple):
    """One entry of the ledger, before and after a transaction.

    ``ledger_index`` is the entry's name in the ledger; ``fields`` are the new or final ones, as
    far as they were told; ``previous`` holds the values that changed.
    """

    kind: str
    entry_type: object
    ledger_index: object
    fields: object
    previous: object

    @property
    def is_deleted(self) -> bool:
        """Whether the entry left the ledger."""
        return self.kind == _DELETED

    @property
    def is_created(self) -> bool:
        """Whether the entry is new."""
        return self.kind == _CREATED

    def state(self, what: str) -> Mapping[str, Any] | None:
        """Return the entry's fields; None where nothing of it changed.

        Args:
            what: whose node this is, for the error: "a channel".

        Raises:
            MalformedError: the fields are not there, or the node is of no kind that we know.
        """
        if self.kind not in (_CREATED, _MODIFIED, _DELETED):
            raise MalformedError(f"{what}'s node is of the unknown kind {self.kind!r}")
        if self.fields is None and self.kind == _MODIFIED:
            # Nothing of the entry changed but the thread of transactions through it (rippled
            # ApplyStateTable.cpp, threadItem): PreviousTxnID alone, so the state is what it was.
            return None
        if not isinstance(self.fields, Mapping):
            raise MalformedError(f"{what}'s {self.kind} has no fields")
        return self.fields


def affected_nodes(meta: Mapping[str, Any]) -> Iterator[Node]:
    """Yield each node of a transaction's metadata, in its order.

    Raises:
        MalformedError: the metadata has no list of nodes, or one of them is none.
    """
    nodes = meta.get("AffectedNodes")
    if not isinstance(nodes, list):
        raise MalformedError("the metadata has no list of affected nodes")
    for wrapped in nodes:
        if not isinstance(wrapped, Mapping) or len(wrapped) != 1:
            raise MalformedError("an affected node is not one node")
        [(kind, node)] = wrapped.items()
        if not isinstance(node, Mapping):
            raise MalformedError("an affected node has no fields")
        yield Node(
            kind=kind,
            entry_type=node.get("LedgerEntryType"),
            ledger_index=node.get("LedgerIndex"),
            fields=node.get("NewFields" if kind == _CREATED else "FinalFields"),
            previous=node.get("PreviousFields"),
        )


def touches(meta: Mapping[str, Any], accounts: Collection[str]) -> bool:
    """Return whether any of ``accounts`` stands in the affected nodes, whatever for.

    A server tells a subscriber of an account the transactions in whose nodes it stands, and no
    others (rippled TxMeta.cpp, getAffectedAccounts).
    """
    return _stands_in(meta.get("AffectedNodes"), accounts)


def _stands_in(value: object, accounts: Collection[str]) -> bool:
    if isinstance(value, str):
        return value in accounts
    if isinstance(value, Mapping):
        return any(_stands_in(member, accounts) for member in value.values())
    return isinstance(value, list) and any(_stands_in(member, accounts) for member in value)
