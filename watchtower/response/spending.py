"""What each account's attempts have cost on the present day of ledger time. Pure.

Only what was validated counts: a transaction that no ledger took has cost nothing. The days are
those of ledger time, which is UTC, so that a restart or a clock set wrong changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from watchtower.units import Address, Drops, RippleTime

__all__ = ["DaySpent", "Spending"]

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpent:
    """Drops that an account spent on fees on one day, counted from the ledger's epoch."""

    day: int
    drops: Drops


class Spending:
    """The fees that were paid, by account, for the last day on which any was."""

    def __init__(self, spent: Mapping[Address, DaySpent] | None = None) -> None:
        """Begin with what is remembered."""
        self._spent = dict(spent or {})

    def pay(self, account: Address, fee: Drops, now: RippleTime) -> DaySpent:
        """Take note of a fee that was paid; return the account's day so far."""
        paid = DaySpent(day=now // _DAY, drops=Drops(self.on(account, now) + fee))
        self._spent[account] = paid
        return paid

    def on(self, account: Address, now: RippleTime) -> Drops:
        """Return what ``account`` has spent on the day of ``now``."""
        spent = self._spent.get(account)
        return Drops(0) if spent is None or spent.day != now // _DAY else spent.drops
