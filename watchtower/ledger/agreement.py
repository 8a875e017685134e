"""Whether servers agree: one hash for one ledger, and nobody far behind the others.

Each disagreement and each lag is told once when it begins and once when it ends (architecture
rule 11: two servers or an alarm). Pure; memory is bounded by the ledgers remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchtower.ledger.events import LedgerClosed
from watchtower.ledger.health import (
    HealthEvent,
    ServerLagging,
    ServerRecovered,
    ServersDisagreed,
    Trouble,
)
from watchtower.units import LedgerIndex

__all__ = ["Agreement"]

_LAG: Final = 10
"""Ledgers behind the best from which a server counts as lagging: about 40 seconds."""

_REMEMBERED: Final = 64
"""Ledgers whose hashes are remembered for comparison."""


class Agreement:
    """What each server last announced, compared with all others."""

    def __init__(self) -> None:
        """Begin with no server."""
        self._hashes: dict[LedgerIndex, dict[str, str]] = {}
        self._newest: dict[str, LedgerIndex] = {}
        self._lagging: set[str] = set()
        self._disagreeing: set[str] = set()

    def announced(
        self, server: str, closed: LedgerClosed, accounted: LedgerIndex | None
    ) -> Iterator[HealthEvent]:
        """Take one announcement; ``accounted`` is a ledger known to be validated long ago."""
        index = closed.ledger_index
        self._newest[server] = max(self._newest.get(server, index), index)
        yield from self._compare(server, closed)
        yield from self._measure(accounted)

    def left(self, server: str) -> Iterator[HealthEvent]:
        """Forget a server whose connection ended; it lags no more, for it says nothing."""
        self._newest.pop(server, None)
        if server in self._lagging:
            self._lagging.discard(server)
            yield ServerRecovered(server=server, trouble=Trouble.LAGGING)

    def _compare(self, server: str, closed: LedgerClosed) -> Iterator[HealthEvent]:
        hashes = self._hashes.setdefault(closed.ledger_index, {})
        while len(self._hashes) > _REMEMBERED:
            self._hashes.pop(min(self._hashes))
        hashes[server] = closed.ledger_hash
        if len(hashes) == 1:
            return
        if len(set(hashes.values())) > 1:
            if not self._disagreeing.issuperset(hashes):
                self._disagreeing.update(hashes)
                yield ServersDisagreed(ledger_index=closed.ledger_index, hashes=dict(hashes))
            return
        for agreed in sorted(self._disagreeing.intersection(hashes)):
            self._disagreeing.discard(agreed)
            yield ServerRecovered(server=agreed, trouble=Trouble.DISAGREEING)

    def _measure(self, accounted: LedgerIndex | None) -> Iterator[HealthEvent]:
        best = max(*self._newest.values(), accounted or 0)
        for server, newest in self._newest.items():
            behind = best - newest
            if behind > _LAG and server not in self._lagging:
                self._lagging.add(server)
                yield ServerLagging(server=server, ledger_index=newest, best=LedgerIndex(best))
            elif behind <= 1 and server in self._lagging:
                self._lagging.discard(server)
                yield ServerRecovered(server=server, trouble=Trouble.LAGGING)
