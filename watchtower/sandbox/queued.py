"""A transaction that waits in the queue, and what those behind it must expect of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchtower.sandbox.transaction import Seat, Transaction
from watchtower.sandbox.transactors import TRANSACTORS

__all__ = ["TRIES", "Queued"]

TRIES: Final = 10
"""How often a queued transaction is tried before it is dropped (MaybeTx::retriesAllowed)."""


@dataclass(slots=True, kw_only=True, eq=False)
class Queued:
    """A transaction that waits."""

    tx: Transaction
    level: int
    tries_left: int = TRIES

    @property
    def is_blocker(self) -> bool:
        """Whether those behind it may become invalid by it."""
        return TRANSACTORS[self.tx.kind].is_blocker(self.tx)

    @property
    def spends(self) -> int:
        """The XRP it may move at most, beside its fee, in drops."""
        return TRANSACTORS[self.tx.kind].spends(self.tx)

    @property
    def following(self) -> Seat:
        """The seat after it, as the queue has it.

        Of one that creates tickets that is one too low: the queue takes what the tickets consume
        in place of the sequence, and not beside it (TicketCreate.cpp, makeTxConsequences;
        applySteps.h, followingSeq).
        """
        if self.tx.seat.ticket:
            return self.tx.seat
        step = int(self.tx.fields.get("TicketCount", 1))
        return Seat(ticket=False, number=self.tx.seat.number + step)
