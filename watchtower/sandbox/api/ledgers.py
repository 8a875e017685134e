"""``ledger``, ``ledger_closed``, ``ledger_current``, ``ledger_accept``: ledgers, and the next one.

Follows rippled src/xrpld/app/ledger/detail/LedgerToJson.cpp.
"""

from __future__ import annotations

from typing import Any

from watchtower.sandbox.api.refusal import Refusal
from watchtower.sandbox.api.request import Answer, ChosenLedger, Request
from watchtower.sandbox.api.shapes import iso_time, long_time, metadata, transaction_fields
from watchtower.sandbox.ledger import ClosedLedger, LedgerTransaction
from watchtower.sandbox.transaction import Transaction

__all__ = ["ledger", "ledger_accept", "ledger_closed", "ledger_current"]


def ledger_accept(request: Request) -> Answer:
    """Close the open ledger."""
    request.node.accept()
    return {"ledger_current_index": request.node.open_index}


def ledger_closed(request: Request) -> Answer:
    """Name the last closed ledger."""
    closed = request.node.validated
    return {"ledger_hash": closed.hash, "ledger_index": closed.index}


def ledger_current(request: Request) -> Answer:
    """Name the open ledger."""
    return {"ledger_current_index": request.node.open_index}


def ledger(request: Request) -> Answer:
    """Show a ledger's header, and its transactions if asked for."""
    chosen = request.ledger()
    if isinstance(chosen, Refusal):
        return chosen
    return {"ledger": _show(request, chosen), **chosen.naming()}


def _show(request: Request, chosen: ChosenLedger) -> dict[str, Any]:
    closed = chosen.closed
    index: int | str = chosen.index if request.version > 1 else str(chosen.index)
    shown: dict[str, Any] = {"closed": closed is not None, "ledger_index": index}
    if closed is None:
        shown["parent_hash"] = request.node.validated.hash
    else:
        shown |= {
            "account_hash": closed.account_hash,
            "close_flags": 0,
            "close_time": closed.close_time,
            "close_time_human": long_time(closed.close_time),
            "close_time_iso": iso_time(closed.close_time),
            "close_time_resolution": closed.close_time_resolution,
            "ledger_hash": closed.hash,
            "parent_close_time": closed.parent_close_time,
            "parent_hash": closed.parent_hash,
            "total_coins": str(closed.total_coins),
            "transaction_hash": closed.transaction_hash,
        }
    if request.params.get("transactions"):
        shown["transactions"] = _transactions(request, closed)
    return shown


def _transactions(request: Request, closed: ClosedLedger | None) -> list[Any]:
    is_expanded = bool(request.params.get("expand"))
    if closed is None:
        waiting = request.node.open_transactions
        return [_open(tx, request.version) if is_expanded else tx.hash for tx in waiting]
    if is_expanded:
        return [_expanded(closed, record, request.version) for record in closed.transactions]
    return [record.tx.hash for record in closed.transactions]


def _open(tx: Transaction, version: int) -> dict[str, Any]:
    fields = transaction_fields(tx, version)
    if version == 1:
        return {**fields, "hash": tx.hash}
    return {"tx_json": fields, "hash": tx.hash, "validated": False}


def _expanded(closed: ClosedLedger, record: LedgerTransaction, version: int) -> dict[str, Any]:
    meta = metadata(record)
    if version == 1:
        return {**_open(record.tx, version), "metaData": meta}
    return {
        **_open(record.tx, version),
        "close_time_iso": iso_time(closed.close_time),
        "ledger_hash": closed.hash,
        "ledger_index": closed.index,
        "meta": meta,
        "validated": True,
    }
