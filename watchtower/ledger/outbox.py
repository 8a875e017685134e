"""Deliveries on their way to the receiver: in order, and no more at a time than it can take."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

from watchtower.ledger.sequence import Delivery

__all__ = ["Outbox"]

_ROOM: Final = 1_000


class Outbox:
    """A queue between the tasks that learn and the one that receives.

    What belongs together is computed and put in one turn (`put_all`), so that no task's
    ``LedgerAccounted`` can overtake another's facts.
    """

    def __init__(self, room: int = _ROOM) -> None:
        """Let a putter wait while ``room`` deliveries or more are not taken."""
        self._room = room
        self._deliveries: deque[Delivery] = deque()
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._turn = asyncio.Lock()
        self._watched: list[asyncio.Task[None]] = []

    def watch(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """End `take_all` with the exception of the first of ``tasks`` that ends."""
        for task in tasks:
            self._watched.append(task)
            task.add_done_callback(lambda _: self._filled.set())

    async def put_all(self, work: Callable[[], Sequence[Delivery]]) -> None:
        """Do ``work`` when it is this caller's turn, and put what comes of it."""
        async with self._turn:
            for delivery in work():
                while len(self._deliveries) >= self._room:
                    self._drained.clear()
                    await self._drained.wait()
                self._deliveries.append(delivery)
                self._filled.set()

    async def take_all(self) -> AsyncIterator[Delivery]:
        """Return deliveries as they come, for as long as the watched tasks live."""
        while True:
            while self._deliveries:
                self._drained.set()
                yield self._deliveries.popleft()
            self._filled.clear()
            for task in self._watched:
                if task.done():
                    await task
                    return
            await self._filled.wait()
