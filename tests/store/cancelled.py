"""A task that is cancelled at a suspension that is told by its number."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any


class _CancelledAt:
    """Awaits ``action``, and is cancelled at its suspension number ``point``."""

    def __init__(self, action: Coroutine[Any, Any, None], point: int) -> None:
        """Cancel ``action`` at ``point``."""
        self._action = action
        self._point = point

    def __await__(self) -> Generator[Any, Any, None]:
        inner = self._action.__await__()
        resume: Callable[[], Any] = partial(inner.send, None)
        for point in itertools.count():
            try:
                waited_for = resume()
            except StopIteration:
                return
            task = asyncio.current_task()
            if point == self._point and task is not None:
                task.cancel()
            try:
                yield waited_for
                resume = partial(inner.send, None)
            except asyncio.CancelledError as error:
                resume = partial(inner.throw, error)


async def is_cancelled_at(action: Coroutine[Any, Any, None], point: int) -> bool:
    """Cancel ``action`` at its suspension number ``point``, and say whether it was."""
    try:
        await _CancelledAt(action, point)
    except asyncio.CancelledError:
        return True
    return False
