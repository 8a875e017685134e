"""One server without sockets: what it holds, what it says of it, and who listens.

Guarantees that everything a client can learn of the ledger goes through it, answers and streams
alike, so that what one server lacks it lacks everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from watchtower.sandbox.fee_levels import Price
from watchtower.sandbox.holdings import Holdings
from watchtower.sandbox.ledger import ClosedLedger, LedgerTransaction
from watchtower.sandbox.network import Network
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.state import ReadView, Snapshot
from watchtower.sandbox.streams import Streams
from watchtower.sandbox.submission import Submission
from watchtower.sandbox.transaction import Transaction

__all__ = ["Node"]


class Node:
    """A server of a network, which it joins."""

    def __init__(self, network: Network) -> None:
        self.started = time.monotonic()
        self.network = network
        self.streams = Streams(self)
        self.holdings = Holdings()
        self._to_refuse: tuple[int, str] = (0, "")
        self._to_swallow = 0
        self._at = network.chain.validated.index
        self.number = network.join(self)

    @property
    def rules(self) -> Rules:
        """The fees, reserves and amendments of the network."""
        return self.network.rules

    @property
    def network_id(self) -> int:
        """Which network it says that it is of."""
        return self.rules.network_id

    @property
    def validated(self) -> ClosedLedger:
        """The last validated ledger that it knows of."""
        return self.network.chain.history.closed(self._at)

    @property
    def open_index(self) -> int:
        """The index of its open ledger."""
        return self._at + 1

    @property
    def open_view(self) -> ReadView:
        """What its open ledger holds."""
        return self.network.chain.ground.view

    @property
    def open_transactions(self) -> Sequence[Transaction]:
        """The transactions in its open ledger."""
        return self.network.chain.open_transactions

    @property
    def complete(self) -> str:
        """The ledgers that can be asked for: ``2-40``."""
        return self.holdings.complete(self._at)

    @property
    def newest_run(self) -> tuple[int, int]:
        """The unbroken run of ledgers that ends with the validated one, first and last."""
        return self.holdings.newest_run(self._at)

    def ledger(self, index: int) -> ClosedLedger | None:
        """Return a closed ledger by index, if it holds it."""
        if not self.holdings.has(index, self._at):
            return None
        return self.network.chain.history.ledger(index)

    def ledger_by_hash(self, ledger_hash: str) -> ClosedLedger | None:
        """Return a closed ledger by hash, if it holds it."""
        ledger = self.network.chain.history.ledger_by_hash(ledger_hash)
        return None if ledger is None else self.ledger(ledger.index)

    def snapshot(self, index: int) -> Snapshot:
        """Return the state as ledger ``index`` left it."""
        return self.network.chain.history.snapshot(index)

    def transaction(self, tx_hash: str) -> tuple[ClosedLedger, LedgerTransaction] | None:
        """Return a validated transaction by hash, if it holds its ledger."""
        found = self.network.chain.history.transaction(tx_hash)
        return found if found is not None and self.ledger(found[0].index) else None

    def pending(self, tx_hash: str) -> Transaction | None:
        """Return a transaction that was submitted and is in no ledger that it knows of."""
        found = self.network.chain.history.transaction(tx_hash)
        if found is not None and found[0].index <= self._at:
            return None
        return self.network.submissions.known.get(tx_hash.upper())

    def of_account(
        self, account: str, first: tuple[int, int], last: tuple[int, int], *, forward: bool
    ) -> Iterator[tuple[ClosedLedger, LedgerTransaction]]:
        """Return the transactions that affected an account, in order, as `History` does."""
        return self.network.chain.history.of_account(account, first, last, forward=forward)

    def now(self) -> int:
        """Return what time the server takes it to be, as ledger time."""
        return self.network.now()

    def accept(self) -> ClosedLedger:
        """Close the open ledger of the network, at the time that the clock gives it."""
        return self.network.accept()

    def price(self) -> Price:
        """Return what entering the open ledger costs."""
        return self.network.price()

    def submit(self, tx: Transaction, *, fail_hard: bool = False) -> Submission:
        """Submit a transaction whose signature is good; lie about it if that was asked for."""
        left, result = self._to_refuse
        if left:
            self._to_refuse = left - 1, result
            return self.network.submissions.pretend(tx, result)
        if self._to_swallow:
            self._to_swallow -= 1
            return self.network.submissions.pretend(tx, "tesSUCCESS")
        return self.network.submit(tx, fail_hard=fail_hard)

    def refuse_submissions(self, count: int, result: str) -> None:
        """Refuse the next ``count`` submissions with ``result``, whatever they are."""
        self._to_refuse = count, result

    def swallow_submissions(self, count: int) -> None:
        """Answer success to the next ``count`` submissions, and forget them."""
        self._to_swallow = count

    def ledger_closed(self) -> None:
        """Hear that the network has one more validated ledger."""
        self._at = self.network.chain.validated.index
        self.streams.ledger_closed(self.validated)

    def transaction_proposed(self, tx: Transaction, result: str) -> None:
        """Hear of a transaction that has just entered the open ledger."""
        self.streams.transaction_proposed(tx, result)
