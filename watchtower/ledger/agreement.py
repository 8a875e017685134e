"""Whether servers agree: one hash for one ledger, nobody far behind or ahead, nobody on his own.

Each disagreement, lag and lonely word is told once when it begins and once when it ends
(architecture rule 11: two servers or an alarm). Pure; memory is bounded by the ledgers remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from watchtower.ledger.events import LedgerClosed
from watchtower.ledger.health import (
    HealthEvent,
    ServerAhead,
    ServerLagging,
    ServerRecovered,
    ServersDisagreed,
    ServerUnconfirmed,
    Trouble,
)
from watchtower.units import LedgerIndex

__all__ = ["Agreement"]

_LAG: Final = 10
"""Ledgers behind, or ahead of, what is known from which a server is remarked: about 40 seconds."""

_REMEMBERED: Final = 64
"""Ledgers whose hashes are remembered for comparison."""


class Agreement:
    """What each server last announced, compared with all others."""

    def __init__(self) -> None:
        """Begin with no server."""
        self._hashes: dict[LedgerIndex, dict[str, str]] = {}
        self._newest: dict[str, LedgerIndex] = {}
        self._troubled: dict[Trouble, set[str]] = {
            trouble: set()
            for trouble in (
                Trouble.LAGGING,
                Trouble.AHEAD,
                Trouble.DISAGREEING,
                Trouble.UNCONFIRMED,
            )
        }

    def announced(
        self,
        server: str,
        closed: LedgerClosed,
        *,
        counts: LedgerClosed | None = None,
        known: LedgerIndex,
    ) -> Iterator[HealthEvent]:
        """Take one announcement.

        Args:
            server: who made it.
            closed: what it says.
            counts: the ledger that counts by it (``quorum.py``), if one does.
            known: a ledger that counts, or that was validated long ago.
        """
        index = closed.ledger_index
        self._newest[server] = max(self._newest.get(server, index), index)
        yield from self._compare(server, closed)
        yield from self._measure(known)
        if counts is not None:
            yield from self._weigh(server, counts)

    def left(self, server: str) -> Iterator[HealthEvent]:
        """Forget a server whose connection ended; it lags no more, for it says nothing."""
        self._newest.pop(server, None)
        for trouble in (Trouble.LAGGING, Trouble.AHEAD, Trouble.UNCONFIRMED):
            yield from self._end(trouble, server)

    def _compare(self, server: str, closed: LedgerClosed) -> Iterator[HealthEvent]:
        hashes = self._hashes.setdefault(closed.ledger_index, {})
        while len(self._hashes) > _REMEMBERED:
            self._hashes.pop(min(self._hashes))
        hashes[server] = closed.ledger_hash
        if len(hashes) == 1:
            return
        disagreeing = self._troubled[Trouble.DISAGREEING]
        suspects = _minority(hashes)
        for cleared in sorted((disagreeing & hashes.keys()) - suspects):
            yield from self._end(Trouble.DISAGREEING, cleared)
        if suspects - disagreeing:
            disagreeing.update(suspects)
            yield ServersDisagreed(
                ledger_index=closed.ledger_index,
                hashes=dict(hashes),
                suspects=tuple(sorted(suspects)),
            )

    def _measure(self, known: LedgerIndex) -> Iterator[HealthEvent]:
        lagging, ahead = self._troubled[Trouble.LAGGING], self._troubled[Trouble.AHEAD]
        for server, newest in self._newest.items():
            behind = known - newest
            if behind > _LAG and server not in lagging:
                lagging.add(server)
                yield ServerLagging(server=server, ledger_index=newest, best=known)
            elif behind < -_LAG and server not in ahead and self._is_first_by_far(newest):
                ahead.add(server)
                yield ServerAhead(server=server, ledger_index=newest, best=known)
            if behind <= 1:
                yield from self._end(Trouble.LAGGING, server)
            if behind >= -1:
                yield from self._end(Trouble.AHEAD, server)

    def _is_first_by_far(self, newest: LedgerIndex) -> bool:
        """Return whether some other server that has spoken is far behind ``newest``.

        After a pause all servers are far ahead of what the store knows, and none of them lies.
        """
        return min(self._newest.values()) < newest - _LAG

    def _weigh(self, server: str, counts: LedgerClosed) -> Iterator[HealthEvent]:
        unconfirmed = self._troubled[Trouble.UNCONFIRMED]
        if counts.confirmed:
            for lonely in sorted(unconfirmed):
                yield from self._end(Trouble.UNCONFIRMED, lonely)
        elif server not in unconfirmed and len(self._newest) > 1:
            # Where all others are gone, that is the alarm.
            unconfirmed.add(server)
            yield ServerUnconfirmed(server=server, ledger_index=counts.ledger_index)

    def _end(self, trouble: Trouble, server: str) -> Iterator[HealthEvent]:
        if server in self._troubled[trouble]:
            self._troubled[trouble].discard(server)
            yield ServerRecovered(server=server, trouble=trouble)


def _minority(hashes: Mapping[str, str]) -> set[str]:
    """Return the servers whose hash is not that of most; all, where no hash is."""
    [(common, times)] = Counter(hashes.values()).most_common(1)
    if times == len(hashes):
        return set()
    if times * 2 <= len(hashes):
        return set(hashes)
    return {server for server, told in hashes.items() if told != common}
