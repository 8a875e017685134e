"""One at a time: who acts on a store holds it, so that nobody else does.

Any number of processes may read a store and add claims to it. Only one may redeem by it (two
would use the same sequences), and nobody may restore into it meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from watchtower.errors import StoreBusyError
from watchtower.store.faults import disk_faults

__all__ = ["alone", "alone_or_ours"]

_OURS: Final[set[Path]] = set()
"""What this process holds."""


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Hold the store for one daemon: two would use the same sequences.

    Raises:
        StoreBusyError: another daemon holds it.
        StoreFullError: what it is held by cannot be written.
    """
    path = store.with_name(store.name + ".lock")
    with disk_faults(store):
        lock = open(path, "w", opener=partial(os.open, mode=0o600))  # noqa: SIM115 - closed below
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusyError(path=store) from None
        _OURS.add(path)
        try:
            yield
        finally:
            _OURS.discard(path)


@contextmanager
def alone_or_ours(store: Path) -> Iterator[None]:
    """Hold the store, if this process does not hold it already, as `alone` does."""
    if store.with_name(store.name + ".lock") in _OURS:
        yield
        return
    with alone(store):
        yield
