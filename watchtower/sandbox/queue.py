"""The queue of transactions that do not pay the open ledger's price.

Follows rippled 3.1.1 src/xrpld/app/misc/detail/TxQ.cpp: who pays enough goes straight in; who does
not waits, at most ten an account, in order of sequence; a transaction that pays for all before it
takes them along; and each closed ledger lets in those that pay most.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from watchtower.sandbox.chain import Chain
from watchtower.sandbox.engine import Applied, Ground, base_fee, preclaim, preflight
from watchtower.sandbox.entries import Entry, drops, put_drops
from watchtower.sandbox.fee_levels import BASE_LEVEL, FeeMetrics, Price, QueueSettings, level_paid
from watchtower.sandbox.hashing import account_index, ticket_index
from watchtower.sandbox.ledger import ClosedLedger
from watchtower.sandbox.queued import TRIES, Queued
from watchtower.sandbox.results import SUCCESS, is_applied, is_failure, is_malformed
from watchtower.sandbox.state import OpenView
from watchtower.sandbox.transaction import Seat, Transaction

__all__ = ["TransactionQueue"]

_FEW_TRIES: Final = 2
_NEARLY: Final = 95
"""Tries that an account which failed before is left at most, and the percentage from which on the
queue is nearly full (TxQ.cpp, accept)."""


class TransactionQueue:
    """Lets transactions into the open ledger, or lets them wait."""

    def __init__(self, chain: Chain, settings: QueueSettings) -> None:
        self._chain = chain
        self._settings = settings
        self._metrics = FeeMetrics(settings)
        self._accounts: dict[str, dict[Seat, Queued]] = {}
        self._max_size: int | None = None
        # Accounts of which something failed for good, or expired, while more of them waits
        # (TxQ.h, TxQAccount::retryPenalty and dropPenalty).
        self._retry_penalty: set[str] = set()
        self._drop_penalty: set[str] = set()

    def of(self, account: str) -> list[Queued]:
        """Return what an account has waiting, in the order in which it may go in."""
        return [entry for _, entry in sorted(self._accounts.get(account, {}).items())]

    def price(self) -> Price:
        """Return what entering the open ledger costs (TxQ::getMetrics)."""
        waiting = self._by_fee()
        is_full = self._is_full()
        return Price(
            ledger_size=self._size,
            queue_size=len(waiting),
            expected_size=self._metrics.expected,
            max_queue_size=self._max_size,
            base_fee=self._chain.rules.base_fee,
            median_level=self._metrics.multiplier,
            minimum_level=waiting[-1].level + 1 if is_full and waiting else BASE_LEVEL,
            open_ledger_level=self._required,
        )

    def cost(self, tx: Transaction) -> int:
        """Return the drops with which this transaction would enter the open ledger now."""
        ground = self._chain.ground
        return self._required * base_fee(tx, ground.view, ground.rules) // BASE_LEVEL

    def next_seat(self, account: str) -> int | None:
        """Return the first sequence that neither the open ledger nor the queue has used."""
        root = self._chain.ground.view.read(account_index(account))
        return None if root is None else self._next_seat(account, root).number

    @property
    def _size(self) -> int:
        return len(self._chain.open_transactions)

    @property
    def _required(self) -> int:
        return self._metrics.required_level(self._size)

    def _level(self, tx: Transaction, ground: Ground) -> int:
        usual = ground.rules.base_fee * (1 + len(tx.signers))
        return level_paid(tx.fee, base_fee(tx, ground.view, ground.rules), usual)

    def _by_fee(self) -> list[Queued]:
        """Return all that waits, who pays most first; equals in an order salted by the parent."""
        everything = [e for mine in self._accounts.values() for e in mine.values()]
        return sorted(everything, key=self._rank)

    def _rank(self, entry: Queued) -> tuple[int, int]:
        salt = int(self._chain.validated.hash, 16)
        return -entry.level, int(entry.tx.hash, 16) ^ salt

    def _is_full(self, percent: int = 100) -> bool:
        """(TxQ::isFull)."""
        if self._max_size is None:
            return False
        return sum(map(len, self._accounts.values())) >= self._max_size * percent // 100

    def _next_seat(self, account: str, root: Entry) -> Seat:
        """(TxQ::nextQueuableSeqImpl)."""
        attempt = Seat(ticket=False, number=root["Sequence"])
        mine = self._accounts.get(account, {})
        while (entry := mine.get(attempt)) is not None:
            attempt = entry.following
        return attempt

    def _drop(self, tx: Transaction) -> None:
        mine = self._accounts.get(tx.account, {})
        mine.pop(tx.seat, None)
        if not mine:
            self._accounts.pop(tx.account, None)

    def ledger_closed(self, ledger: ClosedLedger) -> None:
        """Learn from a closed ledger, and drop what can go into none any more.

        (TxQ::processClosedLedger)
        """
        ground = self._chain.ground
        levels = [self._level(record.tx, ground) for record in ledger.transactions]
        self._metrics.update(levels)
        size = self._metrics.expected * self._settings.ledgers_in_queue
        self._max_size = max(size, self._settings.minimum_queue_size)
        for entry in self._by_fee():
            if entry.tx.last_ledger is not None and entry.tx.last_ledger <= ledger.index:
                self._drop_penalty.add(entry.tx.account)
                self._drop(entry.tx)
        self._retry_penalty &= self._accounts.keys()
        self._drop_penalty &= self._accounts.keys()

    def let_in(self) -> None:
        """Move into the open ledger whoever pays its price (TxQ::accept).

        Those of one account go in order; when one has gone in, the next of its account has its
        turn before those that pay less.
        """
        waiting = self._by_fee()
        at = 0
        while at < len(waiting):
            entry = waiting[at]
            first = self.of(entry.tx.account)[0]
            if not entry.tx.seat.ticket and first.tx.seat < entry.tx.seat:
                at += 1
                continue
            if entry.level < self._required:
                break
            outcome = self._chain.apply_open(entry.tx)
            is_hopeless = is_failure(outcome.result) or is_malformed(outcome.result)
            if outcome.applied or is_hopeless or not entry.tries_left:
                if not outcome.applied:
                    penalty = self._drop_penalty if entry.tries_left else self._retry_penalty
                    penalty.add(entry.tx.account)
                self._drop(entry.tx)
                at = self._after(waiting, at)
            else:
                at = self._try_later(waiting, at)

    def _try_later(self, waiting: list[Queued], at: int) -> int:
        """Leave the entry at ``at`` for another ledger; return who is next.

        Whose account has failed before gets fewer tries, and makes room where little is left.
        """
        entry = waiting[at]
        account = entry.tx.account
        is_last_try = account in self._retry_penalty and entry.tries_left > _FEW_TRIES
        entry.tries_left = 1 if is_last_try else entry.tries_left - 1
        mine = self.of(account)
        if account in self._drop_penalty and len(mine) > 1 and self._is_full(_NEARLY):
            if entry.tx.seat.ticket:
                self._drop(entry.tx)
                return self._after(waiting, at)
            if mine[-1] is not entry:
                self._drop(mine[-1].tx)
                waiting.remove(mine[-1])
        return waiting.index(entry) + 1

    def _after(self, waiting: list[Queued], at: int) -> int:
        """Take out the entry at ``at``; return who is next (TxQ::eraseAndAdvance)."""
        gone = waiting.pop(at)
        following = next((e for e in self.of(gone.tx.account) if e.tx.seat > gone.tx.seat), None)
        if following is None:
            return at
        place = waiting.index(following)
        return min(place, at)

    def apply(self, tx: Transaction, *, fail_hard: bool = False) -> Applied:
        """Apply a transaction to the open ledger, or queue it, or say why not (TxQ::apply)."""
        ground = self._chain.ground
        fault = preflight(tx, ground.rules)
        if fault != SUCCESS:
            return Applied(result=fault, applied=False)
        root = ground.view.read(account_index(tx.account))
        if root is None:
            return Applied(result="terNO_ACCOUNT", applied=False)
        is_next = tx.seat.ticket or tx.seat.number == root["Sequence"]
        if is_next and self._level(tx, ground) >= self._required:
            outcome = self._chain.apply_open(tx, fail_hard=fail_hard)
            if outcome.applied:
                self._drop(tx)
            return outcome
        return self._consider(tx, root, fail_hard=fail_hard)

    def _consider(self, tx: Transaction, root: Entry, *, fail_hard: bool) -> Applied:
        """Queue a transaction that cannot go straight in, or let it pay for those before it."""
        seat = Seat(ticket=False, number=root["Sequence"])
        before = [e for e in self.of(tx.account) if not e.tx.seat < seat]
        replaced = self._accounts.get(tx.account, {}).get(tx.seat)
        entry = Queued(tx=tx, level=self._level(tx, self._chain.ground))
        is_alone = not before or (len(before) == 1 and replaced is not None)
        fault = (
            self._ticket_fault(tx, root)
            or _blocker_fault(entry, before)
            or self._replacement_fault(entry, replaced)
            or ("tefPAST_SEQ" if tx.seat < seat else None)
            or (None if is_alone else self._hold_fault(tx, root, fail_hard=fail_hard))
            or self._seat_fault(tx, root, before, replaced)
        )
        ground: Ground | str = self._chain.ground
        if fault is None and not is_alone:
            ground = self._trial(entry, root, before)
        if isinstance(ground, str):
            fault = ground
        elif fault is None:
            likely = preclaim(tx, ground)
            fault = None if is_applied(likely) else likely
        if fault is not None:
            return Applied(result=fault, applied=False)
        if not is_alone and (cleared := self._clear(entry, before)):
            return cleared
        fault = self._hold_fault(tx, root, fail_hard=fail_hard) if is_alone else None
        if fault is None and replaced is None:
            fault = self._make_room(entry)
        if fault is not None:
            return Applied(result=fault, applied=False)
        self._accounts.setdefault(tx.account, {})[tx.seat] = entry
        return Applied(result="terQUEUED", applied=False)

    def _ticket_fault(self, tx: Transaction, root: Entry) -> str | None:
        """(TxQ::apply.) Only a ticket that is in the ledger lets a transaction wait."""
        if not tx.seat.ticket:
            return None
        if self._chain.ground.view.read(ticket_index(tx.account, tx.seat.number)) is not None:
            return None
        return "tefNO_TICKET" if tx.seat.number < root["Sequence"] else "terPRE_TICKET"

    def _replacement_fault(self, entry: Queued, replaced: Queued | None) -> str | None:
        if replaced is None:
            return None
        # TxQ.cpp:907 asks for more than that much.
        wanted = replaced.level * (100 + self._settings.retry_sequence_percent) // 100
        return None if entry.level > wanted else "telCAN_NOT_QUEUE_FEE"

    def _hold_fault(self, tx: Transaction, root: Entry, *, fail_hard: bool) -> str | None:
        """(TxQ::canBeHeld.) An account that has its ten may still fill a gap between them.

        The ten are TxQ.h:148, the two ledgers that it must have left TxQ.h:155.
        """
        last = tx.last_ledger
        buffer = self._settings.minimum_last_ledger_buffer
        is_short = last is not None and last < self._chain.open_index + buffer
        # Not queued since 3.3.0 (TxQ.cpp:408-410), the release that brought V1_1.
        is_delegated = "Delegate" in tx.fields and self._chain.rules.enabled(
            "PermissionDelegationV1_1"
        )
        is_threaded = not tx.fields.keys().isdisjoint({"AccountTxnID", "PreviousTxnID"})
        if is_threaded or fail_hard or is_short or is_delegated:
            return "telCAN_NOT_QUEUE"
        mine = self._accounts.get(tx.account, {})
        if tx.seat in mine or len(mine) < self._settings.maximum_txn_per_account:
            return None
        following = self._next_seat(tx.account, root)
        fills_gap = tx.seat == following and any(not s.ticket and following < s for s in mine)
        return None if fills_gap else "telCAN_NOT_QUEUE_FULL"

    def _seat_fault(
        self, tx: Transaction, root: Entry, before: list[Queued], replaced: Queued | None
    ) -> str | None:
        if tx.seat.ticket or replaced is not None:
            return None
        goes_first = not before or tx.seat < before[0].tx.seat
        if goes_first:
            return None if tx.seat.number == root["Sequence"] else "terPRE_SEQ"
        is_next = self._next_seat(tx.account, root) == tx.seat
        return None if is_next else "telCAN_NOT_QUEUE"

    def _trial(self, entry: Queued, root: Entry, before: list[Queued]) -> Ground | str:
        """Return the ground as those before leave it at worst, or that they may spend it all.

        (TxQ.cpp:1112; TxQ::apply, multiTxn)
        """
        tx, rules = entry.tx, self._chain.rules
        others = [e for e in before if e.tx.seat != tx.seat]
        if len(others) < len(before) and before[-1].tx.seat != tx.seat:
            others.append(entry)  # replaces one in the middle, whose followers count on it
        fees = sum(e.tx.fee for e in others)
        balance, reserve = drops(root, "Balance"), rules.reserve(0)
        if fees >= balance or (reserve > 10 * rules.base_fee and fees >= reserve):
            return "telCAN_NOT_QUEUE_BALANCE"
        spent = min(max(balance - reserve, 0), sum(e.spends for e in others))
        bumped = dict(root)
        put_drops(bumped, "Balance", balance - fees - spent)
        seat = self._next_seat(tx.account, root) if tx.seat.ticket else tx.seat
        bumped["Sequence"] = seat.number
        view = OpenView(self._chain.ground.view)
        view.merge({account_index(tx.account): bumped})
        return replace(self._chain.ground, view=view)

    def _clear(self, entry: Queued, before: list[Queued]) -> Applied | None:
        """Let a transaction take along all before it, if it pays for them too.

        (TxQ::tryClearAccountQueueUpThruTx)
        """
        ahead = [e for e in before if e.tx.seat < entry.tx.seat]
        required = self._required
        if entry.tx.seat.ticket or before[0].tries_left < TRIES:
            return None
        if entry.level <= required or required <= BASE_LEVEL:
            return None
        paid = entry.level + sum(e.level for e in ahead)
        if paid < self._metrics.series_level(self._size, len(ahead) + 1):
            return None
        tried, outcome = self._chain.apply_open_together([*(e.tx for e in ahead), entry.tx])
        for e in ahead[:tried]:
            e.tries_left -= 1
        if outcome is not None:
            for e in (*ahead, entry):
                self._drop(e.tx)
        return outcome

    def _make_room(self, entry: Queued) -> str | None:
        """Drop the last of the account that pays least, if the queue is full and this pays more.

        (TxQ::apply: endEffectiveFeeLevel)
        """
        if not self._is_full():
            return None
        others = [e for e in self._by_fee() if e.tx.account != entry.tx.account]
        if not others:
            return "telCAN_NOT_QUEUE_FULL"
        theirs = self.of(others[-1].tx.account)
        level = others[-1].level
        if level <= entry.level:
            level = sum(e.level for e in theirs) // len(theirs)
        if entry.level <= level:
            return "telCAN_NOT_QUEUE_FULL"
        self._drop(theirs[-1].tx)
        return None


def _blocker_fault(entry: Queued, before: list[Queued]) -> str | None:
    """(TxQ::apply.) A blocker waits alone; it may only be replaced, or replace the only one."""
    is_alone = not before or (len(before) == 1 and before[0].tx.seat == entry.tx.seat)
    if is_alone:
        return None
    if entry.is_blocker:
        return "telCAN_NOT_QUEUE_BLOCKS"
    is_blocked = len(before) == 1 and before[0].is_blocker
    return "telCAN_NOT_QUEUE_BLOCKED" if is_blocked else None
