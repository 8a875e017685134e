"""Patience with one connection: it ends by whichever of several clocks runs out first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Patience"]


class Patience:
    """What one connection is waited for, each by its name and for so many seconds.

    ``end`` is called when any of it has not come in time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, end: Callable[[], object]) -> None:
        """Wait for nothing yet."""
        self._loop = loop
        self._end = end
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def wait_for(self, what: str, seconds: float) -> None:
        """Begin to wait; what is waited for already has no more time by that."""
        if what not in self._timers:
            self._timers[what] = self._loop.call_later(seconds, self._end)

    def came(self, what: str) -> None:
        """Wait for it no more."""
        if (timer := self._timers.pop(what, None)) is not None:
            timer.cancel()

    def is_over(self) -> None:
        """Wait for nothing any more."""
        for what in tuple(self._timers):
            self.came(what)
