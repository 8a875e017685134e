"""The chronicle: what is at stake is looked at in every round, and remembered over a restart.

It is for looking at (``guard/stake_history.py``), and nothing is decided by it. A tower that is
killed forgets the last quarter of an hour of it at most; one that is stopped forgets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from watchtower.guard.stake_history import Look, StakeHistory
from watchtower.guard.watch import Watch
from watchtower.store.database import Store

__all__ = ["STAKE_NOTE", "Chronicle"]

STAKE_NOTE: Final = "stake history"
"""The note in which the store has it."""

_KEPT_EVERY: Final = 900.0
"""Seconds between two times that it is written down: some 27 KB, on which nothing depends."""


class Read(Protocol):
    """Tells whether every open channel was read anew (`asyncio.Event`)."""

    def is_set(self) -> bool:
        """Return whether it has happened."""
        ...


class Chronicle:
    """Looks at one tower's watch.

    Attributes:
        history: what was seen.
    """

    def __init__(
        self,
        watch: Watch,
        history: StakeHistory,
        *,
        store: Store,
        reconciled: Read,
        clock: Callable[[], float],
    ) -> None:
        """Go on with ``history``; ``clock`` is steady, in seconds."""
        self.history = history
        self._watch = watch
        self._store = store
        self._reconciled = reconciled
        self._clock = clock
        self._was_read = False
        self._paid = 0
        self._kept_at: float | None = None

    async def look(self) -> None:
        """Look once, and write it down if that was long ago.

        Raises:
            StoreBusyError: somebody else keeps the store from being written.
            StoreFullError: the disk is full.
        """
        now = self._clock()
        self._kept_at = now if self._kept_at is None else self._kept_at
        # In the round after everything was read all of it is judged, too: what was at stake is no
        # less for a tower that is still reading, and the chart would show that it was.
        is_known, self._was_read = self._was_read, self._reconciled.is_set()
        if not is_known:
            return
        self._take()
        if now - self._kept_at >= _KEPT_EVERY:
            async with self._store.write() as work:
                await work.notes.put_all(self.notes())
            self._kept_at = now

    def notes(self) -> Mapping[str, Any]:
        """Return what is to be written down; nothing before the first look."""
        return {} if self.history.last is None else {STAKE_NOTE: self.history.note()}

    def _take(self) -> None:
        """Take one look, of a ledger that two servers told alike."""
        newest = self._watch.newest
        if newest is None or not newest.confirmed:
            return
        incoming = self._watch.incoming
        pressing = incoming.pressing
        # What was lost before anybody ever looked was not lost now. A tower that was killed may
        # have written this down, and not yet that it was told: it is told, and counted, again.
        before = self.history.lost if self.history.last is not None else incoming.lost.drops
        lost = max(0, incoming.lost.drops - before)
        self.history.lost = before + lost
        paid, self._paid = incoming.paid - self._paid, incoming.paid
        self.history.add(
            Look(
                at=newest.close_time,
                ledger=newest.ledger_index,
                at_stake=incoming.at_stake,
                unprotectable=pressing.unprotectable_at_stake,
                paid=paid,
                lost=lost,
                channels=len(self._watch.channels),
            )
        )
