"""Telling people, without ever holding the tower up.

:meth:`Deliverer.tell` writes a notice to the log at once and puts it on the list of every route;
it never waits and never fails. Each route has its own list and its own worker, so that a webhook
that hangs does not hold up the command. The lists are bounded and the most urgent goes first
(``waiting.py``).

A route that fails is tried again with pauses that grow to some minutes, for hours: what is urgent
is given up only after a day. Something urgent that is new does not wait for such a pause.

    async with asyncio.TaskGroup() as tasks:
        deliverer = Deliverer([WebhookRoute(url, timeout=10)])
        running = tasks.create_task(deliverer.run())
        deliverer.tell(notice)
        await deliverer.drained(within=5)
        running.cancel()
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from random import SystemRandom
from typing import Any, Final

import msgspec
import structlog

from watchtower.alerts.keeping import kept_of
from watchtower.alerts.message import Message, Subject, message_of
from watchtower.alerts.record import DELIVERED, DROPPED, GIVEN_UP, Kept, Record
from watchtower.alerts.routes import Route
from watchtower.alerts.rules import Notice, NoticeKind, Severity
from watchtower.alerts.waiting import Waiting, WaitingList
from watchtower.ledger.backoff import Backoff

__all__ = ["PATIENCE", "Deliverer", "Pause"]

_HOUR: Final = 3_600

PATIENCE: Final = {
    Severity.URGENT: 24 * _HOUR,
    Severity.WARNING: 6 * _HOUR,
    Severity.INFO: 6 * _HOUR,
}
"""Seconds for which a message is tried on one route before it is given up, and that is logged."""

_MOST_KEPT: Final = 100
"""Urgent messages of one route that outlive the process."""

_LUCK: Final = SystemRandom()

_log = structlog.get_logger()

Pause = Callable[[asyncio.Event, float], Awaitable[None]]
"""Waits until the event is set, or so many seconds."""


async def _pause(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class Deliverer:
    """Tells notices to the log and to every route."""

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        limit: int = 1_000,
        first_wait: float = 1.0,
        longest_wait: float = 150.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        luck: Callable[[], float] = _LUCK.random,
        pause: Pause = _pause,
    ) -> None:
        """Prepare; nothing is sent before :meth:`run`.

        Args:
            routes: where notices go besides the log; each has another name.
            limit: how many notices may wait for one route.
            first_wait: seconds before the second try.
            longest_wait: seconds to which that grows while a route fails. One message waits twice
                as long, so that another one is tried in between.
            clock: a steady clock, in seconds.
            wall: seconds since 1970.
            luck: numbers in [0, 1), for the pauses.
            pause: how to wait.
        """
        self.record = Record()
        self.version = 0  # changes with all that `kept` returns
        self._wall = wall
        self._unclaimed: dict[str, list[Message]] = {}  # what was kept for routes that are not here

        def outbox(route: Route) -> _Outbox:
            return _Outbox(
                route,
                self,
                limit=limit,
                backoff=Backoff(first=first_wait, most=longest_wait, luck=luck),
                least_wait=first_wait,
                clock=clock,
                wall=wall,
                pause=pause,
            )

        self._outbox = outbox
        self._outboxes = [outbox(route) for route in routes]
        self._rerouted = asyncio.Event()

    def reroute(self, routes: Sequence[Route]) -> None:
        """Send what comes from now on by ``routes``; returns at once.

        What waits for a route that is still there, by its name, leaves by the new one, and so does
        what is just on its way and does not arrive; how the route did is remembered. What waits for
        one that is gone is let go, for nobody is told there any more.
        """
        known = {outbox.name: outbox for outbox in self._outboxes}
        outboxes = []
        for route in routes:
            if (outbox := known.pop(route.name, None)) is None:
                outbox = self._outbox(route)
            else:
                outbox.leave_by(route)
            outboxes.append(outbox)
        for gone in known.values():
            gone.let_go()
        self._outboxes = outboxes
        self._hand_back()
        self._rerouted.set()

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
        if not self._outboxes:
            return
        message = message_of(notice, name=f"msg_{secrets.token_hex(12)}", at=self._wall())
        for outbox in self._outboxes:
            if outbox.wants(message):
                outbox.put(message)

    async def run(self) -> None:
        """Serve all routes until cancelled."""
        serving: dict[_Outbox, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._rerouted.clear()
                for gone in serving.keys() - set(self._outboxes):
                    serving.pop(gone).cancel()
                for outbox in self._outboxes:
                    if outbox not in serving:
                        serving[outbox] = tasks.create_task(outbox.serve())
                await self._rerouted.wait()

    async def drained(self, *, within: float) -> bool:
        """Wait until every notice was handed over or given up; return whether that came in time.

        What waits for another try is tried at once.

        Args:
            within: how many seconds to wait at most.
        """
        for outbox in self._outboxes:
            outbox.hurry()
        try:
            async with asyncio.timeout(within):
                for outbox in self._outboxes:
                    await outbox.idle.wait()
        except TimeoutError:
            return False
        return True

    def report(self) -> list[dict[str, Any]]:
        """Return how each route is doing, in JSON values."""
        return [outbox.report() for outbox in self._outboxes]

    def kept(self) -> Any:
        """Return what is to outlive this process, in JSON values."""
        waiting = self._unclaimed | {outbox.name: outbox.urgent() for outbox in self._outboxes}
        return msgspec.to_builtins(Kept(told=self.record.lines(), waiting=waiting))

    def restore(self, kept: Any) -> None:
        """Take up what an earlier process has kept; what cannot be read is left out.

        What waited for a route that is not there is kept on for it, for as long as it would be
        tried: the settings may be read again, and name it.
        """
        found = kept_of(kept)
        self.record.extend(found.told)
        self._unclaimed = found.waiting_since(self._wall() - PATIENCE[Severity.URGENT])
        self._hand_back()

    def _hand_back(self) -> None:
        for outbox in self._outboxes:
            outbox.restore(self._unclaimed.pop(outbox.name, ()))

    def noted(
        self, message: Message, route: str, result: str, *, tries: int, why: str | None = None
    ) -> None:
        """Take note of what became of a message."""
        self.version += 1
        self.record.note(message, route, result, at=self._wall(), tries=tries, why=why)


class _Outbox:
    """What waits for one route, and how the route is doing."""

    def __init__(
        self,
        route: Route,
        deliverer: Deliverer,
        *,
        limit: int,
        backoff: Backoff,
        least_wait: float,
        clock: Callable[[], float],
        wall: Callable[[], float],
        pause: Pause,
    ) -> None:
        self.name = route.name
        self.idle = asyncio.Event()
        self.idle.set()
        self._route = route
        self._deliverer = deliverer
        self._waiting = WaitingList(limit)
        self._on_its_way: Message | None = None
        self._backoff = backoff
        self._least_wait = least_wait
        self._clock = clock
        self._wall = wall
        self._pause = pause
        self._wake = asyncio.Event()
        self._rests_until = 0.0
        self._standing: set[Subject] = set()
        self._counted = {"dropped": 0, "given_up": 0, "delivered": 0}
        self._last_delivered: float | None = None
        self._failing_since: float | None = None
        self._why: str | None = None
        self._attempts = 0

    def wants(self, message: Message) -> bool:
        """Return whether this route is told, and remember of what it will want to hear the end."""
        is_worth_it = message.escalated or message.severity.rank >= self._route.least.rank
        is_wanted = is_worth_it or message.subject in self._standing
        if message.has_ended:
            self._standing.discard(message.subject)
        elif is_worth_it and message.kind is not NoticeKind.HAPPENED:
            self._standing.add(message.subject)
        return is_wanted

    def put(self, message: Message) -> None:
        self._add(message, since=self._clock())

    def _add(self, message: Message, *, since: float) -> None:
        self._note_dropped(self._waiting.put(message, since=since))
        self._changed(message)
        self.idle.clear()
        if not self._failing_since or message.severity is Severity.URGENT:
            # While the route rests nothing else may wake it: a flood would cost a look each.
            self._wake.set()

    def _changed(self, message: Message) -> None:
        if message.severity is Severity.URGENT:
            self._deliverer.version += 1

    def _note_dropped(self, dropped: Message | None) -> None:
        if dropped is not None:
            self._counted["dropped"] += 1
            self._deliverer.noted(dropped, self.name, DROPPED, tries=0, why="too much waited")
            _log.warning("notice_dropped", route=self.name, alarm=dropped.name)

    def hurry(self) -> None:
        self._rests_until = 0.0
        self._waiting.hurry()
        self._wake.set()

    def leave_by(self, route: Route) -> None:
        """Go on by another route of the same name, and at once: it may be what was mended."""
        self._route = route
        self._backoff.reset()
        self.hurry()

    def let_go(self) -> None:
        """Take note that what waits here is told to nobody."""
        waiting = [*self._waiting]
        if self._on_its_way is not None:
            waiting.insert(0, self._on_its_way)
        for message in waiting:
            self._counted["dropped"] += 1
            self._deliverer.noted(message, self.name, DROPPED, tries=0, why="the route is gone")
        if waiting:
            _log.warning("route_gone", route=self.name, dropped=len(waiting))

    def urgent(self) -> list[Message]:
        """Return what is urgent and was not told here, the oldest first."""
        now = () if self._on_its_way is None else (self._on_its_way,)
        urgent = (one for one in (*now, *self._waiting) if one.severity is Severity.URGENT)
        return [one for one, _ in zip(urgent, range(_MOST_KEPT), strict=False)]

    def restore(self, messages: Iterable[Message]) -> None:
        now, wall = self._clock(), self._wall()
        for message in messages:
            self._add(message, since=now - max(0.0, wall - message.at))

    def report(self) -> dict[str, Any]:
        return {
            "route": self.name,
            "kind": self._route.kind,
            "waiting": len(self._waiting),
            **self._counted,
            "last_delivered": self._last_delivered,
            "failing_since": self._failing_since,
            "why": self._why,
            "attempts": self._attempts,
        }

    async def serve(self) -> None:
        while True:
            now = self._clock()
            taken = self._waiting.take(now, is_resting=now < self._rests_until)
            if taken is not None:
                await self._deliver(taken)
                continue
            self._wake.clear()
            next_at = self._waiting.next_at()
            if next_at is None:
                self.idle.set()
                await self._wake.wait()
            else:
                await self._pause(self._wake, max(next_at, self._rests_until) - now)

    async def _deliver(self, taken: Waiting) -> None:
        message, route = taken.message, self._route
        self._on_its_way = message
        try:
            why = await route.hand_over(message)
        except asyncio.CancelledError:
            # Whoever is stopped meanwhile has not told it: it is kept, and told after the restart.
            self._waiting.put_back(taken)
            raise
        finally:
            self._on_its_way = None
        taken.failed += 1
        if why is None:
            self._succeeded(taken)
        elif route is not self._route:
            # How the one did that was replaced meanwhile says nothing of the one that is there.
            self._note_dropped(self._waiting.put_back(taken))
        else:
            self._failed(taken, why)

    def _succeeded(self, taken: Waiting) -> None:
        self._backoff.reset()
        self._rests_until = 0.0
        self._failing_since, self._why, self._attempts = None, None, 0
        self._last_delivered = self._wall()
        self._counted["delivered"] += 1
        self._deliverer.noted(taken.message, self.name, DELIVERED, tries=taken.failed)

    def _failed(self, taken: Waiting, why: str) -> None:
        message, now = taken.message, self._clock()
        wait = self._backoff.next_wait(least=self._least_wait)
        self._rests_until = now + wait
        # Longer than the route rests, so that it is tried with another one next.
        taken.not_before = now + 2 * wait
        self._why = why
        self._attempts += 1
        if self._failing_since is None:
            self._failing_since = self._wall()
        is_given_up = now - taken.since >= PATIENCE[message.severity]
        _log.warning(
            "notice_not_delivered",
            route=self.name,
            alarm=message.name,
            why=why,
            attempt=taken.failed,
            given_up=is_given_up,
        )
        if is_given_up:
            self._counted["given_up"] += 1
            self._deliverer.noted(message, self.name, GIVEN_UP, tries=taken.failed, why=why)
        else:
            self._note_dropped(self._waiting.put_back(taken))
            self._changed(message)
