"""What a payee signed ahead of need: one claim on one ticket, at several fees. Pure.

The payee's own machine signs it (``keys/presigning.py``), the tower holds it and can only submit
it. Whoever steals it can redeem for the payee, or waste its ticket; nothing else was signed.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.judgement.claim import Claim
from watchtower.ledger.events import Seat
from watchtower.units import Address, ChannelId, Drops, TxHash

__all__ = ["Level", "Presigned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One signed transaction at one fee; ``blob`` is its bytes in upper-case hexadecimal."""

    fee: Drops
    transaction: TxHash
    blob: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Presigned:
    """A claim of ``account``, signed ahead for one of its tickets.

    ``target`` is the channel balance that it asks for, ``signing_key`` the public key that signed
    (upper-case hexadecimal), ``levels`` the transactions, the cheapest first. They are all on one
    ticket, so that one of them can apply at most.
    """

    account: Address
    claim: Claim
    target: Drops
    ticket: int
    signing_key: str
    levels: tuple[Level, ...]

    @property
    def channel(self) -> ChannelId:
        """The channel that it redeems."""
        return self.claim.channel

    @property
    def seat(self) -> Seat:
        """The ticket as a seat."""
        return Seat(self.ticket, is_ticket=True)

    @property
    def worth(self) -> tuple[Drops, Drops, Drops]:
        """What makes one better than another on the same ticket: its target, claim, highest fee."""
        return self.target, self.claim.amount, self.levels[-1].fee
