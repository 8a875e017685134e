"""What happens to a transaction that a client submits, and what the client is told.

Follows rippled 3.1.1 src/xrpld/app/misc/NetworkOPs.cpp (preProcessTransaction, apply) and
app/ledger/detail/LocalTxs.cpp: what was submitted here is tried again with each of the next five
ledgers, whatever came of it at first, and what came too early waits for its sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from watchtower.sandbox.chain import Chain
from watchtower.sandbox.closing import canonical_order
from watchtower.sandbox.engine import Applied
from watchtower.sandbox.hashing import account_index, ticket_index
from watchtower.sandbox.ledger import ClosedLedger
from watchtower.sandbox.queue import TransactionQueue
from watchtower.sandbox.results import (
    SUCCESS,
    is_applied,
    is_failure,
    is_local,
    is_malformed,
    is_retry,
)
from watchtower.sandbox.transaction import Seat, Transaction

__all__ = ["Submission", "Submissions"]

_HOLD_LEDGERS: Final = 5
"""For how many ledgers a local transaction is tried again (LocalTxs.h:20)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The answer to a submission.

    ``next_sequence`` is the account's in the open ledger, ``available_sequence`` the first
    one after those that wait; both None where nobody looked.
    """

    tx: Transaction
    result: str
    applied: bool = False
    broadcast: bool = False
    queued: bool = False
    kept: bool = False
    next_sequence: int | None = None
    available_sequence: int | None = None
    open_ledger_cost: int | None = None
    validated_index: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether the server did anything at all with it."""
        return self.applied or self.broadcast or self.queued or self.kept


@dataclass(frozen=True, slots=True)
class _Local:
    tx: Transaction
    expires: int


class Submissions:
    """Takes transactions in, and keeps those that may still succeed.

    ``on_proposed`` is called with each transaction that enters the open ledger by submission.
    """

    def __init__(self, chain: Chain, queue: TransactionQueue) -> None:
        self._chain = chain
        self._queue = queue
        self._local: list[_Local] = []
        self._held: dict[str, dict[Seat, Transaction]] = {}
        self._bad: set[str] = set()
        self.known: dict[str, Transaction] = {}
        self.on_proposed: Callable[[Transaction, str], None] = lambda _tx, _result: None

    def submit(self, tx: Transaction, *, fail_hard: bool = False) -> Submission:
        """Submit a transaction whose signature is good, and whatever waited for it."""
        if tx.hash in self._bad:
            # Once malformed, always malformed, and no longer looked at (HashRouterFlags::BAD).
            return Submission(tx=tx, result="temBAD_SIGNATURE")
        self.known[tx.hash] = tx
        outcome = self._apply(tx, fail_hard=fail_hard)
        kept = self._keep(tx, outcome, fail_hard=fail_hard)
        answer = self._answer(tx, outcome, kept=kept, fail_hard=fail_hard)
        if outcome.result == SUCCESS:
            self._release(tx.account)
        return answer

    def pretend(self, tx: Transaction, result: str) -> Submission:
        """Answer as if ``result`` had come of the transaction, and do nothing with it."""
        applied = is_applied(result)
        outcome = Applied(result=result, applied=applied)
        return self._answer(tx, outcome, kept=applied, fail_hard=False)

    def after_close(self, ledger: ClosedLedger) -> None:
        """Try again, in the new open ledger, what was submitted here and is not in one yet."""
        self._queue.ledger_closed(ledger)
        self._queue.let_in()
        self._local = [entry for entry in self._local if not self._is_over(entry, ledger)]
        for tx in canonical_order([entry.tx for entry in self._local], b""):
            if tx.hash not in self._chain.ground.known:
                self._queue.apply(tx)

    def next_sequence(self, account: str) -> int | None:
        """Return an account's sequence in the open ledger."""
        root = self._chain.ground.view.read(account_index(account))
        return None if root is None else int(root["Sequence"])

    def _apply(self, tx: Transaction, *, fail_hard: bool) -> Applied:
        outcome = self._queue.apply(tx, fail_hard=fail_hard)
        if outcome.applied:
            self.on_proposed(tx, outcome.result)
        if is_malformed(outcome.result):
            self._bad.add(tx.hash)
        return outcome

    def _keep(self, tx: Transaction, outcome: Applied, *, fail_hard: bool) -> bool:
        """Keep what may succeed later; return whether it was kept."""
        result = outcome.result
        if fail_hard and result != SUCCESS:
            return False
        if is_retry(result) or is_local(result) or is_failure(result):
            self._held.setdefault(tx.account, {})[tx.seat] = tx
        self._local.append(_Local(tx, self._chain.open_index + _HOLD_LEDGERS))
        return True

    def _answer(
        self, tx: Transaction, outcome: Applied, *, kept: bool, fail_hard: bool
    ) -> Submission:
        sequence = self.next_sequence(tx.account)
        queued = outcome.result == "terQUEUED"
        refused = fail_hard and outcome.result != SUCCESS
        return Submission(
            tx=tx,
            result=outcome.result,
            applied=outcome.applied,
            broadcast=(outcome.applied or queued) and not refused,
            queued=queued,
            kept=kept,
            next_sequence=sequence or 0,
            available_sequence=self._queue.next_seat(tx.account) or 0,
            open_ledger_cost=self._queue.cost(tx),
            validated_index=self._chain.validated.index,
        )

    def _release(self, account: str) -> None:
        """Submit what waited for the account's next sequence, one after the other."""
        held = self._held.get(account, {})
        while (sequence := self.next_sequence(account)) is not None:
            tx = held.pop(Seat(ticket=False, number=sequence), None)
            if tx is None:
                break
            if self._apply(tx, fail_hard=False).result != SUCCESS:
                break

    def _is_over(self, entry: _Local, ledger: ClosedLedger) -> bool:
        """Return whether a kept transaction needs no further try (LocalTxs.cpp, sweep)."""
        tx = entry.tx
        if ledger.index > entry.expires or self._chain.history.transaction(tx.hash):
            return True
        view = self._chain.history.snapshot(ledger.index)
        root = view.read(account_index(tx.account))
        if root is None:
            return False
        if not tx.seat.ticket:
            return bool(root["Sequence"] > tx.seat.number)
        if root["Sequence"] <= tx.seat.number:
            return False
        return view.read(ticket_index(tx.account, tx.seat.number)) is None
