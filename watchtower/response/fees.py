"""What an attempt may cost.

Today's rule is short: pay what the open ledger asks, a little more because it moves within the
ledger, never above the cap, and never as much as there is to win. It stands alone here so that a
strategy (budgets by stake and slack) can take its place without touching the planner.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.units import Drops

__all__ = ["FeeOffer", "fee_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeOffer:
    """What the servers ask now: the base fee, and what enters the open ledger at once; drops."""

    base: Drops
    open_ledger: Drops


def fee_for(
    offer: FeeOffer, *, at_stake: Drops, cap: Drops, replaced: Drops | None = None
) -> Drops | None:
    """Return the fee of the next attempt, or None when it is not worth its fee.

    A fifth is added to what the open ledger asks once that is above the base fee, because the
    cost rises within the ledger (rippled TxQ.cpp:181-200). An attempt that replaces another on
    the same seat must pay more than 1.25 times as much (TxQ.cpp:907,
    ``telCAN_NOT_QUEUE_FEE``).
    """
    asked = offer.base if offer.open_ledger <= offer.base else -(-offer.open_ledger * 6 // 5)
    if replaced is not None:
        asked = max(asked, replaced * 5 // 4 + 1)
    fee = Drops(min(max(asked, offer.base), cap))
    if fee >= at_stake or (replaced is not None and fee * 4 <= replaced * 5):
        return None
    return fee
