"""The open ledger's price, and the queue of those who do not pay it."""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.sandbox.chain import Chain

__all__ = ["Price", "QueueSettings", "price"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """Settings of ``[transaction_queue]``, by the names they have there (standalone defaults)."""

    ledgers_in_queue: int = 20
    minimum_queue_size: int = 2000
    minimum_txn_in_ledger: int = 1000
    target_txn_in_ledger: int = 256
    maximum_txn_in_ledger: int | None = None
    maximum_txn_per_account: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What entering the open ledger costs: levels, of which 256 is the base fee (TxQ.h)."""

    ledger_size: int
    queue_size: int
    expected_size: int
    max_queue_size: int
    base_fee: int
    median_level: int = 128_000
    minimum_level: int = 256
    open_ledger_level: int = 256

    def drops(self, level: int) -> int:
        """Return the drops of a level, for a transaction of the base fee."""
        return level * self.base_fee // 256

    @property
    def open_ledger_fee(self) -> int:
        """The least drops that reach the open ledger's level (TxQ.cpp, doRPC)."""
        return self.drops(self.open_ledger_level - 1) + 1


def price(chain: Chain, settings: QueueSettings = QueueSettings()) -> Price:
    """Return the price of the open ledger."""
    return Price(
        ledger_size=len(chain.open_transactions),
        queue_size=0,
        expected_size=settings.minimum_txn_in_ledger,
        max_queue_size=settings.minimum_txn_in_ledger * settings.ledgers_in_queue,
        base_fee=chain.rules.base_fee,
    )
