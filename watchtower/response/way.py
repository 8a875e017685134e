"""The way in which a transaction is signed, as far as its price depends on it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchtower.units import Address, Drops, TxHash

__all__ = ["PLAIN", "Way"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What planning has to know of who will sign.

    Attributes:
        fee_units: how many base fees the transaction costs at least: 1, and one more for each of
            several signers (rippled Transactor.cpp, calculateBaseFee). The price of the open
            ledger and of the queue are multiples of it.
        may_queue: whether servers queue it. A delegated transaction they do not (rippled TxQ.cpp:
            ``telCAN_NOT_QUEUE``), so that it enters the open ledger at its price or not at all.
        fee_payer: whose money the fee is; None for the transaction's own account.
        most: the most drops that who signs signs at once, by settings of its own; None for no
            other cap than ours.
        by: by what right it is signed, for whoever chooses among several, and for the journal.
        renounced: attempts that servers refuse for who signed them, and that would be signed by
            others now, although by the same right.
    """

    fee_units: int = 1
    may_queue: bool = True
    fee_payer: Address | None = None
    most: Drops | None = None
    by: str = ""
    renounced: frozenset[TxHash] = frozenset()

    def payer(self, account: Address) -> Address:
        """Return who pays for a transaction of ``account``."""
        return self.fee_payer or account

    def by_instead_of(self, attempt: TxHash) -> str:
        """Return by what right it is signed; none that has a name if that renounces ``attempt``."""
        return "" if attempt in self.renounced else self.by


PLAIN: Final = Way()
"""One signature, by a key of the account itself."""
