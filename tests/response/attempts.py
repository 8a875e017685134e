"""Attempts and obligations for the tests of planning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from watchtower.judgement.claim import Claim
from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt
from watchtower.response.obligation import Obligation
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
OTHER = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
NOW = RippleTime(800_000_000)


def owed(number: int, drops: int = 1_000_000, left: int | None = 200, **more: Any) -> Obligation:
    """An obligation for channel ``number``, with ``left`` ledgers to its deadline."""
    channel = ChannelId(f"{number:064X}")
    made = Obligation(
        claim=Claim(channel=channel, amount=Drops(drops), public_key="02", signature="30"),
        account=PAYEE,
        target=Drops(drops),
        balance=Drops(0),
        deadline=None if left is None else RippleTime(NOW + 5 * left),
        why="it is closing",
    )
    return replace(made, **more)


def attempt(number: int, seat: int | Seat, **changes: Any) -> Attempt:
    """An attempt under way for channel ``number``, made in the ledger before the newest, 100."""
    seat = Seat(seat) if isinstance(seat, int) else seat
    made = Attempt(
        channel=ChannelId(f"{number:064X}"),
        account=PAYEE,
        seat=seat,
        target=Drops(1_000_000),
        balance_before=Drops(0),
        fee=Drops(10),
        last_ledger=LedgerIndex(107),
        made_in=LedgerIndex(99),
        transaction=TxHash(f"{number:032X}{seat.number:031X}{int(seat.is_ticket)}"),
        blob="00",
    )
    return replace(made, **changes)
