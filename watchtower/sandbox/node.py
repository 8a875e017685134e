"""One server: a chain, what is submitted to it, who listens, and the lies it was told to tell."""

from __future__ import annotations

import time

from watchtower.sandbox.chain import Chain
from watchtower.sandbox.clock import Pace
from watchtower.sandbox.fee_levels import Price, QueueSettings
from watchtower.sandbox.history import FIRST_LEDGER
from watchtower.sandbox.ledger import ClosedLedger
from watchtower.sandbox.queue import TransactionQueue
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.streams import Streams
from watchtower.sandbox.submission import Submission, Submissions
from watchtower.sandbox.transaction import Transaction

__all__ = ["Node"]


class Node:
    """A server without sockets: what every request asks, and what moves time."""

    def __init__(self, rules: Rules, pace: Pace, queue: QueueSettings) -> None:
        self.started = time.monotonic()
        self.pace = pace
        self.chain = Chain(rules, pace.start, pace.resolution)
        self.queue = TransactionQueue(self.chain, queue)
        self.submissions = Submissions(self.chain, self.queue)
        self.streams = Streams(self.chain)
        self.chain.on_closed = self.streams.ledger_closed
        self.submissions.on_proposed = self.streams.transaction_proposed
        self._to_refuse: tuple[int, str] = (0, "")
        self._to_swallow = 0

    def now(self) -> int:
        """Return what time the server takes it to be, as ledger time."""
        return self.pace.now(self.chain.validated.close_time)

    def accept(self) -> ClosedLedger:
        """Close the open ledger, at the time that the clock gives it."""
        parent = self.chain.validated
        ledgers = parent.index + 1 - FIRST_LEDGER
        time_of_close = self.pace.next_close(parent.close_time, ledgers)
        return self.chain.close(time_of_close, self.submissions.after_close)

    def price(self) -> Price:
        """Return what entering the open ledger costs."""
        return self.queue.price()

    def submit(self, tx: Transaction, *, fail_hard: bool = False) -> Submission:
        """Submit a transaction whose signature is good; lie about it if that was asked for."""
        left, result = self._to_refuse
        if left:
            self._to_refuse = left - 1, result
            return self.submissions.pretend(tx, result)
        if self._to_swallow:
            self._to_swallow -= 1
            return self.submissions.pretend(tx, "tesSUCCESS")
        return self.submissions.submit(tx, fail_hard=fail_hard)

    def refuse_submissions(self, count: int, result: str) -> None:
        """Refuse the next ``count`` submissions with ``result``, whatever they are."""
        self._to_refuse = count, result

    def swallow_submissions(self, count: int) -> None:
        """Answer success to the next ``count`` submissions, and forget them."""
        self._to_swallow = count
