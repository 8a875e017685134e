"""Transactions and ledgers in the shapes of API versions 1 and 2. Pure.

Version 1 puts ``hash``, ``date`` and the rest among the transaction's own fields, version 2 beside
them; and a payment's ``Amount`` is called ``DeliverMax`` from version 2 on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from watchtower.sandbox.ledger import ClosedLedger, LedgerTransaction
from watchtower.sandbox.results import result_number, result_sentence
from watchtower.sandbox.transaction import Transaction

__all__ = [
    "ctid",
    "engine_result",
    "iso_time",
    "long_time",
    "metadata",
    "stored_transaction",
    "transaction_fields",
]

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"


def iso_time(close_time: int) -> str:
    """Return ledger time as ``2026-01-01T00:00:01Z``."""
    return (_EPOCH + timedelta(seconds=close_time)).strftime("%Y-%m-%dT%H:%M:%SZ")


def long_time(close_time: int) -> str:
    """Return ledger time as ``2026-Jan-01 00:00:01.000000000 UTC``, in English everywhere."""
    time = _EPOCH + timedelta(seconds=close_time)
    month = _MONTHS[3 * time.month - 3 : 3 * time.month]
    return f"{time.year}-{month}-{time:%d %H:%M:%S}.000000000 UTC"


def ctid(ledger_index: int, place: int, network_id: int) -> str:
    """Return a concise transaction identifier (XLS-37)."""
    return f"{0xC0000000 + ledger_index:08X}{place:04X}{network_id:04X}"


def engine_result(result: str) -> dict[str, Any]:
    """Return the three members that tell a transaction's result."""
    return {
        "engine_result": result,
        "engine_result_code": result_number(result),
        "engine_result_message": result_sentence(result),
    }


def transaction_fields(tx: Transaction, version: int) -> dict[str, Any]:
    """Return a copy of a transaction's fields; of a payment, with ``DeliverMax``.

    (rippled src/xrpld/app/misc/detail/DeliverMax.cpp)
    """
    fields = dict(tx.fields)
    if tx.kind == "Payment" and "Amount" in fields:
        fields["DeliverMax"] = fields["Amount"]
        if version > 1:
            del fields["Amount"]
    return fields


def metadata(record: LedgerTransaction) -> dict[str, Any]:
    """Return a validated transaction's metadata; of a payment, with what it delivered.

    (rippled src/xrpld/rpc/detail/DeliveredAmount.cpp)
    """
    meta = record.meta
    if record.tx.kind == "Payment" and meta["TransactionResult"] == "tesSUCCESS":
        return {**meta, "delivered_amount": record.tx.fields["Amount"]}
    return meta


def stored_transaction(
    ledger: ClosedLedger, record: LedgerTransaction, version: int, network_id: int
) -> dict[str, Any]:
    """Return the fields of a transaction found in a ledger, with where it was found.

    (rippled src/xrpld/app/misc/detail/Transaction.cpp, getJson)
    """
    fields = transaction_fields(record.tx, version)
    if version == 1:
        fields["hash"] = record.tx.hash
        fields["inLedger"] = ledger.index
    fields["ledger_index"] = ledger.index
    fields["date"] = ledger.close_time
    fields["ctid"] = ctid(ledger.index, record.index, network_id)
    return fields
