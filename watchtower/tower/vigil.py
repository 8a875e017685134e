"""Whether the tower is awake: what the service manager's watchdog is fed by. Pure.

A watchdog that is not fed has the process killed and started again. That helps where the tower is
deaf, or hangs, and nowhere else: with every server gone, a network that halts or a disk that is
full a new process would be as blind as this one, and would have to begin anew each time. So it is
not enough that no ledger comes: the tower is asleep only while servers go on without it.

- *Deaf*: since it last heard of a newer ledger, or accounted for one, connected servers have told
  of newer ones for a while: two of them, or all that are connected. One alone among several may be
  lying (``ledger/quorum.py`` believes it as little).
- *Hung*: a pass of responding was begun long ago and has not come back. Whatever it asks for has a
  timeout, so that this is a mistake of ours, and something may be owed meanwhile.

A loop of events that does not turn asks nothing here, and feeds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchtower.units import LedgerIndex

__all__ = ["Vigil"]

_DEAF: Final = 60.0
"""Seconds: some fifteen ledgers, of which others had a dozen and we none."""

_DEAF_AT_FIRST: Final = 600.0
"""Seconds, until everything was read once: a hundred thousand channels take their time."""

_HUNG: Final = 600.0
"""Seconds: the longest chain of timeouts in one pass, and as much again."""

_VOICES: Final = 2


class Vigil:
    """Watches over one tower; ``now`` is always seconds of one steady clock."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._moved: tuple[LedgerIndex | None, LedgerIndex | None] | None = None
        self._told: dict[str, LedgerIndex] = {}
        self._ahead_since: float | None = None

    def why_asleep(
        self,
        now: float,
        *,
        newest: LedgerIndex | None,
        accounted: LedgerIndex | None,
        told: Mapping[str, LedgerIndex],
        has_read: bool,
        passing_since: float | None,
    ) -> str | None:
        """Return why a new process would do better than this one; None if it would not.

        Args:
            now: the moment of asking.
            newest: the newest ledger that the tower heard of.
            accounted: the last one of which it knows every fact.
            told: the newest ledger of each server that is connected.
            has_read: whether it has read everything once.
            passing_since: when the pass of responding that is under way was begun; None between
                two.
        """
        if passing_since is not None and now - passing_since >= _HUNG:
            return f"a pass of responding hangs for {now - passing_since:.0f} s"
        if self._moved != (newest, accounted):
            self._moved, self._told, self._ahead_since = (newest, accounted), dict(told), None
            return None
        for server, index in told.items():
            # What one that comes back tells first is no news that we should have had.
            self._told.setdefault(server, index)
        ahead = [server for server, index in told.items() if index > self._told[server]]
        if not ahead or len(ahead) < min(_VOICES, len(told)):
            self._ahead_since = None
            return None
        if self._ahead_since is None:
            self._ahead_since = now
        silent = now - self._ahead_since
        if silent < (_DEAF if has_read else _DEAF_AT_FIRST):
            return None
        return f"servers go on ({len(ahead)} of them), and for {silent:.0f} s nothing was heard"
