"""Statements that are finished once begun, also when the task that asks is cancelled.

A driver's connection that is abandoned in the middle of a statement stays half alive: SQLite keeps
its transaction, and so the lock that every writer needs, until the last reference to the statement
has gone (sqlite3_close_v2). So nothing here is abandoned. The cancellation comes after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["uninterrupted"]

Result = TypeVar("Result")


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
