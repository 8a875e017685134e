"""Statements that are finished once begun, also when the task that asks is cancelled.

A driver's connection that is abandoned in the middle of a statement stays half alive: SQLite keeps
its transaction, and so the lock that every writer needs, until the last reference to the statement
has gone (sqlite3_close_v2). So nothing here is abandoned. The cancellation comes after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from typing_extensions import override

__all__ = ["Promised", "uninterrupted"]

Result = TypeVar("Result")


class Promised(asyncio.Future[Result]):
    """What a thread will answer; it comes whether or not somebody still wants it.

    To await it is `uninterrupted` without a task in between: a task that is cancelled asks what it
    waits for to be cancelled, and where that refuses, the task is cancelled when the answer is
    there (asyncio.Task.cancel).
    """

    @override
    def cancel(self, msg: Any = None) -> bool:
        """Refuse."""
        return False


async def uninterrupted(action: Coroutine[Any, Any, Result]) -> Result:
    """Finish ``action``, however often we are cancelled meanwhile; then be cancelled."""
    task = asyncio.create_task(action)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # looked at, so that nobody complains that it was not
        raise cancelled
    return task.result()
