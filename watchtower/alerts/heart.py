"""The signs of life that are given now, if any: they may be others while the tower runs.

What it guarantees: whoever beats never waits, and need not know whether anybody listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from watchtower.alerts.heartbeat import Heartbeat

__all__ = ["Heart"]


class Heart:
    """Beats by the heartbeats of the moment, or by none."""

    def __init__(self, beating: Sequence[Heartbeat] = ()) -> None:
        """Carry nothing before :meth:`run`."""
        self._beating = tuple(beating)
        self._replaced = asyncio.Event()

    def beat(self) -> None:
        """Note that a ledger was accounted for; costs nothing."""
        for heartbeat in self._beating:
            heartbeat.beat()

    def replace(self, beating: Sequence[Heartbeat]) -> None:
        """Beat by others from now on; how one of the same name did is remembered."""
        before = {heartbeat.name: heartbeat for heartbeat in self._beating}
        for heartbeat in beating:
            if heartbeat.name in before:
                heartbeat.go_on_from(before[heartbeat.name])
        self._beating = tuple(beating)
        self._replaced.set()

    def report(self) -> list[dict[str, Any]]:
        """Return how each is doing, in JSON values, as routes do."""
        return [heartbeat.report() for heartbeat in self._beating]

    async def run(self) -> None:
        """Carry signs of life until cancelled, by whoever carries them now."""
        while True:
            self._replaced.clear()
            async with asyncio.TaskGroup() as tasks:
                carrying = [tasks.create_task(one.run(), name=one.name) for one in self._beating]
                await self._replaced.wait()
                for task in carrying:
                    task.cancel()
