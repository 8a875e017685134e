"""Two worlds side by side: one with a thousand channels and one with very many.

Each lives in a process of its own, so that the memory of the one is not swept up in the other's,
and both are asked in turn.
"""

from __future__ import annotations

import atexit
import multiprocessing
from functools import cache
from multiprocessing.connection import Connection
from typing import Any, Final

from bench.world import World

__all__ = ["FEW", "Side", "pair"]

FEW: Final = 1000
"""Channels of the world that the large one is compared with."""


class Side:
    """A world in another process.

    Args:
        channels: how many the world begins with.
    """

    def __init__(self, channels: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, channels), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the world, or return what it holds under that name."""
        self._ours.send((method, arguments))
        return self._ours.recv()

    def end(self) -> None:
        """End the process."""
        self._ours.close()
        self._process.join()


def _serve(ours: Connection, channels: int) -> None:
    world = World(channels)
    while True:
        try:
            method, arguments = ours.recv()
        except EOFError:
            return
        found = getattr(world, method)
        ours.send(found(*arguments) if callable(found) else found)


@cache
def pair(channels: int) -> tuple[Side, Side]:
    """Return the small world and the large one; made once, for all that is measured in them."""
    sides = Side(min(FEW, channels)), Side(channels)
    for side in sides:
        atexit.register(side.end)
    return sides
