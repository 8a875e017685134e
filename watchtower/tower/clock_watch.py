"""Whether the host's clock is right, by the ledgers that come: told as an alarm, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from watchtower.alerts import of_network
from watchtower.alerts.desk import Desk
from watchtower.guard.watch import Watch
from watchtower.store.database import Store
from watchtower.tower.timekeeping import Timekeeping
from watchtower.units import LedgerIndex

__all__ = ["ClockWatch"]

_NOTE: Final = "clock agreed"
"""Stands once the clock and the ledger's time have agreed: a machine that starts with a wrong clock
is found by it, and a sandbox of another year never has it."""


class Hearer(Protocol):
    """Who hears of ledgers."""

    @property
    def watch(self) -> Watch:
        """What it knows of them."""
        ...

    @property
    def heard_at(self) -> float | None:
        """When it heard of the newest, by the steady clock."""
        ...


class ClockWatch:
    """Looks at the newest ledger, and at the clock."""

    def __init__(
        self,
        hearer: Hearer,
        store: Store,
        desk: Desk,
        *,
        wall: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        """Look at nothing yet.

        Args:
            hearer: hears of ledgers.
            store: keeps whether the two ever agreed.
            desk: is told of the clock.
            wall: the host's clock, in seconds since 1970.
            steady: seconds on the clock by which ledgers are heard.
        """
        self._hearer = hearer
        self._store = store
        self._desk = desk
        self._wall = wall
        self._steady = steady
        self._rule: Timekeeping | None = None
        self._is_noted = False
        self._newest: LedgerIndex | None = None

    async def look(self) -> None:
        """Compare the clock with the newest ledger, if there is a new one that counts for sure.

        One that only a single server tells, which nobody bears out, may have any time.
        """
        closed, heard_at = self._hearer.watch.newest, self._hearer.heard_at
        if closed is None or heard_at is None or not closed.confirmed:
            return
        if closed.ledger_index == self._newest:
            return
        self._newest = closed.ledger_index
        # It came a moment ago, and the clock is asked now.
        came = self._wall() - (self._steady() - heard_at)
        rule = self._rule or await self._remembered()
        rule.heard(closed.close_time, wall=came, steady=heard_at)
        if rule.is_off:
            self._desk.stand(of_network.clock_off(seconds=rule.difference))
        else:
            self._desk.end("clock_off", of_network.HOST)
        if rule.is_armed and not self._is_noted:
            async with self._store.write() as work:
                await work.notes.put(_NOTE, value=True)
            self._is_noted = True

    async def _remembered(self) -> Timekeeping:
        async with self._store.read() as work:
            self._is_noted = await work.notes.get(_NOTE) is True
        self._rule = Timekeeping(is_armed=self._is_noted)
        return self._rule
