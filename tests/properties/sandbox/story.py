"""The ledger rebuilt from what is told of it: nothing but genesis and ``AffectedNodes``.

`Story` believes no entry and no balance that it has not been told. Each validated transaction is
held against what the transactions before it left behind, and against the rules that no transaction
may break: who is paid what, from which channel, and by whose word. What it arrives at can then be
compared with what the server shows. It shares no code with the sandbox but the digests.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.properties.sandbox.channel_laws import Act, check_change, check_outcome, paid_by
from watchtower.sandbox.hashing import (
    account_index,
    owner_directory_index,
    page_index,
    preauth_index,
)

__all__ = ["Change", "Story", "Told", "bare"]

_Entry = dict[str, Any]

_THREAD: Final = ("PreviousTxnID", "PreviousTxnLgrSeq")
_NOT_IN_METADATA: Final = ("Indexes", *_THREAD)

_LEFT_OUT: Final[dict[str, _Entry]] = {
    "AccountRoot": {"Flags": 0, "OwnerCount": 0},
    "DepositPreauth": {"Flags": 0, "OwnerNode": "0"},
    "DirectoryNode": {"Flags": 0},
    "PayChannel": {
        "Balance": "0",
        "DestinationNode": "0",
        "Flags": 0,
        "OwnerNode": "0",
        "SettleDelay": 0,
    },
    "Ticket": {"Flags": 0, "OwnerNode": "0"},
}
"""What a new entry has and ``NewFields`` does not say, since it is its type's default."""

_DEPOSIT_AUTH: Final = 0x01000000
_OWNED: Final = frozenset({"DepositPreauth", "PayChannel", "Ticket"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One validated transaction, with the close time of the ledger before its own."""

    tx: Mapping[str, Any]
    hash: str
    meta: Mapping[str, Any]
    ledger_index: int
    parent_close_time: int

    @property
    def succeeded(self) -> bool:
        """Whether it did more than to cost its fee."""
        return bool(self.meta["TransactionResult"] == "tesSUCCESS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry before and after a transaction; ``after`` of a deleted one is as it last was."""

    index: str
    kind: str
    before: _Entry | None
    after: _Entry
    deleted: bool = False


class Story:
    """What was told so far.

    Args:
        genesis: the entries of the first ledger, by index.
        cleanup: the rules are those of fixCleanup3_2_0.
    """

    def __init__(self, genesis: Mapping[str, _Entry], *, cleanup: bool) -> None:
        self.state = {index: bare(entry) for index, entry in genesis.items()}
        self.threads: dict[str, tuple[str, int]] = {}
        self.burnt = 0
        self.touching: defaultdict[str, list[str]] = defaultdict(list)
        self.told: list[Told] = []
        self.promised: Counter[str] = Counter()
        self._cleanup = cleanup

    def follow(self, told: Told) -> list[Change]:
        """Take over what a transaction did, and check that it may.

        Raises:
            AssertionError: it does not follow from what was told before, or breaks a rule.
        """
        channel = told.tx.get("Channel")
        before, barred = self.state.get(channel or ""), self._is_barred(told, channel)
        changes = [
            self._change(kind, node, told)
            for wrapped in told.meta["AffectedNodes"]
            for kind, node in wrapped.items()
        ]
        assert len({change.index for change in changes}) == len(changes)
        _check_seat(told, changes)
        _check_xrp(told, changes)
        act = Act(tx=told.tx, time=told.parent_close_time, cleanup=self._cleanup)
        for change in changes:
            if change.kind == "PayChannel":
                self._check_channel(act, change)
        if channel is not None:
            result, after = told.meta["TransactionResult"], self.state.get(channel)
            check_outcome(act, result, before, after, deposit_is_barred=barred)
        self.burnt += int(told.tx["Fee"])
        for account in sorted(_named(told)):
            self.touching[account].append(told.hash)
        self.told.append(told)
        return changes

    def _check_channel(self, act: Act, change: Change) -> None:
        if act.tx["Account"] == change.after["Account"]:
            # The source needs no signature: what it sends is its word.
            self.promise(change.index, int(act.tx.get("Balance", 0)))
        check_change(
            act,
            change.before,
            change.after,
            deleted=change.deleted,
            promised=self.promised[change.index],
        )

    def promise(self, channel: str, drops: int) -> None:
        """Hear that the source has signed a claim."""
        self.promised[channel] = max(self.promised[channel], drops)

    def _is_barred(self, told: Told, channel: str | None) -> bool:
        """Return whether the channel's destination wants no deposit by who sends this."""
        destination = self.state.get(channel or "", {}).get("Destination", told.tx["Account"])
        root = self.state[account_index(destination)]
        return (
            bool(root["Flags"] & _DEPOSIT_AUTH)
            and destination != told.tx["Account"]
            and preauth_index(destination, told.tx["Account"]) not in self.state
        )

    def _change(self, kind: str, node: _Entry, told: Told) -> Change:
        index, name = node["LedgerIndex"], node["LedgerEntryType"]
        before = self.state.get(index)
        match kind:
            case "CreatedNode":
                assert before is None
                after = {**_LEFT_OUT[name], **node["NewFields"], "LedgerEntryType": name}
            case "ModifiedNode":
                assert before is not None
                after = {**node.get("FinalFields", bare(before)), "LedgerEntryType": name}
                assert tuple(node.get(f) for f in _THREAD) == self.threads.get(index, (None, None))
            case _:
                assert (kind, before is None) == ("DeletedNode", False)
                after = bare({**node["FinalFields"], "LedgerEntryType": name})
                thread = tuple(node["FinalFields"].get(f) for f in _THREAD)
                assert thread == self.threads.pop(index, (None, None))
                del self.state[index]
        if before is not None:
            assert node.get("PreviousFields") == _previous(before, after)
        if kind != "DeletedNode":
            self.state[index] = after
            self.threads[index] = told.hash, told.ledger_index
        deleted = kind == "DeletedNode"
        return Change(index=index, kind=name, before=before, after=after, deleted=deleted)

    # What the story arrives at.

    def held(self) -> int:
        """Return the drops in accounts and channels."""
        return sum(_drops(entry) for entry in self.state.values())

    def owned(self) -> Counter[str]:
        """Return how many entries count against each account's reserve."""
        return Counter(e["Account"] for e in self.state.values() if e["LedgerEntryType"] in _OWNED)

    def tickets(self) -> Counter[str]:
        """Return how many tickets each account holds."""
        entries = self.state.values()
        return Counter(e["Account"] for e in entries if e["LedgerEntryType"] == "Ticket")

    def pages(self) -> dict[str, list[str]]:
        """Return what must stand on each directory page, by the page's index."""
        pages: defaultdict[str, list[str]] = defaultdict(list)
        for index, entry in self.state.items():
            if entry["LedgerEntryType"] not in _OWNED:
                continue
            for side, field in (("Account", "OwnerNode"), ("Destination", "DestinationNode")):
                if side in entry:
                    root = owner_directory_index(entry[side])
                    pages[page_index(root, int(entry[field], 16))].append(index)
        return {page: sorted(indexes) for page, indexes in pages.items()}


def bare(entry: _Entry) -> _Entry:
    """Return an entry without what metadata does not tell among its fields."""
    return {field: value for field, value in entry.items() if field not in _NOT_IN_METADATA}


def _previous(before: _Entry, after: _Entry) -> _Entry | None:
    """Return the ``PreviousFields`` there should be: None if nothing changed."""
    changed = [f for f in before.keys() | after.keys() if before.get(f) != after.get(f)]
    return {field: before[field] for field in changed if field in before} if changed else None


def _drops(entry: _Entry) -> int:
    match entry["LedgerEntryType"]:
        case "AccountRoot":
            return int(entry["Balance"])
        case "PayChannel":
            return int(entry["Amount"]) - int(entry["Balance"])
        case _:
            return 0


def _named(told: Told) -> set[str]:
    """Return every address among the new or final fields of any node."""
    fields = [
        node.get("NewFields", node.get("FinalFields", {}))
        for wrapped in told.meta["AffectedNodes"]
        for node in wrapped.values()
    ]
    return {v for f in fields for v in f.values() if isinstance(v, str) and v.startswith("r")}


def _check_seat(told: Told, changes: list[Change]) -> None:
    """Exactly the sequence or ticket that the transaction named is used up."""
    tx = told.tx
    made = tx.get("TicketCount", 0) if told.succeeded else 0
    root = next(c for c in changes if _is_root_of(c, tx["Account"]))
    gone = [c.after["TicketSequence"] for c in changes if c.kind == "Ticket" and c.deleted]
    assert root.before is not None
    before, after = root.before["Sequence"], root.after["Sequence"]
    if "TicketSequence" in tx:
        assert (gone, after) == ([tx["TicketSequence"]], before + made)
    else:
        assert (gone, before, after) == ([], tx["Sequence"], before + made + 1)


def _is_root_of(change: Change, account: str) -> bool:
    return change.kind == "AccountRoot" and change.after["Account"] == account


def _check_xrp(told: Told, changes: list[Change]) -> None:
    """Every account gains and loses what fee, payment and channels say, and nothing else."""
    due = Counter({told.tx["Account"]: -int(told.tx["Fee"])})
    if told.tx["TransactionType"] == "Payment" and told.succeeded:
        due[told.tx["Account"]] -= int(told.tx["DeliverMax"])
        due[told.tx["Destination"]] += int(told.tx["DeliverMax"])
    got: Counter[str] = Counter()
    for change in changes:
        if change.kind == "PayChannel":
            assert told.succeeded
            for account, drops in paid_by(change.before, change.after, deleted=change.deleted):
                due[account] += drops
        elif change.kind == "AccountRoot":
            before = int(change.before["Balance"]) if change.before else 0
            got[change.after["Account"]] += int(change.after["Balance"]) - before
    assert {a: n for a, n in got.items() if n} == {a: n for a, n in due.items() if n}
