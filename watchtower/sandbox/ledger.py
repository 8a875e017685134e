"""A closed ledger: its header, and the transactions in it with what they did. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from watchtower.sandbox.hashing import sha512_half
from watchtower.sandbox.transaction import Transaction

__all__ = ["ClosedLedger", "LedgerTransaction", "ledger_hash"]

_HEADER: Final = b"LWR\0"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LedgerTransaction:
    """A transaction in a closed ledger, with its metadata."""

    tx: Transaction
    meta: dict[str, Any]
    accounts: frozenset[str]

    @property
    def index(self) -> int:
        """Its place in the ledger."""
        number: int = self.meta["TransactionIndex"]
        return number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosedLedger:
    """A ledger that nothing changes any more. Times are ledger time, coins are drops."""

    index: int
    hash: str
    parent_hash: str
    account_hash: str
    transaction_hash: str
    close_time: int
    parent_close_time: int
    close_time_resolution: int
    total_coins: int
    transactions: tuple[LedgerTransaction, ...]


def ledger_hash(
    *,
    index: int,
    coins: int,
    parent_hash: str,
    transaction_hash: str,
    account_hash: str,
    parent_close_time: int,
    close_time: int,
    resolution: int,
) -> str:
    """Return a ledger's hash, over the same bytes as the server's (rippled LedgerHeader.cpp).

    The two tree hashes that go in are the sandbox's own digests, so it is no real ledger's hash;
    yet it depends on all that is in the ledger and on everything before.
    """
    header = b"".join(
        (
            _HEADER,
            index.to_bytes(4, "big"),
            coins.to_bytes(8, "big"),
            bytes.fromhex(parent_hash),
            bytes.fromhex(transaction_hash),
            bytes.fromhex(account_hash),
            parent_close_time.to_bytes(4, "big"),
            close_time.to_bytes(4, "big"),
            resolution.to_bytes(1, "big"),
            bytes(1),
        )
    )
    return sha512_half(header).hex().upper()
