"""An event loop whose time is made: it passes when nobody has anything to do before the next timer.

Guarantees that the same coroutines run in the same order every time: nothing waits for a real
clock, a thread or a socket, and sets of tasks are walked through in the order of their making.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

from typing_extensions import override

__all__ = ["Stalled", "VirtualLoop", "play"]

_T = TypeVar("_T")

_BEGIN: Final = 1_000.0
"""Seconds on the steady clock when a machine has just started."""

_MOST_TURNS: Final = 1_000_000
"""Turns of the loop in one moment, after which it is taken to turn for ever."""


class Stalled(Exception):  # noqa: N818 - what has come about
    """Everybody waits for something that nobody will ever do."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop of its own time. What would run in a thread runs at once."""

    def __init__(self) -> None:
        """Begin."""
        self._passed = _BEGIN
        super().__init__(_Patience(self))
        self._tasks_made = itertools.count(1)
        self.set_task_factory(self._make_task)

    @override
    def time(self) -> float:
        """Return the seconds of the steady clock."""
        return self._passed

    def let_pass(self, seconds: float) -> None:
        """Let time pass; only the loop itself does."""
        self._passed += seconds

    @override
    def run_in_executor(  # type: ignore[override]
        self, _executor: Executor | None, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        """Run a function at once; nobody else does anything meanwhile."""
        done: asyncio.Future[_T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for who waits
            done.set_exception(error)
        return done

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, _T] | Generator[Any, None, _T],
        **options: Any,
    ) -> asyncio.Task[_T]:
        return _Task(next(self._tasks_made), coro, loop=loop, **options)


class _Task(asyncio.Task[_T]):
    """A task whose place in a set does not depend on where it lies in memory."""

    def __init__(self, number: int, coro: Any, **options: Any) -> None:
        self._number = number
        super().__init__(coro, **options)

    @override
    def __hash__(self) -> int:
        return self._number

    @override
    def __eq__(self, other: object) -> bool:
        return self is other


class _Patience(selectors.SelectSelector):
    """Waits for no socket: where the loop would wait, its time passes."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self._restless = 0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stalled("nothing is left that could happen")
        self._restless = 0 if timeout > 0 else self._restless + 1
        if self._restless > _MOST_TURNS:
            raise Stalled("something happens for ever, and no time passes by it")
        self._loop.let_pass(max(timeout, 0))
        return []


def play(story: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run a story to its end on a loop of its own, and return what it returns."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story())
