"""One thread for calls that block, and that nothing can end from outside.

A PKCS #11 module is initialised for one thread alone (C_Initialize without arguments), and a call
into it may hang for as long as the device likes. So all calls take their turn on one thread, and
who asks waits a bounded time. A call that hangs is left alone: until it returns, all others are
refused at once and none is begun, for nothing may be asked of the module beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

__all__ = ["OwnThread"]

Result = TypeVar("Result")


class OwnThread:
    """A thread that begins with the first call, and never keeps the process from ending."""

    def __init__(self, name: str) -> None:
        """Call it ``name``."""
        self._name = name
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._under_way: Future[Any] | None = None
        self._hanging: Future[Any] | None = None
        self._starting = Lock()
        self._thread: Thread | None = None

    async def call(self, action: Callable[[], Result], within: float) -> Result:
        """Return what ``action`` returns there, or raise what it raises.

        Raises:
            TimeoutError: it did not return within so many seconds, or an earlier one still has not.
        """
        if self._hanging is not None and not self._hanging.done():
            raise TimeoutError
        self._start()
        promise: Future[Result] = Future()
        self._calls.put((promise, action))
        waiting = asyncio.wrap_future(promise)
        try:
            async with asyncio.timeout(within):
                return await waiting
        except TimeoutError:
            # Ours, or an earlier one behind which ours had no turn; that one has been called off.
            self._hanging = self._under_way
            raise

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            promise, action = self._calls.get()
            if not promise.set_running_or_notify_cancel():
                continue
            self._under_way = promise
            try:
                promise.set_result(action())
            except BaseException as problem:  # noqa: BLE001 - it is raised where it was asked for
                promise.set_exception(problem)
            # Nothing of a call, which may have held a secret, outlives it here.
            del promise, action
