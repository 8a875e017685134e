"""A sign of life to somebody outside, who raises the alarm when it stays away.

Nothing that runs on this machine can tell that this machine is off. So an outside service (a
dead man's switch) expects a request now and then, or whoever is subscribed to a topic a message.
It is fed only while ledgers advance: a tower that is up and blind stops feeding it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import structlog

from watchtower.alerts.routes import request

__all__ = ["Feed", "Heartbeat", "feed_of_url"]

_log = structlog.get_logger()

Feed = Callable[[], Awaitable[str | None]]
"""Gives one sign of life; returns None if it arrived, else why it did not. It raises nothing."""


def feed_of_url(url: str, *, method: str = "GET", timeout: float = 10.0) -> Feed:
    """Return what gives the sign by a request to ``url``."""

    async def feed() -> str | None:
        return await request(method, url, timeout)

    return feed


class Heartbeat:
    """Gives a sign while :meth:`beat` is called, at most once every ``every`` seconds."""

    def __init__(
        self, feed: Feed, *, name: str, every: float, wall: Callable[[], float] = time.time
    ) -> None:
        """Prepare; nothing is sent before :meth:`run`.

        Args:
            feed: gives the sign.
            name: what the log calls it; nothing secret.
            every: seconds between two signs, at least.
            wall: seconds since 1970.
        """
        self.name = f"heartbeat {name}"
        self._feed = feed
        self._every = every
        self._wall = wall
        self._fed = asyncio.Event()
        self._delivered = 0
        self._failed = 0
        self._last_delivered: float | None = None
        self._failing_since: float | None = None
        self._why: str | None = None
        self._attempts = 0

    @classmethod
    def of_url(
        cls,
        url: str,
        *,
        every: float,
        method: str = "GET",
        wall: Callable[[], float] = time.time,
    ) -> Heartbeat:
        """Return one for a service at ``url``, of which only the host is ever named."""
        # The address is what makes it ours alone.
        name = str(urlsplit(url).hostname)
        return cls(feed_of_url(url, method=method), name=name, every=every, wall=wall)

    def go_on_from(self, before: Heartbeat) -> None:
        """Take the place of another one, with how it did so far."""
        self._delivered, self._last_delivered = before._delivered, before._last_delivered
        self._failing_since, self._why = before._failing_since, before._why
        self._attempts, self._failed = before._attempts, before._failed
        if before._fed.is_set():
            self._fed.set()

    def beat(self) -> None:
        """Note that a ledger was accounted for; costs nothing."""
        self._fed.set()

    async def run(self) -> None:
        """Give signs until cancelled. A failure is logged; the next beat tries again."""
        while True:
            await self._fed.wait()
            self._fed.clear()
            self._note(await self._feed())
            await asyncio.sleep(self._every)

    def report(self) -> dict[str, Any]:
        """Return how it is doing, in JSON values, as a route does."""
        return {
            "route": self.name,
            "kind": "heartbeat",
            "waiting": 0,
            "dropped": 0,
            "given_up": 0,
            "delivered": self._delivered,
            "failed": self._failed,
            "last_delivered": self._last_delivered,
            "failing_since": self._failing_since,
            "why": self._why,
            "attempts": self._attempts,
        }

    def _note(self, why: str | None) -> None:
        if why is None:
            self._delivered += 1
            self._last_delivered = self._wall()
            self._failing_since, self._why, self._attempts = None, None, 0
            return
        self._why = why
        self._attempts += 1
        self._failed += 1
        if self._failing_since is None:
            self._failing_since = self._wall()
        _log.warning("heartbeat_failed", name=self.name, why=why)
