"""Read facts from what a server says: metadata in, facts out, whatever shape it came in.

What it guarantees:

* **The metadata alone speaks.** A fact comes from a ``PayChannel`` node among the affected nodes
  (``account_entries.py`` and ``delegation.py`` read those of our accounts, and
  ``claims_presented.py`` the one thing that a transaction's own fields can prove), never from a
  transaction's type, flags or result: a Fund can start a close, a late claim reports
  ``tesSUCCESS`` and pays nothing, an inner transaction of a batch is one like any other.
* **Every shape is understood**: messages of the ``accounts`` and ``transactions`` streams, rows
  of ``account_tx`` and answers to ``tx``, of API version 1 and 2.
* **What is unknown never stops us, what is malformed always does.** Unknown fields, entry types
  and transaction types pass by. A node of a channel, or of a guarded account, that cannot be
  read raises `AnswerError`; the stream then stops its cursor, raises an alarm and asks again
  (rule 3: nothing is skipped).
* Only validated transactions give facts. What is merely proposed is nothing yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from watchtower.errors import AnswerError
from watchtower.ledger.account_entries import account_facts
from watchtower.ledger.affected import Node, affected_nodes
from watchtower.ledger.claims_presented import claim_presented
from watchtower.ledger.delegation import delegation_facts, proven_by
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
from watchtower.ledger.fields import (
    MalformedError,
    address_in,
    channel_id_from,
    drops_in,
    hash_from,
    hex_in,
    optional_address_in,
    optional_uint32_in,
    uint32_in,
)
from watchtower.units import Address, Drops, LedgerIndex, RippleTime, TxHash

__all__ = ["decode_entry", "decode_ledger_closed", "decode_transaction"]

_BODIES: Final = ("tx_json", "transaction", "tx")


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
    """Return what one transaction did to channels, accounts and seats, in this order.

    Args:
        message: a stream message, a row of ``account_tx`` or the result of ``tx``.
        accounts: those of interest: channels from or to one of them, and what is theirs. None
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
    except MalformedError as wrong:
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
    except MalformedError as wrong:
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
            ledger_index=LedgerIndex(uint32_in(message, "ledger_index")),
            ledger_hash=hash_from(message.get("ledger_hash"), "ledger_hash"),
            close_time=RippleTime(uint32_in(message, "ledger_time")),
            base_fee=Drops(uint32_in(message, "fee_base")),
            reserve_base=Drops(uint32_in(message, "reserve_base")),
            reserve_increment=Drops(uint32_in(message, "reserve_inc")),
        )
    except MalformedError as wrong:
        raise AnswerError(server=server, command=str(kind), why=str(wrong)) from wrong


def _transaction(message: Mapping[str, Any]) -> _Transaction | None:
    """Return the validated transaction in ``message``; None if there is none."""
    fields = _body(message)
    if fields is None or message.get("validated") is not True:
        return None
    meta = message.get("meta", message.get("metaData"))
    if not isinstance(meta, Mapping):
        raise MalformedError("a validated transaction has no metadata in JSON")
    # API version 1 puts the hash, and in account_tx the ledger index, inside the transaction.
    place = message if "ledger_index" in message else fields
    return _Transaction(
        fields=fields,
        meta=meta,
        transaction=TxHash(hash_from(message.get("hash", fields.get("hash")), "hash")),
        at=Position(
            LedgerIndex(uint32_in(place, "ledger_index")), uint32_in(meta, "TransactionIndex")
        ),
    )


def _body(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the signed fields of the transaction in ``message``, wherever they are."""
    for name in _BODIES:
        body = message.get(name)
        if isinstance(body, Mapping):
            return body
    return message if "TransactionType" in message else None


def _facts(transaction: _Transaction, accounts: Collection[Address] | None) -> Iterator[Fact]:
    nodes = list(affected_nodes(transaction.meta))
    found = (_channel_fact(node, transaction) for node in nodes)
    channels = [fact for fact in found if fact is not None and _concerns(fact.entry, accounts)]
    yield from channels
    for read in (account_facts, delegation_facts):
        yield from read(nodes, accounts, at=transaction.at, transaction=transaction.transaction)
    presented = claim_presented(
        transaction.fields,
        channels,
        accounts,
        at=transaction.at,
        transaction=transaction.transaction,
    )
    if presented is not None:
        yield presented
    account = address_in(transaction.fields, "Account")
    if accounts is None or account in accounts:
        used = _seat_used(account, transaction, channels)
        yield used
        if (proven := proven_by(used)) is not None:
            yield proven


def _concerns(entry: ChannelEntry, accounts: Collection[Address] | None) -> bool:
    return accounts is None or entry.source in accounts or entry.destination in accounts


def _channel_fact(node: Node, transaction: _Transaction) -> ChannelChanged | ChannelDeleted | None:
    """Return what one affected node says about a channel; None if it is about something else."""
    if node.entry_type != "PayChannel" or (fields := node.state("a channel")) is None:
        return None
    entry = _entry(node.ledger_index, fields)
    if entry is None:
        return None
    fact = ChannelDeleted if node.is_deleted else ChannelChanged
    return fact(
        entry=entry,
        at=transaction.at,
        transaction=transaction.transaction,
        paid=_paid(entry, node.previous),
    )


def _paid(entry: ChannelEntry, previous: object) -> Drops:
    """Return what the transaction paid out: by how much the balance rose in its metadata.

    A balance that did not change is not among the previous fields (a close request has none at
    all, and a new channel has no previous fields).
    """
    if not isinstance(previous, Mapping) or "Balance" not in previous:
        return Drops(0)
    return Drops(max(0, entry.balance - drops_in(previous, "Balance")))


def _seat_used(
    account: Address,
    transaction: _Transaction,
    channels: Iterable[ChannelChanged | ChannelDeleted],
) -> SeatUsed:
    sequence = uint32_in(transaction.fields, "Sequence")
    # A transaction on a ticket has Sequence 0 (rippled STTx.cpp, getSeqProxy).
    ticket = sequence == 0 and "TicketSequence" in transaction.fields
    number = uint32_in(transaction.fields, "TicketSequence") if ticket else sequence
    result = transaction.meta.get("TransactionResult")
    if not isinstance(result, str):
        raise MalformedError("the metadata has no TransactionResult")
    return SeatUsed(
        account=account,
        seat=Seat(number, is_ticket=ticket),
        transaction=transaction.transaction,
        result=result,
        at=transaction.at,
        kind=_text(transaction.fields, "TransactionType"),
        signed_by=_text(transaction.fields, "SigningPubKey").upper(),
        delegate=optional_address_in(transaction.fields, "Delegate"),
        changed=tuple(f.entry.channel for f in channels if isinstance(f, ChannelChanged)),
        closed=tuple(f.entry.channel for f in channels if isinstance(f, ChannelDeleted)),
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    """Return a text; an odd one is none, for nothing is decided by it."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _entry(index: object, fields: Mapping[str, Any]) -> ChannelEntry | None:
    """Return the channel that ``fields`` describe; None if it holds something else than XRP.

    A new entry's fields leave out what is zero, so a Balance or SettleDelay that is not there is
    zero (rippled ApplyStateTable.cpp, NewFields skip defaults); what is optional is None.
    """
    if isinstance(fields.get("Amount"), Mapping):
        # A token channel (XLS-93, in no release yet). Anyone could open one to our payee; if it
        # stopped the cursor, everybody else's protection would stop with it.
        return None
    expiration = optional_uint32_in(fields, "Expiration")
    cancel_after = optional_uint32_in(fields, "CancelAfter")
    return ChannelEntry(
        channel=channel_id_from(index),
        source=address_in(fields, "Account"),
        destination=address_in(fields, "Destination"),
        amount=drops_in(fields, "Amount"),
        balance=drops_in(fields, "Balance", missing=0),
        public_key=hex_in(fields, "PublicKey"),
        settle_delay=optional_uint32_in(fields, "SettleDelay") or 0,
        expiration=None if expiration is None else RippleTime(expiration),
        cancel_after=None if cancel_after is None else RippleTime(cancel_after),
        source_tag=optional_uint32_in(fields, "SourceTag"),
        destination_tag=optional_uint32_in(fields, "DestinationTag"),
    )
