"""What was signed on a day, and how much of it can be spent. Pure.

Of all transactions with one seat (a sequence, or a ticket) the ledger applies one. So what a day's
signatures can cost is the sum, over the seats, of the highest fee that was signed for each; to sign
an attempt anew with the same seat costs the difference. Whoever has the socket can burn that much
on a day, and no more, in whatever order and however often it asks. It is counted for whoever pays:
the account of the transaction, or its delegate, who pays for all of its accounts together.

The number of signatures is limited, too: each is an entry in the journal, and the disk must not
be filled by transactions that cost one drop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watchtower.units import Address, Drops

__all__ = ["Day", "DayLimits", "Draft", "Seat", "seat_of"]

Seat = tuple[Address, Address, str, int]
"""Who pays, and an account with the sequence or ticket of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLimits:
    """What is signed at one account's cost on one day at most: drops of fees, and signatures."""

    fees: Drops
    signatures: int


@dataclass(slots=True)
class Day:
    """What was signed on one day; ``refusals`` counts what was not."""

    number: int
    fees: dict[Seat, Drops] = field(default_factory=dict)
    spent: dict[Address, int] = field(default_factory=dict)
    signatures: dict[Address, int] = field(default_factory=dict)
    refusals: int = 0

    def signed(self, seat: Seat, fee: Drops) -> None:
        """Take note of a signature."""
        payer = seat[0]
        before = self.fees.get(seat, Drops(0))
        self.fees[seat] = max(before, fee)
        self.spent[payer] = self.spent.get(payer, 0) + max(0, fee - before)
        self.signatures[payer] = self.signatures.get(payer, 0) + 1


class Draft:
    """What is being signed, on top of a day; `commit` it once it is on disk."""

    def __init__(self, day: Day, limits: DayLimits) -> None:
        """Begin with nothing."""
        self._day = day
        self._limits = limits
        self._new = Day(day.number)
        self._signed: list[tuple[Seat, Drops]] = []

    def why_not(self, seat: Seat, fee: Drops) -> str | None:
        """Return why no more may be signed; None if it may."""
        payer = seat[0]
        before = self._new.fees.get(seat, self._day.fees.get(seat, Drops(0)))
        spent = self._day.spent.get(payer, 0) + self._new.spent.get(payer, 0)
        if spent + max(0, fee - before) > self._limits.fees:
            return (
                f"with this one the fees signed today at the cost of {payer} would be above the "
                f"{self._limits.fees} drops of `signer.daily_cap_drops`"
            )
        signatures = self._day.signatures.get(payer, 0) + self._new.signatures.get(payer, 0)
        if signatures >= self._limits.signatures:
            return (
                f"as many transactions were signed today at the cost of {payer} as "
                f"`signer.daily_signatures` allows, {self._limits.signatures}"
            )
        return None

    def signed(self, seat: Seat, fee: Drops) -> None:
        """Take note of a signature."""
        self._new.fees.setdefault(seat, self._day.fees.get(seat, Drops(0)))
        self._new.signed(seat, fee)
        self._signed.append((seat, fee))

    def commit(self) -> None:
        """Have all of it count."""
        for seat, fee in self._signed:
            self._day.signed(seat, fee)
        self._signed = []


def seat_of(transaction: Mapping[str, Any], *, payer: Address | None = None) -> Seat:
    """Return what a transaction, of a form that is signed, uses up; None pays for itself."""
    account = Address(transaction["Account"])
    ticket = transaction.get("TicketSequence", 0)
    if ticket:
        return payer or account, account, "ticket", ticket
    return payer or account, account, "sequence", transaction["Sequence"]
