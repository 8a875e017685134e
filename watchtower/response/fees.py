"""What an attempt may cost: a budget by what is at stake, spent in steps as the slack falls.

Pure. The rules:

- The budget is a share of what is at stake, under an absolute cap. What costs as much as it wins
  is dust, and is left until it becomes worth its fee.
- An attempt begins at what entering the ledger costs at that moment.
- One ledger before the deadline, and after it, an attempt that is not in pays its whole budget;
  every ledger earlier, four fifths of that. So the steps upwards are just those that a replacement
  on the same seat needs, and on one seat a fee never falls.
- As long as there is time, nobody pays for haste more than a small share of what is at stake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchtower.units import Drops, RippleTime

__all__ = ["LEDGER_SECONDS", "FeePolicy", "ledgers_left", "replacement_fee"]

_MILLION: Final = 1_000_000

LEDGER_SECONDS: Final = 5
"""Seconds of ledger time that a ledger is counted as: they usually take three to four, and to
count too few ledgers errs on the safe side."""

_LEVEL: Final = 256
"""The fee level of the base fee (rippled TxQ.h, baseLevel)."""

_BASE: Final = Drops(10)
"""The base fee of every public network."""


def ledgers_left(deadline: RippleTime | None, now: RippleTime) -> int | None:
    """Return how many ledgers will surely close before ``deadline``; None without one."""
    return None if deadline is None else max(0, deadline - now) // LEDGER_SECONDS


def replacement_fee(fee: Drops, base: Drops = _BASE) -> Drops:
    """Return the least fee that surely replaces a transaction that paid ``fee`` on its own seat.

    Its level must be *above* 1.25 times the other's, else ``telCAN_NOT_QUEUE_FEE`` (rippled
    TxQ.cpp:907). Levels are whole numbers: 256 for the ``base`` fee that such a transaction costs
    at least, which is a multiple where several sign, so that one drop more may be no higher level.
    """
    level = -(-fee * _LEVEL // base)
    above = level + level * 25 // 100 + 1
    return Drops(-(-above * base // _LEVEL))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePolicy:
    """How much the operator lets redeeming cost.

    Attributes:
        share_ppm: the largest part of what is at stake that an attempt may cost, in millionths.
        haste_ppm: the part of it that an attempt may cost while it could as well wait.
        cap: the most drops that one attempt may cost, whatever is at stake.
        daily_cap: the most drops that one account's attempts may cost on one day of ledger time.
    """

    share_ppm: int
    haste_ppm: int
    cap: Drops
    daily_cap: Drops

    def budget(self, at_stake: Drops) -> Drops:
        """Return the most that an attempt to win ``at_stake`` drops may cost."""
        return Drops(min(self.cap, at_stake * self.share_ppm // _MILLION))

    def haste(self, at_stake: Drops) -> Drops:
        """Return what going now is worth where waiting is possible too."""
        return Drops(min(self.budget(at_stake), at_stake * self.haste_ppm // _MILLION))

    def ramp(self, budget: Drops, left: int | None) -> Drops:
        """Return what an attempt may cost with ``left`` ledgers to its deadline.

        Without a deadline nothing drives the fee up, and the ramp is at its foot.
        """
        # Four steps take more than half of it away, so that this far ahead nothing is left.
        if left is None or left > 4 * budget.bit_length() + 1:
            return Drops(0)
        fee = budget
        for _ in range(left - 1):
            fee = Drops(fee * 4 // 5)
            if not fee:
                break
        return fee
