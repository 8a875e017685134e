"""The chain of ledgers: one open, all others closed and validated, and how one follows another.

Closing applies the open ledger's transactions anew, in canonical order, to the last closed ledger
(a different order may have a different outcome), and opens the next with what is left over
(rippled 3.1.1 src/xrpld/app/consensus/RCLConsensus.cpp doAccept, app/ledger/detail/OpenLedger.cpp).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from watchtower.sandbox.closing import apply_set, canonical_order
from watchtower.sandbox.engine import Applied, Ground, apply
from watchtower.sandbox.entries import Entry
from watchtower.sandbox.hashing import (
    AMENDMENTS_INDEX,
    FEES_INDEX,
    account_index,
    sha512_half,
    transaction_set_hash,
)
from watchtower.sandbox.history import FIRST_LEDGER, History
from watchtower.sandbox.ledger import ClosedLedger, LedgerTransaction, ledger_hash
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.state import OpenView, StateStore
from watchtower.sandbox.transaction import Transaction

__all__ = ["GENESIS", "Chain"]

GENESIS: Final = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
"""The account of ``masterpassphrase``, which owns all XRP at first."""

_ALL_COINS: Final = 100_000_000_000_000_000
_ZERO_HASH: Final = "0" * 64


class Chain:
    """One ledger after the other.

    ``on_closed`` is called with each ledger as soon as it has closed and the next one is open.

    Args:
        rules: fees, reserves and amendments.
        start: the close time of the first ledger.
        resolution: what close times are rounded to by who makes them, for the headers to say; None
            says what a server would, beginning with 30 seconds.
    """

    def __init__(self, rules: Rules, start: int, resolution: int | None = None) -> None:
        self.rules = rules
        self._fixed_resolution = resolution
        self._store = StateStore()
        self.history = History(self._store)
        self._store.write(1, _genesis(rules))
        self._coins = _ALL_COINS
        self.on_closed: Callable[[ClosedLedger], None] = lambda _ledger: None
        first = self._ledger(
            index=FIRST_LEDGER,
            close_time=start,
            changes={},
            records=(),
            parent_hash=_ZERO_HASH,
            parent_close_time=0,
        )
        self.history.add(first)
        self.ground = self._open()
        self.open_transactions: list[Transaction] = []

    @property
    def open_index(self) -> int:
        """The index of the open ledger."""
        return self.ground.ledger_index

    @property
    def validated(self) -> ClosedLedger:
        """The last closed ledger; here every closed ledger is validated."""
        return self.history.last

    def apply_open(
        self, tx: Transaction, *, retry: bool = False, fail_hard: bool = False
    ) -> Applied:
        """Apply a transaction to the open ledger."""
        outcome = apply(tx, self.ground, retry=retry, fail_hard=fail_hard)
        if outcome.applied:
            self.open_transactions.append(tx)
        return outcome

    def apply_open_together(self, transactions: list[Transaction]) -> tuple[int, Applied | None]:
        """Apply a series to the open ledger, all or none.

        One whose ticket is already used is passed over.

        Returns:
            How many were tried, and what came of the last one; None if one failed.
        """
        ground = replace(self.ground, view=OpenView(self.ground.view), known=set(self.ground.known))
        outcome: Applied | None = None
        done: list[Transaction] = []
        for tried, tx in enumerate(transactions, start=1):
            outcome = apply(tx, ground)
            if outcome.applied:
                done.append(tx)
            elif outcome.result != "tefNO_TICKET" or tx is transactions[-1]:
                return tried, None
        self.ground.view.merge(ground.view.changes)
        self.ground.known.update(ground.known)
        self.open_transactions += done
        return len(transactions), outcome

    def close(
        self, close_time: int, admit: Callable[[ClosedLedger], None] = lambda _ledger: None
    ) -> ClosedLedger:
        """Close the open ledger and open the next.

        Args:
            close_time: ledger time; at least one second after the parent's is taken.
            admit: puts into the new open ledger what waits outside of it.
        """
        parent = self.validated
        view = OpenView(self.history.snapshot(parent.index))
        index = parent.index + 1
        closing = Ground(
            view=view,
            rules=self.rules,
            ledger_index=index,
            parent_close_time=parent.close_time,
            is_open=False,
            known=set(),
        )
        done, retries = apply_set(self.open_transactions, closing)
        self._coins -= sum(tx.fee for tx, _ in done)
        records = tuple(LedgerTransaction.of(tx, meta) for tx, meta in done)
        time = max(close_time, parent.close_time + 1)
        ledger = self._ledger(
            index=index,
            close_time=time,
            changes=view.changes,
            records=records,
            parent_hash=parent.hash,
            parent_close_time=parent.close_time,
        )
        self._store.write(index, view.changes)
        self.history.add(ledger)
        self._reopen(ledger, retries)
        admit(ledger)
        self.on_closed(ledger)
        return ledger

    def _open(self) -> Ground:
        parent = self.validated
        return Ground(
            view=OpenView(self.history.snapshot(parent.index)),
            rules=self.rules,
            ledger_index=parent.index + 1,
            parent_close_time=parent.close_time,
            is_open=True,
            known=set(),
        )

    def _reopen(self, ledger: ClosedLedger, retries: list[Transaction]) -> None:
        """Open the next ledger, with what did not make it into the last one."""
        included = {record.tx.hash for record in ledger.transactions}
        left = [tx for tx in self.open_transactions if tx.hash not in included]
        self.ground, self.open_transactions = self._open(), []
        for tx in canonical_order({t.hash: t for t in (*retries, *left)}.values(), b""):
            self.apply_open(tx)

    def _ledger(
        self,
        *,
        index: int,
        close_time: int,
        changes: dict[str, Entry | None],
        records: tuple[LedgerTransaction, ...],
        parent_hash: str,
        parent_close_time: int,
    ) -> ClosedLedger:
        resolution = self._fixed_resolution or _resolution(index)
        transactions = transaction_set_hash([r.tx.hash for r in records]).hex().upper()
        state = sha512_half((parent_hash + repr(sorted(changes.items()))).encode()).hex().upper()
        return ClosedLedger(
            index=index,
            hash=ledger_hash(
                index=index,
                coins=self._coins,
                parent_hash=parent_hash,
                transaction_hash=transactions,
                account_hash=state,
                parent_close_time=parent_close_time,
                close_time=close_time,
                resolution=resolution,
            ),
            parent_hash=parent_hash,
            account_hash=state,
            transaction_hash=transactions,
            close_time=close_time,
            parent_close_time=parent_close_time,
            close_time_resolution=resolution,
            total_coins=self._coins,
            transactions=records,
        )


def _resolution(index: int) -> int:
    """Return the close time resolution, which grows finer every eight ledgers of agreement.

    (rippled src/xrpld/consensus/LedgerTiming.h, getNextLedgerTimeResolution)
    """
    finer = (30, 20, 10)
    return finer[min(index // 8, len(finer) - 1)]


def _genesis(rules: Rules) -> dict[str, Entry | None]:
    """Return what is in the ledger before anything happened."""
    return {
        account_index(GENESIS): {
            "LedgerEntryType": "AccountRoot",
            "Account": GENESIS,
            "Balance": str(_ALL_COINS),
            "Flags": 0,
            "OwnerCount": 0,
            "Sequence": 1,
        },
        FEES_INDEX: {
            "LedgerEntryType": "FeeSettings",
            "BaseFeeDrops": str(rules.base_fee),
            "ReserveBaseDrops": str(rules.reserve_base),
            "ReserveIncrementDrops": str(rules.reserve_increment),
            "Flags": 0,
        },
        AMENDMENTS_INDEX: {
            "LedgerEntryType": "Amendments",
            "Amendments": rules.amendment_ids(),
            "Flags": 0,
        },
    }
