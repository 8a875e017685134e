"""What the open ledger costs: now, and for each further transaction that enters it. Pure.

The curve is the server's own (rippled 3.1.1 src/xrpld/app/misc/detail/TxQ.cpp:181-200,
scaleFeeLevel): transactions enter at the base fee until the open ledger holds as many as are
expected, and from there on the price grows with the square of how many there are. Knowing the
curve, a thousand claims can be priced from one answer to ``fee``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol

from watchtower.units import Drops

__all__ = ["Fees", "Market"]

_BASE_LEVEL: Final = 256
"""The fee level of a transaction that pays the base fee (TxQ.h, baseLevel)."""

_HEADROOM: Final = 10
"""The open ledger fills while we sign: a price that is told is paid with a tenth on top."""

_STRANGERS: Final = 1
"""Transactions of others that may come between ours, where the curve is known."""

_LEAST_EXPECTED: Final = 32
_LEAST_MEDIAN: Final = 128_000
"""What servers begin with (TxQ.h, minimumTxnInLedger and minimumEscalationMultiplier)."""


class Fees(Protocol):
    """What servers tell of the price of transactions; None where they do not."""

    @property
    def base_fee(self) -> Drops:
        """The least drops that any transaction pays."""
        ...

    @property
    def open_ledger_fee(self) -> Drops:
        """The drops that enter the open ledger at once."""
        ...

    @property
    def minimum_fee(self) -> Drops | None:
        """The least drops that are queued."""
        ...

    @property
    def current_ledger_size(self) -> int | None:
        """How many transactions the open ledger holds."""
        ...

    @property
    def expected_ledger_size(self) -> int | None:
        """How many it holds before prices rise."""
        ...

    @property
    def median_level(self) -> int | None:
        """The fee level that prices rise from, in 1/256 of the base fee."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One moment's prices.

    Where a server does not tell a number, the default is what every server begins with.

    Attributes:
        base: drops that every transaction pays at least.
        open_ledger: drops with which the next transaction enters the open ledger at once.
        queue: drops that it pays at least to be queued.
        size: how many transactions the open ledger holds.
        expected: how many it holds before prices rise.
        median_level: the fee level that prices rise from, in 1/256 of the base fee.
    """

    base: Drops
    open_ledger: Drops
    queue: Drops = Drops(0)
    size: int = 0
    expected: int = _LEAST_EXPECTED
    median_level: int = _LEAST_MEDIAN

    @classmethod
    def of(cls, fees: Fees) -> Market:
        """Return the market that servers tell of."""
        return cls(
            base=fees.base_fee,
            open_ledger=fees.open_ledger_fee,
            queue=fees.minimum_fee or fees.base_fee,
            size=fees.current_ledger_size or 0,
            expected=fees.expected_ledger_size or _LEAST_EXPECTED,
            median_level=fees.median_level or _LEAST_MEDIAN,
        )

    @property
    def is_escalated(self) -> bool:
        """Whether the next transaction already pays more than the base fee."""
        return self.open_ledger > self.base

    @property
    def to_queue(self) -> Drops:
        """Drops with which a transaction is queued, if there is room for it at all."""
        return max(self.base, self.queue)

    def price(self, before: int = 0) -> Drops:
        """Return the drops that enter the open ledger once ``before`` more have entered it.

        Above the base fee there is room for a stranger in it, or, where servers ask for another
        price than the curve that they tell of, a tenth.
        """
        curve = self._on_the_curve(before)
        if self._on_the_curve(0) >= self.open_ledger:
            return curve if curve == self.base else self._on_the_curve(before + _STRANGERS)
        fee = max(self.base, self.open_ledger, curve)
        return fee if fee == self.base else Drops(fee + -(-fee // _HEADROOM))

    def times(self, units: int) -> Market:
        """Return the prices of a transaction that costs ``units`` base fees.

        Servers compare levels: what is paid, in parts of the transaction's own base fee (rippled
        TxQ.cpp, getFeeLevelPaid). So every price is as many times as high, and the curve with it.
        """
        if units == 1:
            return self
        return replace(
            self,
            base=Drops(self.base * units),
            open_ledger=Drops(self.open_ledger * units),
            queue=Drops(self.queue * units),
        )

    def emptied(self) -> Market:
        """Return the prices of a ledger that nobody is in yet."""
        return replace(self, size=0, open_ledger=self.base)

    def _on_the_curve(self, before: int) -> Drops:
        size, expected = self.size + before, max(1, self.expected)
        if size <= expected:
            return self.base
        level = self.median_level * size * size // (expected * expected)
        return Drops(-(-level * self.base // _BASE_LEVEL))
