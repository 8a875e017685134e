"""What subscribers are told, and in what order.

Follows rippled src/xrpld/app/misc/NetworkOPs.cpp: a ledger is announced first and then its
transactions, each to the subscribers of all transactions, to those of proposed ones (who hear of
validated ones too), and last, once each, to those who watch an account it affected. So one client
may hear of one transaction several times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec

from watchtower.sandbox.api.shapes import (
    ctid,
    engine_result,
    iso_time,
    metadata,
    transaction_fields,
)
from watchtower.sandbox.ledger import ClosedLedger, LedgerTransaction
from watchtower.sandbox.lies import told_wrong
from watchtower.sandbox.misbehaviour import Kind, Misbehaviour
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import Transaction

__all__ = ["STREAMS", "Streams", "Subscriber", "ledger_facts"]

STREAMS: Final = frozenset(
    {
        "book_changes",
        "consensus",
        "ledger",
        "manifests",
        "peer_status",
        "server",
        "transactions",
        "transactions_proposed",
        "validations",
    }
)
"""Streams by name; those that a lone server without peers has nothing to say on stay silent."""


class Subscriber:
    """One client: what it has subscribed to, and how to reach it.

    ``version`` is the API version of its last subscription, which all its messages are shaped by.
    """

    __slots__ = ("proposed_accounts", "send", "streams", "version", "watched_accounts")

    def __init__(self, send: Callable[[str, Kind | None], None]) -> None:
        self.send = send
        self.version = 1
        self.streams: set[str] = set()
        self.watched_accounts: set[str] = set()
        self.proposed_accounts: set[str] = set()


class _Message:
    """One message, encoded once for each API version that somebody hears."""

    def __init__(
        self, kind: Kind, shape: Callable[[int], dict[str, Any]], lies: Mapping[str, Any]
    ) -> None:
        self._kind = kind
        self._shape = shape
        self._lies = lies
        self._texts: dict[int, str] = {}

    def send(self, subscribers: Iterable[Subscriber]) -> None:
        # A client without a socket may ask, or leave, while it is told.
        for subscriber in [*subscribers]:
            text = self._texts.get(subscriber.version)
            if text is None:
                message = told_wrong(self._shape(subscriber.version), self._lies)
                text = msgspec.json.encode(message).decode()
                self._texts[subscriber.version] = text
            subscriber.send(text, self._kind)


class Server(Protocol):
    """Whose streams they are, and as far along as it is."""

    @property
    def rules(self) -> Rules: ...
    @property
    def network_id(self) -> int: ...
    @property
    def validated(self) -> ClosedLedger: ...
    @property
    def open_index(self) -> int: ...
    @property
    def complete(self) -> str: ...
    @property
    def misbehaviour(self) -> Misbehaviour: ...


class Streams:
    """Who listens to what."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._streams: dict[str, dict[Subscriber, None]] = {name: {} for name in STREAMS}
        self._watched: dict[str, dict[Subscriber, None]] = {}
        self._proposed: dict[str, dict[Subscriber, None]] = {}

    def join(self, subscriber: Subscriber, stream: str) -> None:
        """Subscribe to a stream."""
        subscriber.streams.add(stream)
        self._streams[stream][subscriber] = None

    def leave(self, subscriber: Subscriber, stream: str) -> None:
        """Unsubscribe from a stream."""
        subscriber.streams.discard(stream)
        self._streams[stream].pop(subscriber, None)

    def watch(self, subscriber: Subscriber, account: str, *, proposed: bool) -> None:
        """Subscribe to an account; ``proposed`` also to what is not validated yet."""
        mine, everybody = self._accounts(subscriber, proposed=proposed)
        mine.add(account)
        everybody.setdefault(account, {})[subscriber] = None

    def unwatch(self, subscriber: Subscriber, account: str, *, proposed: bool) -> None:
        """Unsubscribe from an account."""
        mine, everybody = self._accounts(subscriber, proposed=proposed)
        mine.discard(account)
        listeners = everybody.get(account, {})
        listeners.pop(subscriber, None)
        if not listeners:
            everybody.pop(account, None)

    def forget(self, subscriber: Subscriber) -> None:
        """Drop all subscriptions of a client that has gone."""
        for stream in list(subscriber.streams):
            self.leave(subscriber, stream)
        for proposed in (False, True):
            for account in list(self._accounts(subscriber, proposed=proposed)[0]):
                self.unwatch(subscriber, account, proposed=proposed)

    def _accounts(
        self, subscriber: Subscriber, *, proposed: bool
    ) -> tuple[set[str], dict[str, dict[Subscriber, None]]]:
        if proposed:
            return subscriber.proposed_accounts, self._proposed
        return subscriber.watched_accounts, self._watched

    def ledger_closed(self, ledger: ClosedLedger) -> None:
        """Announce a validated ledger and the transactions in it."""
        closed = {
            "type": "ledgerClosed",
            **ledger_facts(self._server),
            "txn_count": len(ledger.transactions),
        }
        wrong = self._server.misbehaviour
        lies = wrong.lies_about("ledgerClosed")
        message = _Message("ledgerClosed", lambda _version: closed, lies)
        message.send(self._streams["ledger"])
        for record in ledger.transactions:
            shape = self._validated(ledger, record)
            message = _Message("transaction", shape, wrong.lies_about("transaction"))
            message.send(self._streams["transactions"])
            message.send(self._streams["transactions_proposed"])
            message.send(self._listeners(record.accounts, self._watched, self._proposed))

    def transaction_proposed(self, tx: Transaction, result: str) -> None:
        """Tell of a transaction that has just entered the open ledger."""
        lies = self._server.misbehaviour.lies_about("transaction")
        message = _Message("transaction", self._unvalidated(tx, result), lies)
        message.send(self._streams["transactions_proposed"])
        message.send(self._listeners(tx.mentioned, self._proposed))

    @staticmethod
    def _listeners(
        accounts: Iterable[str], *lists: dict[str, dict[Subscriber, None]]
    ) -> dict[Subscriber, None]:
        """Return, once each, who watches any of the accounts."""
        found: dict[Subscriber, None] = {}
        for account in accounts:
            for everybody in lists:
                found.update(everybody.get(account, {}))
        return found

    def _validated(
        self, ledger: ClosedLedger, record: LedgerTransaction
    ) -> Callable[[int], dict[str, Any]]:
        def shape(version: int) -> dict[str, Any]:
            meta = metadata(record)
            return {
                **_told(record.tx, version, date=ledger.close_time),
                **engine_result(meta["TransactionResult"]),
                "close_time_iso": iso_time(ledger.close_time),
                "ctid": ctid(ledger.index, record.index, self._server.network_id),
                "ledger_hash": ledger.hash,
                "ledger_index": ledger.index,
                "meta": meta,
                "status": "closed",
                "validated": True,
            }

        return shape

    def _unvalidated(self, tx: Transaction, result: str) -> Callable[[int], dict[str, Any]]:
        def shape(version: int) -> dict[str, Any]:
            return {
                **_told(tx, version),
                **engine_result(result),
                "ledger_current_index": self._server.open_index,
                "status": "proposed",
                "validated": False,
            }

        return shape


def _told(tx: Transaction, version: int, **more: object) -> dict[str, Any]:
    """Return the members that hold the transaction itself (NetworkOPs.cpp, transJson)."""
    fields = {**transaction_fields(tx, version), **more}
    if version == 1:
        return {"type": "transaction", "transaction": {**fields, "hash": tx.hash}}
    return {"type": "transaction", "tx_json": fields, "hash": tx.hash}


def ledger_facts(server: Server) -> dict[str, Any]:
    """Return what the ledger stream says of the last validated ledger.

    Below *syncing*, where amendments block a server, it says nothing of what it holds
    (NetworkOPs.cpp, pubLedger, subLedger).
    """
    ledger, rules = server.validated, server.rules
    is_blocked = server.misbehaviour.amendment_blocked
    return {
        "fee_base": rules.base_fee,
        "ledger_hash": ledger.hash,
        "ledger_index": ledger.index,
        "ledger_time": ledger.close_time,
        "network_id": server.network_id,
        "reserve_base": rules.reserve_base,
        "reserve_inc": rules.reserve_increment,
        **({} if is_blocked else {"validated_ledgers": server.complete}),
    }
