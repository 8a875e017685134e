"""A sign of life to a service outside, which raises the alarm when it stays away.

Nothing that runs on this machine can tell that this machine is off. So an outside service (a
dead man's switch) expects a request now and then. It is fed only while ledgers advance: a tower
that is up and blind stops feeding it.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import structlog

from watchtower.alerts.routes import request

__all__ = ["Heartbeat"]

_log = structlog.get_logger()


class Heartbeat:
    """Requests ``url`` while :meth:`beat` is called, at most once every ``every`` seconds."""

    def __init__(self, url: str, *, every: float, timeout: float = 10.0) -> None:
        """Prepare; nothing is sent before :meth:`run`."""
        self._url = url
        self._every = every
        self._timeout = timeout
        self._fed = asyncio.Event()

    def beat(self) -> None:
        """Note that a ledger was accounted for; costs nothing."""
        self._fed.set()

    async def run(self) -> None:
        """Feed the service until cancelled. A failure is logged; the next beat tries again."""
        while True:
            await self._fed.wait()
            self._fed.clear()
            why = await request("GET", self._url, self._timeout)
            if why is not None:
                # Its address is what makes it ours alone, so only the host is named.
                host = urlsplit(self._url).hostname
                _log.warning("heartbeat_failed", host=host, why=why)
            await asyncio.sleep(self._every)
