"""How a set of transactions becomes a ledger: canonical order, passes, metadata.

Follows rippled 3.1.1 src/xrpld/app/misc/CanonicalTXSet.cpp and
src/xrpld/app/ledger/detail/BuildLedger.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from watchtower.sandbox.engine import Ground, apply
from watchtower.sandbox.hashing import account_bytes, transaction_set_hash
from watchtower.sandbox.results import is_failure, is_local, is_malformed
from watchtower.sandbox.transaction import Seat, Transaction

__all__ = ["apply_set", "canonical_order"]

_PASSES: Final = 3
_RETRY_PASSES: Final = 1


def canonical_order(transactions: Iterable[Transaction], salt: bytes) -> list[Transaction]:
    """Return the transactions by salted account, then seat, then hash (CanonicalTXSet.cpp:15-79).

    The salt is the hash of the whole set, so nobody can choose to stand first.
    """
    padded = int.from_bytes(salt.ljust(32, b"\0"), "big")

    def key(tx: Transaction) -> tuple[int, Seat, str]:
        account = int.from_bytes(account_bytes(tx.account).ljust(32, b"\0"), "big")
        return account ^ padded, tx.seat, tx.hash

    return sorted(transactions, key=key)


def apply_set(
    transactions: list[Transaction], ground: Ground
) -> tuple[list[tuple[Transaction, dict[str, Any]]], list[Transaction]]:
    """Apply a set to a closing ledger (BuildLedger.cpp, applyTransactions).

    A transaction that may succeed after another one is tried again, up to three times over, and a
    ``tec`` is taken only once nothing else changes.

    Returns:
        What was applied, with metadata and in order; and what may be tried in the next ledger.
    """
    salt = transaction_set_hash([tx.hash for tx in transactions])
    waiting = canonical_order(transactions, salt)
    done: list[tuple[Transaction, dict[str, Any]]] = []
    retry = True
    for number in range(_PASSES):
        again: list[Transaction] = []
        changes = len(done)
        for tx in waiting:
            outcome = apply(tx, ground, retry=retry)
            if outcome.applied and outcome.meta is not None:
                done.append((tx, outcome.meta))
            elif not _is_final(outcome.result):
                again.append(tx)
        waiting = again
        changed = len(done) > changes
        if not changed and not retry:
            break
        if not changed or number >= _RETRY_PASSES:
            retry = False
    return done, waiting


def _is_final(result: str) -> bool:
    return is_failure(result) or is_malformed(result) or is_local(result)
