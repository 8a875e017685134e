"""``tx`` and ``account_tx``: what happened.

Follows rippled src/xrpld/rpc/handlers/Tx.cpp and AccountTx.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchtower.sandbox.api.refusal import Refusal, invalid_field, refuse
from watchtower.sandbox.api.request import Answer, Request, read_account
from watchtower.sandbox.api.shapes import (
    ctid,
    iso_time,
    metadata,
    stored_transaction,
    transaction_fields,
)
from watchtower.sandbox.codec import encode
from watchtower.sandbox.ledger import ClosedLedger, LedgerTransaction

__all__ = ["account_tx", "tx"]

_HASH: Final = re.compile(r"[0-9A-Fa-f]{64}\Z")
_CTID: Final = re.compile(r"C([0-9A-Fa-f]{7})([0-9A-Fa-f]{4})([0-9A-Fa-f]{4})\Z")
_PAGE: Final = 200
"""Most transactions a page (rippled src/xrpld/app/rdb/backend/detail/SQLiteDatabase.cpp)."""
_LONGEST_SEARCH: Final = 1000
_WRONG_NETWORK: Final = (
    "Wrong network. You should submit this request to a node running on NetworkID: "
)
_NO_MAXIMUM: Final = 2**32 - 1


def tx(request: Request) -> Answer:
    """Show a transaction by hash or concise id, validated or not."""
    if "transaction" in request.params and "ctid" in request.params:
        return refuse("invalidParams")
    searched = _search(request)
    if isinstance(searched, Refusal):
        return searched
    found = _find(request)
    if isinstance(found, Refusal):
        return found
    if found is not None:
        return _validated(request, *found)
    pending = request.node.pending(str(request.params["transaction"]))
    if pending is None:
        beside = {} if searched is None else {"searched_all": searched}
        return Refusal(fields={**refuse("txnNotFound").fields, **beside})
    fields = transaction_fields(pending, request.version)
    if request.version == 1:
        return {**fields, "hash": pending.hash, "validated": False}
    return {"tx_json": fields, "hash": pending.hash, "validated": False}


def _search(request: Request) -> bool | Refusal | None:
    """Return whether all of the range of ledgers would be searched; None if there is no range.

    The server counts the ledgers it has *transactions* of, so one without any counts as missing
    (rippled Tx.cpp, doTxHelp; src/xrpld/app/rdb/backend/detail/Node.cpp, getTransaction).
    """
    bounds = [request.params.get(name) for name in ("min_ledger", "max_ledger")]
    if None in bounds:
        return None
    match bounds:
        case [int() as first, int() as last] if 0 <= first <= last:
            if last - first > _LONGEST_SEARCH:
                return refuse("excessiveLgrRange")
            return request.node.holds_transactions(first, last)
        case _:
            return refuse("invalidLgrRange")


def _find(request: Request) -> tuple[ClosedLedger, LedgerTransaction] | Refusal | None:
    node = request.node
    if "ctid" in request.params:
        place = _CTID.match(str(request.params["ctid"]))
        if place is None:
            return refuse("invalidParams")
        if int(place[3], 16) != node.network_id:
            return refuse("wrongNetwork", _WRONG_NETWORK + str(int(place[3], 16)))
        ledger = node.ledger(int(place[1], 16))
        number = int(place[2], 16)
        if ledger is None or number >= len(ledger.transactions):
            return refuse("txnNotFound")
        return ledger, ledger.transactions[number]
    wanted = request.params.get("transaction")
    if wanted is None:
        return refuse("invalidParams")
    if not isinstance(wanted, str) or not _HASH.match(wanted):
        return refuse("notImpl")
    return node.transaction(wanted)


def _validated(request: Request, ledger: ClosedLedger, record: LedgerTransaction) -> Answer:
    network = request.node.network_id
    is_binary = bool(request.params.get("binary"))
    fields = stored_transaction(ledger, record, request.version, network)
    beside: dict[str, Any] = {
        "ctid": ctid(ledger.index, record.index, network),
        "validated": True,
        **_meta(record, request.version, is_binary=is_binary),
    }
    if request.version == 1:
        shown = {"tx": record.tx.blob, "hash": record.tx.hash} if is_binary else fields
        return {**shown, **beside}
    blob = {"tx_blob": record.tx.blob} if is_binary else {"tx_json": fields}
    return {
        **blob,
        **beside,
        "close_time_iso": iso_time(ledger.close_time),
        "hash": record.tx.hash,
        "ledger_hash": ledger.hash,
        "ledger_index": ledger.index,
    }


def _meta(record: LedgerTransaction, version: int, *, is_binary: bool) -> dict[str, Any]:
    if is_binary:
        return {"meta" if version == 1 else "meta_blob": encode(record.meta)}
    return {"meta": metadata(record)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    first: int
    last: int


def account_tx(request: Request) -> Answer:
    """List what affected an account, from the newest or, with ``forward``, from the oldest."""
    account = read_account(request)
    if isinstance(account, Refusal):
        return account
    for flag in ("binary", "forward"):
        if request.version > 1 and not isinstance(request.params.get(flag, False), bool):
            return invalid_field(flag)
    span = _span(request)
    if isinstance(span, Refusal):
        return span
    marker = _marker(request)
    if isinstance(marker, Refusal):
        return marker
    limit = request.params.get("limit", 0)
    if not isinstance(limit, int) or limit < 0:
        return invalid_field("limit", "unsigned integer")
    rows, following = _page(request, account, span, marker, limit)
    paging = {"marker": following} if following else {}
    return {
        "account": account,
        "ledger_index_max": span.last,
        "ledger_index_min": span.first,
        "limit": limit,
        "transactions": rows,
        "validated": True,
        **paging,
    }


def _page(
    request: Request, account: str, span: _Range, marker: tuple[int, int] | None, limit: int
) -> tuple[list[dict[str, Any]], dict[str, int] | None]:
    """Return a page of transactions, and the place of the first one that is not on it."""
    forward = bool(request.params.get("forward", False))
    size = min(limit or _PAGE, _PAGE)
    rows: list[dict[str, Any]] = []
    first, last = (span.first, 0), (span.last + 1, -1)
    if marker is not None:
        first, last = (max(first, marker), last) if forward else (first, min(last, marker))
    for ledger, record in request.node.of_account(account, first, last, forward=forward):
        place = ledger.index, record.index
        if len(rows) == size:
            return rows, {"ledger": place[0], "seq": place[1]}
        rows.append(_row(request, ledger, record))
    return rows, None


def _row(request: Request, ledger: ClosedLedger, record: LedgerTransaction) -> dict[str, Any]:
    if request.params.get("binary"):
        return {
            "ledger_index": ledger.index,
            "tx_blob": record.tx.blob,
            "validated": True,
            **_meta(record, request.version, is_binary=True),
        }
    network = request.node.network_id
    fields = stored_transaction(ledger, record, request.version, network)
    row = {"meta": metadata(record), "validated": True}
    if request.version == 1:
        return {**row, "tx": fields}
    return {
        **row,
        "close_time_iso": iso_time(ledger.close_time),
        "hash": record.tx.hash,
        "ledger_hash": ledger.hash,
        "ledger_index": ledger.index,
        "tx_json": fields,
    }


def _marker(request: Request) -> tuple[int, int] | Refusal | None:
    marker = request.params.get("marker")
    if marker is None:
        return None
    place = (marker.get("ledger"), marker.get("seq")) if isinstance(marker, Mapping) else ()
    match place:
        case (int() as ledger, int() as number):
            return ledger, number
        case _:
            return refuse(
                "invalidParams",
                "invalid marker. Provide ledger index via ledger field, and "
                "transaction sequence number via seq field",
            )


def _span(request: Request) -> _Range | Refusal:
    """Return the range of ledgers that is asked for and held without a hole (getLedgerRange)."""
    params = request.params
    first, last = request.node.newest_run
    held = _Range(first=first, last=last)
    has_range = "ledger_index_min" in params or "ledger_index_max" in params
    has_ledger = "ledger_index" in params or "ledger_hash" in params
    if has_range and has_ledger and request.version > 1:
        return refuse("invalidParams", "invalidParams")
    if has_range:
        return _given_range(request, held)
    if not has_ledger:
        return held
    chosen = request.ledger()
    if isinstance(chosen, Refusal):
        return chosen
    if chosen.closed is None or chosen.index < held.first:
        return refuse("lgrNotValidated")
    return _Range(first=chosen.index, last=chosen.index)


def _given_range(request: Request, held: _Range) -> _Range | Refusal:
    """Return ``ledger_index_min`` to ``ledger_index_max`` within what is held; -1 is any.

    Version 1 cuts a range to what is there, version 2 refuses one that reaches beyond it.
    """
    low, high = (request.params.get(f"ledger_index_{end}", -1) for end in ("min", "max"))
    if not isinstance(low, int) or not isinstance(high, int):
        return refuse("invalidParams")
    low = max(low, 0)
    high = high if high >= 0 else _NO_MAXIMUM
    if request.version > 1 and (
        (high > held.last and high != _NO_MAXIMUM) or (low < held.first and low)
    ):
        return refuse("lgrIdxMalformed")
    span = _Range(first=max(low, held.first), last=min(high, held.last))
    if span.last < span.first:
        return refuse("lgrIdxsInvalid" if request.version == 1 else "invalidLgrRange")
    return span
