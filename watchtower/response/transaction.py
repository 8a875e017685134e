"""The transaction we are for: ``PaymentChannelClaim``, which redeems, or closes for a payer.

A transaction is a plain mapping in the ledger's own field names; xrpl-py's codec turns it into
bytes. What is signed when it is needed carries a last ledger, so that it cannot come back from the
dead; only what a payee signs ahead of need has none. ``NetworkID`` is there where the network
demands it, so that it means nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchtower.judgement.claim import Claim
from watchtower.ledger.events import Seat
from watchtower.response.attempt import NEVER
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

__all__ = [
    "claim_transaction",
    "close_transaction",
    "presigned_transaction",
    "with_common_fields",
]

_TF_CLOSE: Final = 0x00020000
"""Asks for a close (rippled TxFlags.h:125)."""

_LAST_NETWORK_WITHOUT_ID: Final = 1024
"""Networks above it require ``NetworkID`` (else ``telREQUIRES_NETWORK_ID``), the others refuse it
(``telNETWORK_ID_MAKES_TX_NON_CANONICAL``): rippled src/libxrpl/tx/Transactor.cpp, preflight0."""


def claim_transaction(
    *,
    account: Address,
    claim: Claim,
    target: Drops,
    fee: Drops,
    seat: Seat,
    last_ledger: LedgerIndex,
    network_id: int,
) -> dict[str, Any]:
    """Return the unsigned transaction that takes ``claim``'s channel up to ``target`` drops.

    ``target`` may be below the claim: the ledger holds ``Balance`` against the funds, and only
    ``Amount`` against the signature (PaymentChannelClaim.cpp; see docs/ledger-rules.md), so a
    claim above the funds still pays all that there is. No flag is set, above all not ``tfClose``,
    which would hand everything unclaimed back to the payer at once.
    """
    fields = {
        "TransactionType": "PaymentChannelClaim",
        "Account": account,
        "Channel": claim.channel,
        "Amount": str(claim.amount),
        "Balance": str(target),
        "Signature": claim.signature,
        "PublicKey": claim.public_key,
    }
    return with_common_fields(
        fields, fee=fee, seat=seat, last_ledger=last_ledger, network_id=network_id
    )


def presigned_transaction(
    *, account: Address, claim: Claim, target: Drops, fee: Drops, ticket: int, network_id: int
) -> dict[str, Any]:
    """Return the unsigned transaction that redeems ``claim`` whenever it is needed.

    It is on a ticket, since a sequence would hold up whatever the account does before, and names
    no last ledger. It has no other field, and no flag.
    """
    fields = claim_transaction(
        account=account,
        claim=claim,
        target=target,
        fee=fee,
        seat=Seat(ticket, is_ticket=True),
        last_ledger=NEVER,
        network_id=network_id,
    )
    return {name: value for name, value in fields.items() if name != "LastLedgerSequence"}


def close_transaction(
    *,
    account: Address,
    channel: ChannelId,
    fee: Drops,
    seat: Seat,
    last_ledger: LedgerIndex,
    network_id: int,
) -> dict[str, Any]:
    """Return the unsigned transaction by which the source of ``channel`` has it end.

    On a channel that has ended it is the touch that takes it out of the ledger; on any other it
    sets the Expiration a settle delay ahead (PaymentChannelClaim.cpp:122 and 191). It asks for
    no payment and presents no claim: whoever signs it gives nothing to anybody.
    """
    fields = {
        "TransactionType": "PaymentChannelClaim",
        "Account": account,
        "Channel": channel,
        "Flags": _TF_CLOSE,
    }
    return with_common_fields(
        fields, fee=fee, seat=seat, last_ledger=last_ledger, network_id=network_id
    )


def with_common_fields(
    fields: Mapping[str, Any],
    *,
    fee: Drops,
    seat: Seat,
    last_ledger: LedgerIndex,
    network_id: int,
) -> dict[str, Any]:
    """Return ``fields`` with what every transaction carries: fee, seat, last ledger, network."""
    transaction: dict[str, Any] = {
        **fields,
        "Fee": str(fee),
        "LastLedgerSequence": last_ledger,
        "Sequence": 0 if seat.is_ticket else seat.number,
    }
    if seat.is_ticket:
        transaction["TicketSequence"] = seat.number
    if network_id > _LAST_NETWORK_WITHOUT_ID:
        transaction["NetworkID"] = network_id
    return transaction
