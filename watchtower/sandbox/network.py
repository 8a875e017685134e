"""The network: the one ledger that all servers tell of, each as well as it can.

Guarantees that all luck comes from one seed, so the same requests in the same order give the same
ledgers, the same messages and the same misbehaviour; and that every server hears of each closed
ledger and each proposed transaction in the order in which the servers joined.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

from watchtower.sandbox.chain import Chain
from watchtower.sandbox.clock import Pace
from watchtower.sandbox.fee_levels import Price, QueueSettings
from watchtower.sandbox.history import FIRST_LEDGER
from watchtower.sandbox.ledger import ClosedLedger
from watchtower.sandbox.queue import TransactionQueue
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.submission import Submission, Submissions
from watchtower.sandbox.transaction import Transaction

__all__ = ["Network"]


class Listener(Protocol):
    """Whoever is told what happens: a server."""

    def ledger_closed(self) -> None:
        """Hear that the network has one more validated ledger."""
        ...

    def transaction_proposed(self, tx: Transaction, result: str) -> None:
        """Hear of a transaction that has just entered the open ledger."""
        ...


class Network:
    """A ledger that several servers share.

    ``before_submit`` is called with each transaction that a client submits, before it is applied;
    ``before_close`` and ``after_close`` around each ledger. Whoever acts there acts for everybody.

    Args:
        rules: fees, reserves and amendments.
        pace: how time passes.
        queue: how many transactions fit a ledger, and how many wait.
        seed: where all luck begins.
    """

    def __init__(self, rules: Rules, pace: Pace, queue: QueueSettings, seed: int = 0) -> None:
        self.seed = seed
        self.luck = Random(seed)  # noqa: S311 - luck that can be repeated guards nothing
        self.rules = rules
        self.pace = pace
        self.chain = Chain(rules, pace.start, pace.resolution)
        self.queue = TransactionQueue(self.chain, queue)
        self.submissions = Submissions(self.chain, self.queue)
        self.before_submit: list[Callable[[Transaction], None]] = []
        self.before_close: list[Callable[[], None]] = []
        self.after_close: list[Callable[[], None]] = []
        self._listeners: list[Listener] = []
        self.chain.on_closed = self._tell_of_ledger
        self.submissions.on_proposed = self._tell_of_transaction

    def join(self, listener: Listener) -> int:
        """Let a server hear what happens from now on; return its number, counted from 0."""
        self._listeners.append(listener)
        return len(self._listeners) - 1

    def luck_of(self, name: str) -> Random:
        """Return luck of one's own, which nobody else's use of theirs disturbs."""
        return Random(f"{self.seed} {name}")  # noqa: S311 - luck that can be repeated

    def now(self) -> int:
        """Return what time it is taken to be, as ledger time."""
        return self.pace.now(self.chain.validated.close_time)

    def accept(self) -> ClosedLedger:
        """Close the open ledger, at the time that the clock gives it."""
        for act in self.before_close:
            act()
        parent = self.chain.validated
        ledgers = parent.index + 1 - FIRST_LEDGER
        time_of_close = self.pace.next_close(parent.close_time, ledgers)
        ledger = self.chain.close(time_of_close, self.submissions.after_close)
        for act in self.after_close:
            act()
        return ledger

    def price(self) -> Price:
        """Return what entering the open ledger costs."""
        return self.queue.price()

    def submit(self, tx: Transaction, *, fail_hard: bool = False) -> Submission:
        """Submit a transaction whose signature is good."""
        for act in self.before_submit:
            act(tx)
        return self.submissions.submit(tx, fail_hard=fail_hard)

    def _tell_of_ledger(self, _ledger: ClosedLedger) -> None:
        for listener in self._listeners:
            listener.ledger_closed()

    def _tell_of_transaction(self, tx: Transaction, result: str) -> None:
        for listener in self._listeners:
            listener.transaction_proposed(tx, result)
