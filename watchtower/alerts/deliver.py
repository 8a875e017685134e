"""Telling people, without ever holding the tower up.

:meth:`Deliverer.tell` writes a notice to the log at once and puts it on the list of every route;
it never waits and never fails. Each route has its own list and its own worker, so that a webhook
that hangs does not hold up the command. The lists are bounded. The most urgent notice goes first,
and when a list is full the least urgent and newest one is dropped: whoever can cause cheap alarms
by the thousand cannot push a dear one out.

    async with asyncio.TaskGroup() as tasks:
        deliverer = Deliverer([WebhookRoute(url, timeout=10)])
        running = tasks.create_task(deliverer.run())
        deliverer.tell(notice)
        await deliverer.drained(within=5)
        running.cancel()
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import structlog

from watchtower.alerts.routes import Route
from watchtower.alerts.rules import Notice, Severity

__all__ = ["ATTEMPTS", "Deliverer"]

ATTEMPTS: Final = 5
"""How often one notice is tried on one route before it is given up, and that is logged."""

_log = structlog.get_logger()


class Deliverer:
    """Tells notices to the log and to every route."""

    def __init__(
        self, routes: Sequence[Route], *, limit: int = 1_000, first_wait: float = 1.0
    ) -> None:
        """Prepare; nothing is sent before :meth:`run`.

        Args:
            routes: where notices go besides the log.
            limit: how many notices may wait for one route.
            first_wait: seconds before the second try; doubled for every further one.
        """
        self._outboxes = [_Outbox(route, limit, first_wait) for route in routes]

    def tell(self, notice: Notice) -> None:
        """Log ``notice`` and hand it to the routes' workers; returns at once, raises nothing."""
        alarm = notice.alarm
        write = _log.info if alarm.severity is Severity.INFO else _log.warning
        write(
            "alarm",
            kind=notice.kind.value,
            name=alarm.name,
            subject=alarm.subject,
            severity=alarm.severity.value,
            sentence=alarm.sentence,
            told=notice.told,
        )
        for outbox in self._outboxes:
            outbox.put(notice)

    async def run(self) -> None:
        """Serve all routes until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for outbox in self._outboxes:
                tasks.create_task(outbox.serve())

    async def drained(self, *, within: float) -> bool:
        """Wait until every notice was handed over or given up; return whether that came in time.

        Args:
            within: how many seconds to wait at most.
        """
        try:
            async with asyncio.timeout(within):
                for outbox in self._outboxes:
                    await outbox.idle.wait()
        except TimeoutError:
            return False
        return True


class _Entry(NamedTuple):
    """A report in the order in which reports leave: urgent first, then as they came."""

    order: int
    number: int
    report: bytes
    name: str


class _Outbox:
    """What waits for one route."""

    def __init__(self, route: Route, limit: int, first_wait: float) -> None:
        self.idle = asyncio.Event()
        self.idle.set()
        self._route = route
        self._limit = limit
        self._first_wait = first_wait
        self._wake = asyncio.Event()
        self._waiting: list[_Entry] = []
        self._numbers = itertools.count()

    def put(self, notice: Notice) -> None:
        report = msgspec.json.encode(notice.report())
        order = -notice.alarm.severity.rank
        bisect.insort(self._waiting, _Entry(order, next(self._numbers), report, notice.alarm.name))
        if len(self._waiting) > self._limit:
            dropped = self._waiting.pop()
            _log.warning("notice_dropped", route=self._route.name, alarm=dropped.name)
        self.idle.clear()
        self._wake.set()

    async def serve(self) -> None:
        while True:
            await self._wake.wait()
            while self._waiting:
                await self._deliver(self._waiting.pop(0))
            self._wake.clear()
            self.idle.set()

    async def _deliver(self, entry: _Entry) -> None:
        wait = self._first_wait
        for attempt in range(1, ATTEMPTS + 1):
            why = await self._route.hand_over(entry.report)
            if why is None:
                return
            _log.warning(
                "notice_not_delivered",
                route=self._route.name,
                alarm=entry.name,
                why=why,
                attempt=attempt,
                given_up=attempt == ATTEMPTS,
            )
            if attempt < ATTEMPTS:
                await asyncio.sleep(wait)
                wait *= 2
