"""What a transactor is handed, and the few acts that several of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from watchtower.sandbox import directories
from watchtower.sandbox.entries import Entry, drops, put_drops
from watchtower.sandbox.hashing import account_index
from watchtower.sandbox.results import SUCCESS
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.state import ApplyView, ReadView
from watchtower.sandbox.transaction import Transaction

__all__ = [
    "INNER_BATCH",
    "MAX_XRP",
    "NO_ACCOUNT",
    "UNIVERSAL_FLAGS",
    "ApplyContext",
    "PreclaimContext",
    "Transactor",
    "adjust_owner_count",
    "amount_fault",
    "no_preclaim",
]

MAX_XRP: Final = 100_000_000_000_000_000
"""All drops there ever were (rippled include/xrpl/protocol/SystemParameters.h)."""

INNER_BATCH: Final = 0x40000000
"""``tfInnerBatchTxn``: what stands within a batch, and nothing else has it."""

UNIVERSAL_FLAGS: Final = 0x80000000 | INNER_BATCH
"""``tfFullyCanonicalSig`` and ``tfInnerBatchTxn`` (rippled include/xrpl/protocol/TxFlags.h)."""

NO_ACCOUNT: Final = "rrrrrrrrrrrrrrrrrrrrrhoLvTp"
"""The address of twenty zero bytes, which is nobody's (AccountID.cpp, xrpAccount)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreclaimContext:
    """A transaction before a state that it does not change yet."""

    tx: Transaction
    view: ReadView
    rules: Rules
    is_open: bool
    ledger_index: int

    def account(self, address: str) -> Entry | None:
        """Return an account's root."""
        return self.view.read(account_index(address))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyContext:
    """A transaction while it changes the state.

    ``parent_close_time`` is the clock of all channel rules; ``prior_balance`` is what the sender
    had before the fee was taken, so that a fee may dip into the reserve.
    """

    tx: Transaction
    view: ApplyView
    rules: Rules
    is_open: bool
    ledger_index: int
    parent_close_time: int
    prior_balance: int
    base_fee: int

    def account(self, address: str) -> Entry | None:
        """Return an account's root, to be changed."""
        return self.view.peek(account_index(address))

    @property
    def sender(self) -> Entry:
        """The root of the sending account, to be changed. It exists: preclaim saw it."""
        root = self.account(self.tx.account)
        if root is None:
            raise AssertionError(self.tx.account)
        return root

    def add_owned(self, index: str, entry: Entry, owner: str) -> None:
        """Insert an entry that counts against the reserve of ``owner``, into its directory."""
        entry["OwnerNode"] = directories.add(self.view, owner, index)
        self.view.insert(index, entry)
        root = self.account(owner)
        if root is not None:
            adjust_owner_count(root, 1)

    def pay(self, root: Entry, amount: int) -> None:
        """Add ``amount`` (may be negative) to an account's balance."""
        put_drops(root, "Balance", drops(root, "Balance") + amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactor:
    """One transaction type: three steps, each returning an engine result.

    ``preflight`` looks at the transaction alone, ``preclaim`` at the state, ``apply`` changes it.
    ``flags`` are those the type knows beside the universal ones. ``is_blocker`` says whether queued
    transactions behind it may become invalid; ``spends`` how much XRP it may move at most.
    """

    preflight: Callable[[Transaction, Rules], str]
    preclaim: Callable[[PreclaimContext], str]
    apply: Callable[[ApplyContext], str]
    flags: int = 0
    is_blocker: Callable[[Transaction], bool] = lambda _tx: False
    spends: Callable[[Transaction], int] = lambda _tx: 0


def no_preclaim(_context: PreclaimContext) -> str:
    """Ask nothing of the state."""
    return SUCCESS


def adjust_owner_count(root: Entry, change: int) -> None:
    """Change how many objects count against an account's reserve."""
    root["OwnerCount"] = root["OwnerCount"] + change


def amount_fault(value: object) -> str | None:
    """Return ``temBAD_AMOUNT`` unless ``value`` is a positive amount of XRP."""
    if isinstance(value, str) and value.isdigit() and 0 < int(value) <= MAX_XRP:
        return None
    return "temBAD_AMOUNT"
