"""Several patches as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

__all__ = ["both"]


@contextmanager
def both(*patches: AbstractContextManager[Any]) -> Iterator[None]:
    """Put all of them in while the context lasts."""
    with ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield
