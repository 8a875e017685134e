"""An attempt: one signed transaction on its way, and its outcome.

Most attempts pay one channel's claim; one obligation (pay the best claim of a channel) may need
many of them. Others keep up what paying needs, such as tickets, or close a channel for its payer.
An attempt is known by its account and seat; it is on disk before the first byte of it leaves, and
stays there, without an outcome, until the ledger has proven one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from watchtower.ledger.events import Seat
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

__all__ = ["NEVER", "Attempt", "Outcome", "OutcomeKind", "Purpose"]

NEVER: Final = LedgerIndex(2**32 - 1)
"""The last ledger of a transaction that names none: no ledger comes after it."""


class Purpose(StrEnum):
    """What an attempt is for. Values are stored: never rename or reuse one."""

    REDEEM = "redeem"  # to bring a channel's balance up to its target
    MAKE_TICKETS = "make_tickets"  # to have tickets ready for redeeming
    FINALISE = "finalise"  # to take an ended channel out of the ledger, and what is left home
    REQUEST_CLOSE = "request_close"  # to have a channel end after its settle delay

    @property
    def closes(self) -> bool:
        """Whether it is a payer's, to have a channel end."""
        return self in {Purpose.FINALISE, Purpose.REQUEST_CLOSE}


class OutcomeKind(StrEnum):
    """What became of an attempt. Values are stored: never rename or reuse one."""

    PAID = "paid"  # the channel's balance rose to the attempt's target by this transaction
    CLOSED_UNPAID = "closed_unpaid"  # it applied too late: the channel closed, nothing was paid
    ALREADY_PAID = "already_paid"  # the balance had reached the target without it
    SUPERSEDED = "superseded"  # another transaction took its seat
    REFUSED = "refused"  # it was validated with a tec, or its last ledger passed without it
    DONE = "done"  # it succeeded at what it was for, where that is not to redeem
    UNKNOWN = "unknown"  # the ledger cannot tell any more; the obligation stays alive


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The proven end of an attempt.

    Attributes:
        kind: what became of it.
        paid: drops that the channel paid by it.
        why: a part of a sentence.
        ledger_index: the ledger that proves it.
        fee: drops that it cost: its fee if it was validated, with whatever result.
    """

    kind: OutcomeKind
    paid: Drops
    why: str
    ledger_index: LedgerIndex
    fee: Drops = Drops(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One signed transaction.

    ``channel`` is None for one that is not about a channel. ``target`` is the channel balance it
    asks for, ``balance_before`` the one it was planned on, ``blob`` the signed transaction in
    upper-case hex, ``made_in`` the validated ledger in which it was planned. After
    ``last_ledger`` it can never apply; one that was signed ahead of need has `NEVER`, and lives
    until its ticket is gone. ``fee_units``, ``fee_payer`` and ``by`` are those of the way in which
    it was signed (`Way`).
    """

    channel: ChannelId | None
    account: Address
    seat: Seat
    target: Drops
    balance_before: Drops
    fee: Drops
    last_ledger: LedgerIndex
    made_in: LedgerIndex
    transaction: TxHash
    blob: str
    outcome: Outcome | None = None
    purpose: Purpose = Purpose.REDEEM
    fee_units: int = 1
    fee_payer: Address | None = None
    by: str = ""

    @property
    def payer(self) -> Address:
        """Whose money the fee is."""
        return self.fee_payer or self.account

    @property
    def never_lapses(self) -> bool:
        """Whether it may apply in any ledger, as long as its seat is there."""
        return self.last_ledger == NEVER
