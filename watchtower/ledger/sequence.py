"""The order of things: what several servers announce, merged into one history without gaps.

Sans I/O: no socket, no clock, no log. The shell (``stream.py``) feeds what the servers sent, in
the order of each connection, and hands on what comes out. What it guarantees:

1. Facts come from validated transactions only. Each is delivered as soon as any server tells it,
   once (over the last ledgers), and never swallowed: one that arrives after its ledger was
   accounted for, or that says something else about the same transaction, is delivered all the
   same.
2. ``LedgerClosed`` comes when a ledger counts (``quorum.py``): when two servers tell of it alike,
   or when nobody else does for a while. It moves forward; only one server's unconfirmed word gives
   way to what two tell.
3. ``LedgerAccounted`` N means: N is borne out, and every fact of every ledger up to N that a
   server had to tell was delivered before. A ledger is *whole* when one connection saw all of it,
   or when it was read again from history (`backfilled`).
4. A server announces ledger N *before* it sends the transactions of N (docs/ledger-rules.md). So
   one connection saw N whole when its subscription stood before N was announced and it announces a
   later ledger, or when N has no transactions.
5. What no connection can show whole any more is a `gap`: the shell reads it from history.
6. A message that could not be read might have been anything: the connection's present ledger is
   in doubt from there, and becomes a gap unless another server shows it whole.

A session::

    sequence = Sequence(accounts, cursor=LedgerIndex(41))
    sequence.subscribed("wss://a", result)            # validated: 43    -> LedgerClosed 43
    sequence.gap()                                    #                  -> Gap 42..43
    sequence.received("wss://a", ledger_closed_44)    #                  -> LedgerClosed 44
    sequence.received("wss://a", transaction_in_44)   #                  -> ChannelChanged
    sequence.backfilled(Gap(42, 43), facts)           # facts of 42, 43  -> LedgerAccounted 43
    sequence.received("wss://a", ledger_closed_45)    #                  -> ..., LedgerAccounted 44
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from watchtower.errors import AnswerError
from watchtower.ledger.affected import touches
from watchtower.ledger.agreement import Agreement
from watchtower.ledger.decode import decode_transaction
from watchtower.ledger.events import (
    Fact,
    LedgerAccounted,
    LedgerClosed,
)
from watchtower.ledger.health import HealthEvent, MessageRejected
from watchtower.ledger.quorum import Quorum
from watchtower.ledger.ranges import LedgerRanges
from watchtower.ledger.wire import Announcement, announcement_of
from watchtower.units import Address, LedgerIndex

__all__ = ["Delivery", "Gap", "Sequence"]

Delivery = LedgerClosed | Fact | LedgerAccounted | HealthEvent

_PATIENCE: Final = 5
"""Ledgers that a server may be behind and still be waited for before a gap is read from history."""

_LEAP: Final = 10_000
"""Ledgers between two announcements of one connection: half a day, and it would be silent."""

_REMEMBERED: Final = 512
"""Ledgers of which told facts are remembered; a repeat of an older one is delivered again."""


class Gap(NamedTuple):
    """Ledgers, both ends included, that must be read from history."""

    first: LedgerIndex
    last: LedgerIndex


@dataclass(slots=True)
class _Feed:
    """One subscription: the ledger it announced last, and whether it shows that one whole.

    ``rejected_at`` is the ledger in which a message was rejected last.
    """

    newest: LedgerIndex
    whole: bool = False
    rejected_at: LedgerIndex | None = None


class Sequence:
    """The merged history of ``accounts`` after ``cursor``, the last ledger accounted for.

    Without a cursor nothing is accounted for until `begin`.
    """

    def __init__(
        self, accounts: Collection[Address], *, cursor: LedgerIndex | None, servers: int = 1
    ) -> None:
        """Begin with none of the ``servers`` that there are to be."""
        self._accounts = frozenset(accounts)
        self._accounted = cursor
        self._quorum = Quorum(servers=servers, floor=cursor)
        self._whole = LedgerRanges()
        self._feeds: dict[str, _Feed] = {}
        self._seen: dict[LedgerIndex, set[Fact]] = {}
        self._agreement = Agreement()

    @property
    def accounted(self) -> LedgerIndex | None:
        """The last ledger accounted for; None before `begin`."""
        return self._accounted

    @property
    def newest(self) -> LedgerIndex | None:
        """The newest ledger that counts; None before the first."""
        counted = self._quorum.counted
        return None if counted is None else counted.ledger_index

    def begin(self, cursor: LedgerIndex) -> list[Delivery]:
        """Account for everything after ``cursor``: the state up to it was read by other means."""
        self._accounted = cursor
        return self._advance() or [LedgerAccounted(ledger_index=cursor)]

    def subscribed(self, server: str, result: Mapping[str, Any]) -> list[Delivery]:
        """Take the answer to a server's last subscription request.

        The ledger in it was validated before; transactions of it may have been missed.
        """
        self._quorum.joined(server)
        announcement = announcement_of(result)
        if announcement is None:
            # A server that is still syncing; its first announcement is seen whole all the same.
            self._feeds[server] = _Feed(newest=LedgerIndex(0))
            return []
        self._feeds[server] = _Feed(newest=announcement.closed.ledger_index)
        return [*self._announce(server, announcement), *self._advance()]

    def received(self, server: str, message: Mapping[str, Any]) -> list[Delivery]:
        """Take one message of a subscribed server; of unknown kinds nothing comes."""
        kind = message.get("type")
        if kind == "ledgerClosed":
            return self._ledger_closed(server, message)
        if kind == "transaction":
            return self._transaction(server, message)
        return []

    def garbled(self, server: str) -> None:
        """A message of the server could not be read: its present ledger is in doubt."""
        if feed := self._feeds.get(server):
            feed.whole = False

    def lost(self, server: str) -> list[Delivery]:
        """The connection to the server ended, and its subscription with it."""
        self._feeds.pop(server, None)
        self._quorum.left(server)
        return list(self._agreement.left(server))

    def gone(self, server: str) -> list[Delivery]:
        """The server cannot be used, and is not awaited until it is subscribed to again."""
        counts = self._quorum.gone(server)
        return [] if counts is None else [counts, *self._advance()]

    def gap(self) -> Gap | None:
        """Return the first ledgers that only history can tell now; None if there are none."""
        if self._accounted is None:
            return None
        return self._gap_from(LedgerIndex(self._accounted + 1))

    def gap_after(self, gap: Gap) -> Gap | None:
        """Return the first gap behind ``gap``, which no server can fill at present."""
        return self._gap_from(LedgerIndex(gap.last + 1))

    def backfilled(self, gap: Gap, facts: Iterable[Fact]) -> list[Delivery]:
        """Take all facts of the ledgers of ``gap``, as history told them, in their order."""
        new = [fact for fact in facts if self._is_new(fact)]
        self._whole.add(gap.first, gap.last)
        return [*new, *self._advance()]

    def _gap_from(self, start: LedgerIndex) -> Gap | None:
        newest = self._quorum.borne_out or LedgerIndex(0)
        run_end = self._whole.end_of_run(start)
        first = start if run_end is None else LedgerIndex(run_end + 1)
        whole_again = self._whole.next_member(first)
        last = newest if whole_again is None else whole_again - 1
        last = min(last, newest, self._awaited_from(newest) - 1)
        return Gap(first, LedgerIndex(last)) if first <= last else None

    def _awaited_from(self, newest: LedgerIndex) -> int:
        """Return the first ledger that some connection is still showing, or will show, whole."""
        awaited = newest + 1
        for feed in self._feeds.values():
            if newest - feed.newest <= _PATIENCE:
                awaited = min(awaited, feed.newest if feed.whole else feed.newest + 1)
        return awaited

    def _ledger_closed(self, server: str, message: Mapping[str, Any]) -> list[Delivery]:
        announcement = announcement_of(message)
        feed = self._feeds.get(server)
        if announcement is None:
            return self._reject(server, "a ledgerClosed without its ledger")
        index = announcement.closed.ledger_index
        if self._is_absurd(server, index):
            return self._reject(server, f"ledger {index} is absurdly far ahead")
        if feed is not None and index > feed.newest:
            if feed.whole:
                self._whole.add(feed.newest, feed.newest)
            feed.newest, feed.whole = index, True
            if announcement.transactions == 0:
                self._whole.add(index, index)
        return [*self._announce(server, announcement), *self._advance()]

    def _reject(self, server: str, why: str) -> list[Delivery]:
        """Put the server's present ledger in doubt, and say so once a ledger."""
        feed = self._feeds.get(server)
        if feed is None:
            return []
        feed.whole = False
        if feed.rejected_at == feed.newest:
            return []
        feed.rejected_at = feed.newest
        return [MessageRejected(server=server, why=why)]

    def _is_absurd(self, server: str, index: LedgerIndex) -> bool:
        """Say whether an index is a leap that no connection makes, and would blind us to the rest.

        It is compared with the same connection only: another server may be stuck far behind.
        """
        feed = self._feeds.get(server)
        return feed is not None and 0 < feed.newest < index - _LEAP

    def _announce(self, server: str, announcement: Announcement) -> list[Delivery]:
        counts = self._quorum.announced(server, announcement.closed)
        known = LedgerIndex(max(self._accounted or 0, self.newest or 0))
        health = self._agreement.announced(server, announcement.closed, counts=counts, known=known)
        return [*health, *(() if counts is None else (counts,))]

    def _transaction(self, server: str, message: Mapping[str, Any]) -> list[Delivery]:
        try:
            facts = decode_transaction(message, self._accounts, server=server)
        except AnswerError as error:
            return self._reject(server, str(error.facts["why"]))
        if facts and self._is_absurd(server, facts[0].at.ledger_index):
            return self._reject(server, "a transaction from absurdly far ahead")
        if not facts and self._is_hidden(message):
            return self._reject(server, "a transaction that touches none of our accounts")
        return [fact for fact in facts if self._is_new(fact)]

    def _is_hidden(self, message: Mapping[str, Any]) -> bool:
        """Say whether what should be ours was taken out of a transaction before it was told."""
        meta = message.get("meta")
        if message.get("validated") is not True or not isinstance(meta, Mapping):
            return False
        return bool(self._accounts) and not touches(meta, self._accounts)

    def _advance(self) -> list[Delivery]:
        known_to = self._quorum.borne_out
        if self._accounted is None or known_to is None:
            return []
        whole_to = self._whole.end_of_run(LedgerIndex(self._accounted + 1))
        if whole_to is None or known_to <= self._accounted:
            return []
        self._accounted = end = min(whole_to, known_to)
        self._whole.forget_below(LedgerIndex(end + 1))
        return [LedgerAccounted(ledger_index=end)]

    def _is_new(self, fact: Fact) -> bool:
        told = self._seen.setdefault(fact.at.ledger_index, set())
        while len(self._seen) > _REMEMBERED:
            self._seen.pop(next(iter(self._seen)))
        if fact in told:
            return False
        told.add(fact)
        return True
