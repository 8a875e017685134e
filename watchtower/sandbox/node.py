"""One server without sockets: what it holds, what it says of it, and what it does wrong.

Guarantees that everything a client can learn of the ledger goes through it, answers and streams
alike: a server that is behind, has holes or is of another network is so in every word of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from watchtower.sandbox.bystanders import Bystanders
from watchtower.sandbox.engine import Applied
from watchtower.sandbox.fee_levels import Price
from watchtower.sandbox.history import FIRST_LEDGER
from watchtower.sandbox.holdings import Holdings
from watchtower.sandbox.ledger import ClosedLedger, LedgerTransaction
from watchtower.sandbox.misbehaviour import Misbehaviour, changed
from watchtower.sandbox.network import Network
from watchtower.sandbox.outlook import Outlook
from watchtower.sandbox.queued import Queued
from watchtower.sandbox.results import is_applied
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.state import ReadView, Snapshot
from watchtower.sandbox.streams import Streams
from watchtower.sandbox.submission import Submission
from watchtower.sandbox.transaction import Transaction

__all__ = ["Node"]

_LARGEST_GAP: Final = 100
"""Most ledgers published late; of more only the last (LedgerMaster.cpp, MAX_LEDGER_GAP)."""


class Client(Protocol):
    """Who is at the other end of a line."""

    def cut(self) -> None:
        """Lose the connection."""
        ...

    def go_on(self) -> None:
        """Go on as a server does that does not hang, or no longer."""
        ...

    def ledger_told(self) -> None:
        """Take notice that the server has told of a ledger, or has had none to tell."""
        ...


class Node:
    """A server of a network; each further one comes by `add_server`.

    ``number`` is its place among the servers of the network, from 0, and ``started`` the ledger
    time at which it began. ``on_change`` is called whenever it begins or ceases to misbehave in
    some way.
    """

    def __init__(self, network: Network, beside: Node | None = None) -> None:
        self.started = network.now()
        self.network = network
        self.bystanders: Bystanders = beside.bystanders if beside else Bystanders(network)
        self.servers: list[Node] = beside.servers if beside else []
        self.number = len(self.servers)
        self.servers.append(self)
        self.streams = Streams(self)
        self.holdings = Holdings()
        self.misbehaviour = Misbehaviour()
        self.on_change: Callable[[], None] = lambda: None
        self._clients: dict[Client, None] = {}
        self._lines = 0
        self._resuming: asyncio.TimerHandle | None = None
        self._at = network.chain.validated.index
        self._outlook: Outlook | None = None
        network.join(self)

    def add_server(self) -> Node:
        """Return one more server of the same network, which behaves."""
        return Node(self.network, beside=self)

    # What it holds.

    @property
    def rules(self) -> Rules:
        """The fees, reserves and amendments of the network."""
        return self.network.rules

    @property
    def network_id(self) -> int:
        """Which network it says that it is of."""
        wrong = self.misbehaviour.network_id
        return self.rules.network_id if wrong is None else wrong

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
        return self.network.chain.ground.view if self._outlook is None else self._outlook.view

    @property
    def open_transactions(self) -> Sequence[Transaction]:
        """The transactions in its open ledger."""
        if self._outlook is None:
            return self.network.chain.open_transactions
        return self._outlook.transactions

    @property
    def complete(self) -> str:
        """The ledgers that can be asked for: ``2-40``."""
        return self.holdings.complete(self._at)

    @property
    def newest_run(self) -> tuple[int, int]:
        """The unbroken run of ledgers that ends with the validated one, first and last."""
        return self.holdings.newest_run(self._at)

    def holds_transactions(self, first: int, last: int) -> bool:
        """Return whether it holds a transaction of each ledger from ``first`` to ``last``."""
        if not self.holdings.has_all(first, last, self._at):
            return False
        closed = self.network.chain.history.closed
        return all(closed(index).transactions for index in range(first, last + 1))

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

    def waiting(self, account: str) -> list[Queued]:
        """Return what an account has in the queue."""
        return self.network.queue.of(account) if self._outlook is None else []

    def now(self) -> int:
        """Return what time the server takes it to be, as ledger time."""
        return self.network.now()

    def price(self) -> Price:
        """Return what entering its open ledger costs."""
        return self.network.price() if self._outlook is None else self._outlook.price()

    # What is done with it.

    def accept(self) -> ClosedLedger:
        """Close the open ledger of the network, at the time that the clock gives it."""
        return self.network.accept()

    def submit(self, tx: Transaction, *, fail_hard: bool = False) -> Submission | None:
        """Submit a transaction whose signature is good; return what is answered, None if nothing.

        It may be lied about, if that was asked for.
        """
        lie = self.misbehaviour.submissions
        if lie is None or not lie.count:
            return self._submit(tx, fail_hard=fail_hard)
        left = {"count": lie.count - 1, "answer": lie.answer, "apply": lie.apply}
        self.misbehaviour = changed(
            self.misbehaviour, {"submissions": left if lie.count > 1 else None}
        )
        if lie.apply:
            self._submit(tx, fail_hard=fail_hard)
        return None if lie.answer is None else self._pretend(tx, lie.answer)

    def _pretend(self, tx: Transaction, result: str) -> Submission:
        """Return an answer as if ``result`` had come of the transaction."""
        if self._outlook is None:
            return self.network.submissions.pretend(tx, result)
        return self._outlook.answer(tx, Applied(result=result, applied=is_applied(result)))

    def _submit(self, tx: Transaction, *, fail_hard: bool) -> Submission:
        if self._outlook is None:
            return self.network.submit(tx, fail_hard=fail_hard)
        outlook = self._outlook
        outcome = outlook.apply(tx, fail_hard=fail_hard)
        if outcome.applied:
            self.streams.transaction_proposed(tx, outcome.result)
        answer = outlook.answer(tx, outcome, fail_hard=fail_hard)
        if answer.broadcast:
            self.network.submit(tx, fail_hard=fail_hard)
        return answer

    def forget(self, first: int, last: int) -> None:
        """Lose the ledgers from ``first`` to ``last``, but never the newest."""
        newest = self.validated.index
        if first <= min(last, newest - 1):
            self.holdings.forget(first, min(last, newest - 1))

    # What it does wrong.

    def misbehave(self, *, behave: bool = False, **members: Any) -> Misbehaviour:
        """Misbehave in some ways from now on; return all that holds then.

        Args:
            behave: cease everything else.
            members: those of `Misbehaviour` to set, as JSON has them.

        Raises:
            ValueError: one is unknown, of another type or out of range; nothing has changed.
        """
        before = Misbehaviour() if behave else self.misbehaviour
        after = changed(before, members)
        if behave or "hang" in members:
            self._time_the_hang(after.hang)
        self.misbehaviour = after
        self._follow()
        self.on_change()
        if not self.misbehaviour.hang:
            for client in [*self._clients]:
                client.go_on()
        return self.misbehaviour

    def cut(self) -> None:
        """Lose all connections."""
        for client in [*self._clients]:
            client.cut()

    def _time_the_hang(self, seconds: float) -> None:
        """Let it end by itself, unless it is a bool."""
        if self._resuming is not None:
            self._resuming.cancel()
            self._resuming = None
        if seconds and not isinstance(seconds, bool):
            loop = asyncio.get_running_loop()
            self._resuming = loop.call_later(seconds, lambda: self.misbehave(hang=False))

    # Who listens.

    def enter(self, client: Client) -> int:
        """Let a client in; return the number of its line."""
        self._clients[client] = None
        self._lines += 1
        return self._lines

    def leave(self, client: Client) -> None:
        """Let a client go."""
        self._clients.pop(client, None)

    def ledger_closed(self) -> None:
        """Hear that the network has one more validated ledger."""
        self._follow()
        for client in [*self._clients]:
            client.ledger_told()

    def transaction_proposed(self, tx: Transaction, result: str) -> None:
        """Hear of a transaction that has just entered the network's open ledger."""
        if self._outlook is None:
            self.streams.transaction_proposed(tx, result)
            return
        outcome = self._outlook.apply(tx)
        if outcome.applied:
            self.streams.transaction_proposed(tx, outcome.result)

    def _follow(self) -> None:
        """Go to the ledger where the server should be, and tell of those it has not told of.

        A server that goes back says nothing of it, and tells later ledgers again as it comes to
        them. One that catches up tells every ledger in between, or of a large gap the last one
        alone (rippled src/xrpld/app/ledger/detail/LedgerMaster.cpp, findNewLedgersToPublish).
        """
        newest = self.network.chain.validated.index
        wrong = self.misbehaviour
        goal = self._at if wrong.stuck else max(FIRST_LEDGER, newest - wrong.behind)
        first = goal if goal > self._at + _LARGEST_GAP else self._at + 1
        for index in range(first, goal + 1):
            self._stand_at(index, newest)
            self.streams.ledger_closed(self.validated)
        self._stand_at(goal, newest)

    def _stand_at(self, index: int, newest: int) -> None:
        self._at = index
        if index == newest:
            self._outlook = None
        elif self._outlook is None or self._outlook.at != index:
            heard = [] if self._outlook is None else self._outlook.transactions
            self._outlook = Outlook(self.network, index, heard)
