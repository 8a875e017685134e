"""Rotating the key that signs a channel's claims: a plan for the channel that follows it.

The ledger has no transaction that changes a channel's ``PublicKey`` (rippled PayChan.cpp; only
create, fund and claim touch the entry). So a new claim key needs a new channel, and the old one
stays as it is until it has ended: whoever has its key can sign claims on it up to its amount. What
is to be done when is said here; the payer and the payee do it, and the tower none of it by itself.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from watchtower.ledger.events import ChannelEntry
from watchtower.units import Drops, format_drops

__all__ = ["Succession", "Todo", "plan_succession"]


class Todo(NamedTuple):
    """One step: who takes it, and what it is."""

    who: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """How a channel is followed by one with another key.

    ``create`` is the successor's PaymentChannelCreate, without fee, seat and signature.
    """

    create: dict[str, Any]
    steps: tuple[Todo, ...]


def plan_succession(entry: ChannelEntry, new_key: str, best: Drops | None) -> Succession:
    """Return the plan for a channel whose claims ``new_key`` is to sign from now on.

    Args:
        entry: the channel as the ledger has it.
        new_key: upper-case hex, another one than the channel's.
        best: the best claim that is kept for it, None if there is none.
    """
    create: dict[str, Any] = {
        "TransactionType": "PaymentChannelCreate",
        "Account": entry.source,
        "Destination": entry.destination,
        "Amount": str(_left(entry, best)),
        "SettleDelay": entry.settle_delay,
        "PublicKey": new_key,
    }
    if entry.source_tag is not None:
        create["SourceTag"] = entry.source_tag
    if entry.destination_tag is not None:
        create["DestinationTag"] = entry.destination_tag
    return Succession(create=create, steps=tuple(_steps(entry, best)))


def _left(entry: ChannelEntry, best: Drops | None) -> int:
    """Return what the old channel still has to promise, or its whole amount if that is nothing."""
    promised = max(entry.balance, best or 0)
    return entry.amount - promised if promised < entry.amount else entry.amount


def _steps(entry: ChannelEntry, best: Drops | None) -> list[Todo]:
    old = entry.channel
    owed = max(0, min(best or 0, entry.amount) - entry.balance)
    redeem = (
        f"redeem the best claim on {old}: {format_drops(Drops(owed))} of it are unpaid"
        if owed
        else f"redeem nothing on {old}: no claim on it is unpaid, unless a better one comes"
    )
    return [
        Todo("payer", "submit the PaymentChannelCreate below, signed with the account's own key"),
        Todo(
            "payee",
            "wait until a validated ledger has the successor, with the new key in it, and "
            "`watchtower channel list` calls it protectable",
        ),
        Todo(
            "payer",
            f"sign claims on the successor alone; nothing on {old} any more, and do not fund it",
        ),
        Todo(
            "payee",
            f"stop serving on {old} as soon as the first claim on the successor is kept; at once "
            "if its key was stolen: then claims on it are the thief's as well as the payer's",
        ),
        Todo("payee", redeem),
        Todo(
            "payer",
            f"request the close of {old} (tfClose) once its balance is the last claim that was "
            f"signed; at once if its key was stolen. It ends {entry.settle_delay} seconds later, "
            "and what is left goes back",
        ),
        Todo(
            "payer",
            f"destroy the old claim key once {old} has left the ledger; until then it is good for "
            f"up to {format_drops(entry.amount)}",
        ),
    ]
