"""One at a time: who acts on a store holds it, so that nobody else does.

Any number of processes may read a store and add claims to it. Only one may redeem by it (two
would use the same sequences), and nobody may restore into it meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Final

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
        # Not emptied by being opened: it says who holds it.
        lock = open(path, "a+", opener=partial(os.open, mode=0o600))  # noqa: SIM115 - closed below
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusyError(path=store, who=_holder(lock)) from None
        _sign(lock)
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


def _sign(lock: IO[str]) -> None:
    """Write down who holds it; on a full disk it is held without that."""
    with suppress(OSError):
        os.ftruncate(lock.fileno(), 0)
        os.write(lock.fileno(), b"%d\n" % os.getpid())


def _holder(lock: IO[str]) -> str:
    """Return who holds it, and what to do about it."""
    lock.seek(0)
    told = lock.read(20).strip()
    who = f"process {told}" if told.isdecimal() else "another process"
    return (
        f"{who}, which holds it alone. If that is the daemon, stop its service first "
        "(`systemctl stop watchtower`); a command ends by itself"
    )
