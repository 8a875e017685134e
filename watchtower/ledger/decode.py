"""Read facts from what a server says: metadata in, facts out, whatever shape it came in.

What it guarantees:

* **The metadata alone speaks.** A fact comes from a ``PayChannel`` node among the affected nodes,
  never from a transaction's type, flags or result: a Fund can start a close, a late claim reports
  ``tesSUCCESS`` and pays nothing, an inner transaction of a batch is one like any other.
* **Every shape is understood**: messages of the ``accounts`` and ``transactions`` streams, rows
  of ``account_tx`` and answers to ``tx``, of API version 1 and 2.
* **What is unknown never stops us, what is malformed always does.** Unknown fields, entry types
  and transaction types pass by. A channel's node that cannot be read raises `AnswerError`; the
  stream then stops its cursor, raises an alarm and asks again (rule 3: nothing is skipped).
* Only validated transactions give facts. What is merely proposed is nothing yet.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from watchtower.errors import AnswerError, InputError
from watchtower.ledger.events import (
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    Fact,
    LedgerClosed,
    Position,
    Seat,
    SeatUsed,
)
from watchtower.units import (
    MAX_DROPS,
    Address,
    ChannelId,
    Drops,
    LedgerIndex,
    RippleTime,
    TxHash,
    parse_address,
    parse_channel_id,
)

__all__ = ["decode_entry", "decode_ledger_closed", "decode_transaction"]

_MAX_UINT32: Final = 2**32 - 1
_DIGITS: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z", re.ASCII)
_HASH: Final = re.compile(r"[0-9A-Fa-f]{64}\Z", re.ASCII)
_BODIES: Final = ("tx_json", "transaction", "tx")
_NODES: Final = ("CreatedNode", "ModifiedNode", "DeletedNode")


class _MalformedError(Exception):
    """What is wrong with a message; leaves this module as `AnswerError`, with who said it."""


class _Transaction(NamedTuple):
    """A validated transaction: its signed fields, its metadata, its hash and its place."""

    fields: Mapping[str, Any]
    meta: Mapping[str, Any]
    transaction: TxHash
    at: Position


def decode_transaction(
    message: Mapping[str, Any],
    accounts: Collection[Address] | None = None,
    *,
    server: str = "A server",
) -> tuple[Fact, ...]:
    """Return what one transaction did to channels and seats, channels first.

    Args:
        message: a stream message, a row of ``account_tx`` or the result of ``tx``.
        accounts: those of interest: channels from or to one of them, and seats of them. None
            means every account; an empty collection means nobody.
        server: who said it, for the error.

    Raises:
        AnswerError: the transaction is validated and cannot be read completely.
    """
    try:
        transaction = _transaction(message)
        if transaction is None:
            return ()
        return tuple(_facts(transaction, accounts))
    except _MalformedError as wrong:
        raise AnswerError(server=server, command="transaction", why=str(wrong)) from wrong


def decode_entry(node: Mapping[str, Any], *, server: str = "A server") -> ChannelEntry | None:
    """Return the channel in a node of ``ledger_entry`` or ``account_objects``.

    Returns:
        None for an entry of another type, and for a channel that holds no XRP.

    Raises:
        AnswerError: it is a channel and cannot be read.
    """
    if node.get("LedgerEntryType") != "PayChannel":
        return None
    try:
        return _entry(node.get("index", node.get("LedgerIndex")), node)
    except _MalformedError as wrong:
        raise AnswerError(server=server, command="ledger_entry", why=str(wrong)) from wrong


def decode_ledger_closed(
    message: Mapping[str, Any], *, server: str = "A server"
) -> LedgerClosed | None:
    """Return the ledger that a ``ledgerClosed`` message, or the answer to ``subscribe``, names.

    Returns:
        None for any other message, and for the answer of a server that has no ledger yet.

    Raises:
        AnswerError: it names a ledger and cannot be read.
    """
    kind = message.get("type", "subscribe")
    if kind not in ("ledgerClosed", "subscribe") or (
        kind == "subscribe" and "ledger_time" not in message
    ):
        return None
    try:
        return LedgerClosed(
            ledger_index=LedgerIndex(_uint32(message, "ledger_index")),
            ledger_hash=_hash(message.get("ledger_hash"), "ledger_hash"),
            close_time=RippleTime(_uint32(message, "ledger_time")),
            base_fee=Drops(_uint32(message, "fee_base")),
            reserve_base=Drops(_uint32(message, "reserve_base")),
            reserve_increment=Drops(_uint32(message, "reserve_inc")),
        )
    except _MalformedError as wrong:
        raise AnswerError(server=server, command=str(kind), why=str(wrong)) from wrong


def _transaction(message: Mapping[str, Any]) -> _Transaction | None:
    """Return the validated transaction in ``message``; None if there is none."""
    fields = _body(message)
    if fields is None or message.get("validated") is not True:
        return None
    meta = message.get("meta", message.get("metaData"))
    if not isinstance(meta, Mapping):
        raise _MalformedError("a validated transaction has no metadata in JSON")
    # API version 1 puts the hash, and in account_tx the ledger index, inside the transaction.
    place = message if "ledger_index" in message else fields
    return _Transaction(
        fields=fields,
        meta=meta,
        transaction=TxHash(_hash(message.get("hash", fields.get("hash")), "hash")),
        at=Position(LedgerIndex(_uint32(place, "ledger_index")), _uint32(meta, "TransactionIndex")),
    )


def _body(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the signed fields of the transaction in ``message``, wherever they are."""
    for name in _BODIES:
        body = message.get(name)
        if isinstance(body, Mapping):
            return body
    return message if "TransactionType" in message else None


def _facts(transaction: _Transaction, accounts: Collection[Address] | None) -> Iterator[Fact]:
    nodes = transaction.meta.get("AffectedNodes")
    if not isinstance(nodes, list):
        raise _MalformedError("the metadata has no list of affected nodes")
    for wrapped in nodes:
        fact = _channel_fact(wrapped, transaction)
        if fact is not None and _concerns(fact.entry, accounts):
            yield fact
    account = _address(transaction.fields, "Account")
    if accounts is None or account in accounts:
        yield _seat_used(account, transaction)


def _concerns(entry: ChannelEntry, accounts: Collection[Address] | None) -> bool:
    return accounts is None or entry.source in accounts or entry.destination in accounts


def _channel_fact(
    wrapped: object, transaction: _Transaction
) -> ChannelChanged | ChannelDeleted | None:
    """Return what one affected node says about a channel; None if it is about something else."""
    if not isinstance(wrapped, Mapping) or len(wrapped) != 1:
        raise _MalformedError("an affected node is not one node")
    [(kind, node)] = wrapped.items()
    if not isinstance(node, Mapping):
        raise _MalformedError("an affected node has no fields")
    if node.get("LedgerEntryType") != "PayChannel":
        return None
    if kind not in _NODES:
        raise _MalformedError(f"a channel's node is of the unknown kind {kind!r}")
    fields = node.get("NewFields" if kind == "CreatedNode" else "FinalFields")
    if fields is None and kind == "ModifiedNode":
        # Nothing of the entry changed but the thread of transactions through it (rippled
        # ApplyStateTable.cpp, threadItem): PreviousTxnID alone, so the state is what it was.
        return None
    if not isinstance(fields, Mapping):
        raise _MalformedError(f"a channel's {kind} has no fields")
    entry = _entry(node.get("LedgerIndex"), fields)
    if entry is None:
        return None
    fact = ChannelDeleted if kind == "DeletedNode" else ChannelChanged
    return fact(
        entry=entry,
        at=transaction.at,
        transaction=transaction.transaction,
        paid=_paid(entry, node.get("PreviousFields")),
    )


def _paid(entry: ChannelEntry, previous: object) -> Drops:
    """Return what the transaction paid out: by how much the balance rose in its metadata.

    A balance that did not change is not among the previous fields (a close request has none at
    all, and a new channel has no previous fields).
    """
    if not isinstance(previous, Mapping) or "Balance" not in previous:
        return Drops(0)
    return Drops(max(0, entry.balance - _drops(previous, "Balance")))


def _seat_used(account: Address, transaction: _Transaction) -> SeatUsed:
    sequence = _uint32(transaction.fields, "Sequence")
    # A transaction on a ticket has Sequence 0 (rippled STTx.cpp, getSeqProxy).
    ticket = sequence == 0 and "TicketSequence" in transaction.fields
    number = _uint32(transaction.fields, "TicketSequence") if ticket else sequence
    result = transaction.meta.get("TransactionResult")
    if not isinstance(result, str):
        raise _MalformedError("the metadata has no TransactionResult")
    return SeatUsed(
        account=account,
        seat=Seat(number, is_ticket=ticket),
        transaction=transaction.transaction,
        result=result,
        at=transaction.at,
    )


def _entry(index: object, fields: Mapping[str, Any]) -> ChannelEntry | None:
    """Return the channel that ``fields`` describe; None if it holds something else than XRP.

    A new entry's fields leave out what is zero, so a Balance or SettleDelay that is not there is
    zero (rippled ApplyStateTable.cpp, NewFields skip defaults); what is optional is None.
    """
    if isinstance(fields.get("Amount"), Mapping):
        # A token channel (XLS-93, in no release yet). Anyone could open one to our payee; if it
        # stopped the cursor, everybody else's protection would stop with it.
        return None
    expiration = _optional_uint32(fields, "Expiration")
    cancel_after = _optional_uint32(fields, "CancelAfter")
    return ChannelEntry(
        channel=_channel_id(index),
        source=_address(fields, "Account"),
        destination=_address(fields, "Destination"),
        amount=_drops(fields, "Amount"),
        balance=_drops(fields, "Balance", missing=0),
        public_key=_hex(fields, "PublicKey"),
        settle_delay=_optional_uint32(fields, "SettleDelay") or 0,
        expiration=None if expiration is None else RippleTime(expiration),
        cancel_after=None if cancel_after is None else RippleTime(cancel_after),
        source_tag=_optional_uint32(fields, "SourceTag"),
        destination_tag=_optional_uint32(fields, "DestinationTag"),
    )


def _channel_id(value: object) -> ChannelId:
    try:
        return parse_channel_id(value if isinstance(value, str) else "")
    except InputError as wrong:
        raise _MalformedError("a channel's node has no id") from wrong


def _address(fields: Mapping[str, Any], name: str) -> Address:
    value = fields.get(name)
    if not isinstance(value, str):
        raise _MalformedError(f"{name} is not an address")
    try:
        return _checked_address(value)
    except InputError as wrong:
        raise _MalformedError(f"{name} is not an address") from wrong


@lru_cache(maxsize=4096)
def _checked_address(text: str) -> Address:
    """Return ``text`` once its checksum holds; a stream repeats the same few addresses."""
    return parse_address(text)


def _drops(fields: Mapping[str, Any], name: str, *, missing: int | None = None) -> Drops:
    value = fields.get(name)
    if value is None and missing is not None:
        return Drops(missing)
    if not isinstance(value, str) or not _DIGITS.match(value) or int(value) > MAX_DROPS:
        raise _MalformedError(f"{name} is not an amount of drops")
    return Drops(int(value))


def _hex(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not _HEX.match(value):
        raise _MalformedError(f"{name} is not hexadecimal")
    return value.upper()


def _hash(value: object, name: str) -> str:
    if not isinstance(value, str) or not _HASH.match(value):
        raise _MalformedError(f"{name} is not a hash")
    return value.upper()


def _uint32(fields: Mapping[str, Any], name: str) -> int:
    value = _optional_uint32(fields, name)
    if value is None:
        raise _MalformedError(f"{name} is missing")
    return value


def _optional_uint32(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_UINT32:
        raise _MalformedError(f"{name} is not a number of 32 bits")
    return value
