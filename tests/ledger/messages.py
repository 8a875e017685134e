"""Messages of one server about one channel, and what comes of them, for the tests of history."""

from __future__ import annotations

from typing import Any

from watchtower.ledger.decode import decode_transaction
from watchtower.ledger.events import (
    ChannelChanged,
    ChannelDeleted,
    Fact,
    LedgerAccounted,
    SeatUsed,
)
from watchtower.ledger.sequence import Delivery, Sequence
from watchtower.units import Address

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
PAYER = Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK")
KEY = "0295412A345A5AD994E9FDDED304E2576BB55EBF4A7B65F85B2B7FEBCF2A38D8E4"
CHANNEL = "AB" * 32

Message = dict[str, Any]


def closed(index: int, count: int = 1, fork: str = "A") -> Message:
    """Return a ledgerClosed, as recorded."""
    return {
        "type": "ledgerClosed",
        "fee_base": 10,
        "ledger_hash": f"{fork}{index:063}",
        "ledger_index": index,
        "ledger_time": 820_000_000 + index,
        "network_id": 0,
        "reserve_base": 1_000_000,
        "reserve_inc": 200_000,
        "txn_count": count,
        "validated_ledgers": f"2-{index}",
    }


def subscription(index: int) -> Message:
    """Return the result of a subscription."""
    result = closed(index)
    del result["type"], result["txn_count"]
    return result


def transaction(index: int, place: int = 0) -> Message:
    """Return a validated transaction that changes the channel."""
    return {
        "type": "transaction",
        "validated": True,
        "hash": f"{index:032}{place:032}",
        "ledger_index": index,
        "tx_json": {"Account": PAYER, "Sequence": index * 100 + place},
        "meta": {
            "TransactionIndex": place,
            "TransactionResult": "tesSUCCESS",
            "AffectedNodes": [
                {
                    "ModifiedNode": {
                        "LedgerEntryType": "PayChannel",
                        "LedgerIndex": CHANNEL,
                        "FinalFields": {
                            "Account": PAYER,
                            "Destination": PAYEE,
                            "Amount": "1000000",
                            "Balance": str(index * 100 + place),
                            "PublicKey": KEY,
                            "SettleDelay": 60,
                        },
                    }
                }
            ],
        },
    }


def facts_of(*messages: Message) -> list[Fact]:
    """Return the payee's facts in messages."""
    return [fact for message in messages for fact in decode_transaction(message, [PAYEE])]


def play(sequence: Sequence, server: str, *messages: Message) -> list[Delivery]:
    """Feed messages of one server."""
    return [out for message in messages for out in sequence.received(server, message)]


def accounted(deliveries: list[Delivery]) -> list[int]:
    """Return how far the cursor was moved."""
    return [d.ledger_index for d in deliveries if isinstance(d, LedgerAccounted)]


def told(deliveries: list[Delivery]) -> list[Fact]:
    """Return the facts among deliveries."""
    kinds = (ChannelChanged, ChannelDeleted, SeatUsed)
    return [d for d in deliveries if isinstance(d, kinds)]
