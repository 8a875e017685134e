"""How long to wait before the next attempt to connect: exponential, with full jitter.

Full jitter (a wait anywhere between nothing and the present bound) keeps many watchtowers that
lost one server together from coming back together.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Backoff"]


class Backoff:
    """Waits that grow from ``first`` to ``most`` seconds; ``luck`` gives numbers in [0, 1)."""

    def __init__(self, *, first: float, most: float, luck: Callable[[], float]) -> None:
        """Begin at ``first``."""
        self._first = first
        self._most = most
        self._luck = luck
        self._bound = first

    def reset(self) -> None:
        """Begin again: the last attempt bore fruit."""
        self._bound = self._first

    def next_wait(self, *, least: float = 0.0) -> float:
        """Return the seconds to wait now, and double the bound of the next wait.

        With ``least`` seconds, which the other side has asked for, luck comes on top of them.
        """
        wait = least + self._bound * self._luck()
        self._bound = min(self._bound * 2, self._most)
        return wait
