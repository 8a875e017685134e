"""A closed ledger: its header, and the transactions in it with what they did. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from watchtower.sandbox.hashing import sha512_half
from watchtower.sandbox.metadata import affected_accounts
from watchtower.sandbox.transaction import Transaction

__all__ = ["ClosedLedger", "LedgerTransaction", "ledger_hash"]

_HEADER: Final = b"LWR\0"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LedgerTransaction:
    """A transaction in a closed ledger, with what it did.

    ``accounts`` are those it affected, in order; ``index`` is its place in the ledger. Metadata is
    kept as bytes, since it is most of what a transaction leaves behind and seldom read.
    """

    tx: Transaction
    index: int
    accounts: tuple[str, ...]
    packed: bytes = field(repr=False)

    @classmethod
    def of(cls, tx: Transaction, meta: dict[str, Any]) -> LedgerTransaction:
        """Return a transaction with its metadata."""
        return cls(
            tx=tx,
            index=meta["TransactionIndex"],
            accounts=tuple(sorted(affected_accounts(meta))),
            packed=msgspec.json.encode(meta),
        )

    @property
    def meta(self) -> dict[str, Any]:
        """The metadata, a copy for whoever asks."""
        meta: dict[str, Any] = msgspec.json.decode(self.packed)
        return meta


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
