"""Whose word about the ledger counts: a ledger that two servers tell of, in every field the same.

Facts act as soon as any server tells them (``sequence.py``); what follows from *time passing* does
not. One server that runs ahead, or tells a false close time, could otherwise make us believe that
a channel is over, or move the cursor past ledgers in which something happened. What it guarantees:

- A ledger that two servers told of alike is *confirmed*, and counts at once.
- With one server configured its word counts; there is no other.
- A server whose word nobody confirms is believed, as *unconfirmed*, after a few ledgers, and at
  once when all others are known to be gone: a tower that waits for the dead watches nothing. It is
  not believed against two others that agree.
- What was counted unconfirmed gives way to what is confirmed, backwards too; and to another
  server's word when its own teller brings nothing new: one that names a ledger of next year and
  then leaves, or repeats itself, has not stopped time.
- History is accounted for only as far as it is *borne out*: by two servers alike, or by the only
  one that stands. What one of several invents can be taken back, and a cursor cannot.
- A ledger that counts says how far behind the slowest server's time is: two servers that lie alike
  move the time, and do not make us give up what a third, which is honest, has time for.
- One that counts unconfirmed says how far ahead the time of others is that have told of as many
  ledgers: a single server that lets time stand still does not keep us from hurrying.

    >>> quorum = Quorum(servers=2)
    >>> quorum.joined("a"), quorum.joined("b")
    (None, None)
    >>> quorum.announced("a", ledger_7) is None
    True
    >>> quorum.announced("b", ledger_7).confirmed
    True

Pure; memory is bounded by the ledgers remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, islice
from typing import Final

from watchtower.ledger.events import LedgerClosed
from watchtower.units import LedgerIndex, RippleTime

__all__ = ["Quorum"]

_PATIENCE: Final = 3
"""Ledgers for which a server's word waits to be confirmed: some twelve seconds.

Servers that follow the network are not a whole ledger apart. An attempt is good for more ledgers
than this, so that planning by the last confirmed ledger makes none too late.
"""

_FORGOTTEN: Final = 2 * _PATIENCE
"""Ledgers that a server tells, while nothing counts, until its word counts backwards."""

_REMEMBERED: Final = 64
"""Ledgers of which each server's own announcements are remembered for comparison."""


class Quorum:
    """What each of the servers told last, and what counts of it."""

    def __init__(self, *, servers: int, floor: LedgerIndex | None = None) -> None:
        """Expect as many servers as are configured; no ledger below ``floor`` is news."""
        self._expected = servers
        self._floor = floor or 0
        # Each server has its own memory: one that runs far ahead pushes out nobody else's word.
        self._told: dict[str, dict[LedgerIndex, LedgerClosed]] = {}
        self._voices: set[str] = set()
        self._gone: set[str] = set()
        self._alone: set[str] = set()
        self._waited: dict[str, int] = {}
        self._counted: LedgerClosed | None = None
        self._tellers: set[str] = set()
        self._borne_out: LedgerIndex | None = None

    @property
    def borne_out(self) -> LedgerIndex | None:
        """The newest ledger that nobody who stands denies; None before the first."""
        return self._borne_out

    @property
    def counted(self) -> LedgerClosed | None:
        """The ledger that counted last; None before the first."""
        return self._counted

    def joined(self, server: str) -> None:
        """Take note that a server's subscription stands."""
        self._voices.add(server)
        self._gone.discard(server)

    def left(self, server: str) -> None:
        """Take note that a server tells nothing any more; what it told was told."""
        self._voices.discard(server)
        self._alone.discard(server)

    def gone(self, server: str) -> LedgerClosed | None:
        """Take note that a server cannot be used; return what counts now that it is not awaited."""
        self.left(server)
        self._gone.add(server)
        counts = None
        for voice in sorted(self._voices):
            if (lately := self._lately(voice)) and self._is_believed_alone(voice):
                counts = self._count(replace(lately[0], confirmed=False), {voice}) or counts
        return counts

    def announced(self, server: str, closed: LedgerClosed) -> LedgerClosed | None:
        """Take one announcement; return the ledger that counts by it, None if none does."""
        told = self._told.setdefault(server, {})
        is_new = closed.ledger_index > max(told, default=0)
        if is_new:
            self._waited[server] = self._waited.get(server, 0) + 1
        told[closed.ledger_index] = closed
        while len(told) > _REMEMBERED:
            told.pop(next(iter(told)))
        alike = {s for s, t in self._told.items() if t.get(closed.ledger_index) == closed}
        if len(alike) > 1 or self._expected == 1:
            return self._count(closed, alike)
        # One that repeats itself brings nothing: only a new ledger is believed on a single word.
        if is_new and self._is_believed_alone(server):
            self._alone.add(server)
            is_forgotten = self._is_forgotten(server)
            unconfirmed = replace(closed, confirmed=False)
            return self._count(unconfirmed, alike, is_forgotten=is_forgotten)
        return None

    def _count(
        self, closed: LedgerClosed, tellers: set[str], *, is_forgotten: bool = False
    ) -> LedgerClosed | None:
        if closed.confirmed:
            self._alone.clear()
        if closed.ledger_index >= self._floor and (closed.confirmed or len(self._voices) <= 1):
            self._borne_out = LedgerIndex(max(self._borne_out or 0, closed.ledger_index))
        if not self._is_news(closed, tellers, is_forgotten=is_forgotten):
            return None
        self._waited.clear()
        self._tellers = tellers
        slowest = min((told[0].close_time for told in self._latest()), default=closed.close_time)
        self._counted = replace(
            closed,
            behind=max(closed.close_time - slowest, 0),
            ahead=0 if closed.confirmed else max(self._fastest(closed) - closed.close_time, 0),
        )
        return self._counted

    def _fastest(self, closed: LedgerClosed) -> RippleTime:
        """Return the latest time that a server which stands told of a ledger not after this one."""
        return max(
            (
                told.close_time
                for lately in self._latest()
                for told in lately
                if told.ledger_index <= closed.ledger_index
            ),
            default=closed.close_time,
        )

    def _latest(self) -> Iterator[list[LedgerClosed]]:
        """Return what each server that stands told last, of those that told anything."""
        return (lately for voice in self._voices if (lately := self._lately(voice)))

    def _is_news(self, closed: LedgerClosed, tellers: set[str], *, is_forgotten: bool) -> bool:
        counted = self._counted
        if counted is None:
            return closed.ledger_index >= self._floor
        if closed.ledger_index > counted.ledger_index:
            return True
        behind = counted.ledger_index - closed.ledger_index
        if counted.confirmed or behind <= _PATIENCE:
            # An honest server that was believed alone is met again within a few ledgers.
            return False
        # One that is only ahead of a slow server tells what the slow one tells, too.
        return is_forgotten or (closed.confirmed and not tellers & self._tellers)

    def _is_forgotten(self, server: str) -> bool:
        """Say whether a server goes on telling new ledgers, and nothing has counted meanwhile."""
        return self._waited.get(server, 0) >= _FORGOTTEN

    def _is_believed_alone(self, server: str) -> bool:
        others = [self._lately(name) for name in self._voices if name != server]
        if any(_agree(one, other) for one, other in combinations(others, 2)):
            return False
        if server in self._alone or self._is_forgotten(server):
            return True
        if len(self._gone - {server}) == self._expected - 1:
            return True
        counted = self._floor - 1 if self._counted is None else self._counted.ledger_index
        ahead = [told for told in self._lately(server) if told.ledger_index > counted]
        return len(ahead) == _PATIENCE

    def _lately(self, server: str) -> list[LedgerClosed]:
        """Return what a server announced last."""
        told = self._told.get(server, {})
        return [told[index] for index in islice(reversed(told), _PATIENCE)]


def _agree(one: list[LedgerClosed], other: list[LedgerClosed]) -> bool:
    """Return whether two servers told the same of any ledger lately."""
    return any(told in other for told in one)
