"""Fee levels: how full ledgers are, and what that makes the open one cost.

A level says how many times the base fee a transaction pays, in units of 1/256, so that transactions
of different base fees compare (rippled src/xrpld/app/misc/TxQ.h, detail/TxQ.cpp, FeeMetrics).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["BASE_LEVEL", "FeeMetrics", "Price", "QueueSettings", "level_paid"]

BASE_LEVEL: Final = 256
"""The level of a transaction that pays its base fee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """Settings of ``[transaction_queue]``, by the names they have there.

    The defaults are those of a standalone server; ``minimum_txn_in_ledger`` is there
    ``minimum_txn_in_ledger_standalone``.
    """

    ledgers_in_queue: int = 20
    minimum_queue_size: int = 2000
    retry_sequence_percent: int = 25
    minimum_escalation_multiplier: int = 128_000
    minimum_txn_in_ledger: int = 1000
    target_txn_in_ledger: int = 256
    maximum_txn_in_ledger: int | None = None
    normal_consensus_increase_percent: int = 20
    maximum_txn_per_account: int = 10
    minimum_last_ledger_buffer: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What entering the open ledger costs; ``max_queue_size`` is None until a ledger has closed."""

    ledger_size: int
    queue_size: int
    expected_size: int
    max_queue_size: int | None
    base_fee: int
    median_level: int
    minimum_level: int
    open_ledger_level: int

    def drops(self, level: int) -> int:
        """Return the drops of a level, for a transaction of the base fee."""
        return level * self.base_fee // BASE_LEVEL

    @property
    def open_ledger_fee(self) -> int:
        """The least drops that reach the open ledger's level (TxQ.cpp, doRPC)."""
        fee = self.drops(self.open_ledger_level)
        return fee + (level_paid(fee, self.base_fee, self.base_fee) < self.open_ledger_level)


def level_paid(fee: int, base_fee: int, usual_base_fee: int) -> int:
    """Return the level of a fee (TxQ.cpp, getFeeLevelPaid).

    A transaction that may be free counts as paying the usual base fee on top.
    """
    free = 0 if base_fee > 0 else usual_base_fee or 1
    return (fee + free) * BASE_LEVEL // (base_fee + free)


class FeeMetrics:
    """How many transactions a ledger is expected to hold, and how steeply more of them pay."""

    def __init__(self, settings: QueueSettings) -> None:
        self._settings = settings
        self._target = max(settings.target_txn_in_ledger, settings.minimum_txn_in_ledger)
        self._recent: deque[int] = deque(maxlen=settings.ledgers_in_queue)
        self.expected = settings.minimum_txn_in_ledger
        self.multiplier = settings.minimum_escalation_multiplier

    def update(self, levels: Sequence[int]) -> None:
        """Learn from the levels that were paid in a closed ledger (FeeMetrics::update).

        The expectation grows at once and shrinks slowly; the multiplier is the median.
        """
        size = len(levels)
        if size > self.expected or size > self._target:
            percent = 100 + self._settings.normal_consensus_increase_percent
            self._recent.append(size * percent // 100)
            most = max(self._recent)
            following = most if most >= self.expected else (self.expected * 9 + most) // 10
            limit = self._settings.maximum_txn_in_ledger
            if limit is not None:
                following = min(following, max(limit, self._target))
            self.expected = following
        median = 0
        if size:
            ordered = sorted(levels)
            median = (ordered[size // 2] + ordered[(size - 1) // 2] + 1) // 2
        self.multiplier = max(median, self._settings.minimum_escalation_multiplier)

    def required_level(self, size: int) -> int:
        """Return the level that enters an open ledger of ``size`` (TxQ.cpp:181-200)."""
        if size <= self.expected:
            return BASE_LEVEL
        return self.multiplier * size * size // (self.expected * self.expected)

    def series_level(self, size: int, count: int) -> int:
        """Return the sum of levels that ``count`` more must pay (escalatedSeriesFeeLevel)."""
        last = size + count - 1
        squares = _sum_of_squares(last) - _sum_of_squares(size - 1)
        return self.multiplier * squares // (self.expected * self.expected)


def _sum_of_squares(n: int) -> int:
    return n * (n + 1) * (2 * n + 1) // 6
