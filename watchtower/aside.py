"""A call that may never return, on a thread of its own that keeps no process from ending.

A file may be on a share that hangs, or be no file at all. The loop's own threads are waited for at
its end, so one such call there would keep a daemon that was asked to stop until it is killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

__all__ = ["aside"]

_T = TypeVar("_T")


async def aside(action: Callable[[], _T], name: str) -> _T:
    """Return what ``action`` returns, or raise what it raises; whoever is cancelled leaves it be.

    Args:
        action: is called on another thread, which outlives whoever waits for it.
        name: what that thread is called.
    """
    promise: Future[_T] = Future()
    promise.set_running_or_notify_cancel()

    def act() -> None:
        try:
            promise.set_result(action())
        except BaseException as problem:  # noqa: BLE001 - it is raised where it is waited for
            promise.set_exception(problem)

    Thread(target=act, name=name, daemon=True).start()
    return await asyncio.wrap_future(promise)
