"""The closed ledgers, and the ways to find a transaction in them.

Remembers everything from the first ledger on; which of it one server holds is that server's own
affair (`holdings`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from watchtower.sandbox.ledger import ClosedLedger, LedgerTransaction
from watchtower.sandbox.state import Snapshot, StateStore

__all__ = ["FIRST_LEDGER", "History"]

FIRST_LEDGER: Final = 2
"""The first ledger a fresh server serves; ledger 1 is genesis itself."""


class History:
    """Closed ledgers by index and hash, and transactions by hash and account."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._ledgers: dict[int, ClosedLedger] = {}
        self._by_hash: dict[str, int] = {}
        self._where: dict[str, tuple[int, int]] = {}
        self._of_account: dict[str, list[tuple[int, int]]] = {}
        self._last = 0

    @property
    def last(self) -> ClosedLedger:
        """The last closed ledger, which is also the validated one."""
        return self._ledgers[self._last]

    def add(self, ledger: ClosedLedger) -> None:
        """Append a ledger that has just closed."""
        self._ledgers[ledger.index] = ledger
        self._by_hash[ledger.hash] = ledger.index
        self._last = ledger.index
        for record in ledger.transactions:
            place = ledger.index, record.index
            self._where[record.tx.hash] = place
            for account in record.accounts:
                self._of_account.setdefault(account, []).append(place)

    def ledger(self, index: int) -> ClosedLedger | None:
        """Return a ledger by index."""
        return self._ledgers.get(index)

    def closed(self, index: int) -> ClosedLedger:
        """Return a ledger that is known to have closed."""
        return self._ledgers[index]

    def ledger_by_hash(self, ledger_hash: str) -> ClosedLedger | None:
        """Return a ledger by hash."""
        index = self._by_hash.get(ledger_hash.upper())
        return None if index is None else self.ledger(index)

    def snapshot(self, index: int) -> Snapshot:
        """Return the state as ledger ``index`` left it."""
        return Snapshot(self._store, index)

    def transaction(self, tx_hash: str) -> tuple[ClosedLedger, LedgerTransaction] | None:
        """Return a validated transaction by hash."""
        place = self._where.get(tx_hash.upper())
        ledger = self.ledger(place[0]) if place else None
        if place is None or ledger is None:
            return None
        return ledger, ledger.transactions[place[1]]

    def of_account(
        self, account: str, first: tuple[int, int], last: tuple[int, int], *, forward: bool
    ) -> Iterator[tuple[ClosedLedger, LedgerTransaction]]:
        """Return the transactions that affected an account, in order.

        Costs what it returns, however much happened before.

        Args:
            account: whose.
            first: the ledger, and the place in it, to begin with.
            last: the ledger and the place to end with, itself included.
            forward: the oldest first.
        """
        places = self._of_account.get(account, [])
        begin = bisect_left(places, first)
        numbers = range(begin, bisect_right(places, last))
        for number in numbers if forward else reversed(numbers):
            index, within = places[number]
            ledger = self._ledgers[index]
            yield ledger, ledger.transactions[within]
