"""The open ledger's price, and the queue of those who do not pay it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QueueSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """Settings of ``[transaction_queue]``, by the names they have there (standalone defaults)."""

    ledgers_in_queue: int = 20
    minimum_queue_size: int = 2000
    minimum_txn_in_ledger: int = 1000
    target_txn_in_ledger: int = 256
    maximum_txn_in_ledger: int | None = None
    maximum_txn_per_account: int = 10
