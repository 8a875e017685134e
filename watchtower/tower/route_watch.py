"""Whether people can be told, and what outlives the process of what they were, or were not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import structlog

from watchtower.alerts import of_routes
from watchtower.alerts.desk import Desk
from watchtower.errors import StoreBusyError, StoreFullError
from watchtower.store.database import Store

__all__ = ["ALERTS_NOTE", "RouteWatch", "kept_alerts"]

_log = structlog.get_logger(__name__)

ALERTS_NOTE: Final = "alerts told"
"""The note with what was told where, and what is urgent and was not told yet."""

_LONG: Final = 300.0
"""Seconds for which a route may fail before that is told by the others."""


class Telling(Protocol):
    """Whoever tells people, by several routes."""

    version: int

    def kept(self) -> Any:
        """Return what is to outlive this process, in JSON values."""
        ...


async def kept_alerts(store: Store) -> Any:
    """Return what an earlier process has kept; None if none has."""
    async with store.read() as work:
        return await work.notes.get(ALERTS_NOTE)


class RouteWatch:
    """Looks after the routes of one tower."""

    def __init__(
        self,
        telling: Telling,
        report: Callable[[], Sequence[dict[str, Any]]],
        *,
        store: Store,
        desk: Desk,
        wall: Callable[[], float],
    ) -> None:
        """Look at nothing yet.

        Args:
            telling: whose record is kept.
            report: returns how each route, and each sign of life, is doing.
            store: where the record is kept.
            desk: where it is told that a route fails.
            wall: seconds since 1970.
        """
        self.report = report
        self._telling = telling
        self._store = store
        self._desk = desk
        self._wall = wall
        self._kept = telling.version
        self._failing: set[str] = set()

    async def look(self) -> None:
        """Tell of routes that fail for long, and keep the record if it has changed.

        Raises:
            StoreBusyError, StoreFullError: it could not be kept, and is at the next look.
        """
        routes = self.report()
        # Settings that were read again may have taken a route away, while it failed.
        for gone in self._failing - {route["route"] for route in routes}:
            self._desk.end("route_failing", gone)
            self._failing.discard(gone)
        for route in routes:
            since, name = route["failing_since"], route["route"]
            if since is None:
                self._desk.end("route_failing", name)
                self._failing.discard(name)
            elif (lasted := self._wall() - since) >= _LONG:
                why, minutes = route["why"] or "no answer", round(lasted / 60)
                self._failing.add(name)
                self._desk.stand(of_routes.route_failing(name, why=why, minutes=minutes))
        await self._keep()

    async def keep_the_last(self) -> None:
        """Keep the record as the tower stops; a store that cannot be written does not hinder it."""
        try:
            await self._keep()
        except (StoreBusyError, StoreFullError) as failure:
            _log.warning("alert_record_not_kept", why=str(failure))

    async def _keep(self) -> None:
        version = self._telling.version
        if version == self._kept:
            return
        async with self._store.write() as work:
            await work.notes.put(ALERTS_NOTE, self._telling.kept())
        self._kept = version
