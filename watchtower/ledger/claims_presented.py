"""Claims that transactions present, read from their own fields: a claim proves itself. Pure.

Everything else that a transaction says of itself is a wish, and only its metadata is a fact. But
what a channel's key has signed it has signed, whatever the ledger made of it. So the payer learns
of a claim that asks for less than it allows, and of one that the ledger refused, as far as a
server tells of that: nothing is sent about a transaction that touches no entry of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from watchtower.ledger.events import ChannelChanged, ChannelDeleted, ClaimPresented, Position
from watchtower.ledger.fields import MalformedError, address_in, channel_id_from, drops_in
from watchtower.units import Address, Drops, TxHash

__all__ = ["claim_presented"]

_CLAIM: Final = "PaymentChannelClaim"


def claim_presented(
    fields: Mapping[str, Any],
    channels: Iterable[ChannelChanged | ChannelDeleted],
    accounts: Collection[Address] | None,
    *,
    at: Position,
    transaction: TxHash,
) -> ClaimPresented | None:
    """Return the claim that a transaction presents, or the payment that it makes without one.

    Args:
        fields: the transaction's own.
        channels: what it did to channels of ``accounts``.
        accounts: the guarded ones; None for every account.
        at: its place in history.
        transaction: its hash.

    Returns:
        None where there is none, where the channel pays one of ``accounts`` and comes from
        somebody else, and where the fields are of a form that no claim on XRP has: what cannot be
        a claim of a key of ours is nothing to stop for.
    """
    if fields.get("TransactionType") != _CLAIM or not ("Amount" in fields or "Balance" in fields):
        return None
    try:
        # The signature is over Amount, or over Balance where there is none
        # (rippled PaymentChannelClaim.cpp:86).
        amount = drops_in(fields, "Amount" if "Amount" in fields else "Balance")
        channel = channel_id_from(fields.get("Channel"))
        sender = address_in(fields, "Account")
    except MalformedError:
        return None
    signature = fields.get("Signature", "")
    changed = next((fact for fact in channels if fact.entry.channel == channel), None)
    if changed is None and not signature:
        return None
    # Where no channel was touched, only the sender is named; others' claims are not our affair.
    ours = sender if changed is None else changed.entry.source
    if accounts is not None and ours not in accounts:
        return None
    return ClaimPresented(
        channel=channel,
        sender=sender,
        amount=amount,
        signature=signature.upper() if isinstance(signature, str) else "",
        balance=Drops(0) if changed is None else changed.entry.balance,
        paid=Drops(0) if changed is None else changed.paid,
        at=at,
        transaction=transaction,
    )
