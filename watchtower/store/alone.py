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

from watchtower.errors import StoreBusyError

__all__ = ["alone"]


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Hold the store for one daemon: two would use the same sequences.

    Raises:
        StoreBusyError: another daemon holds it.
    """
    path = store.with_name(store.name + ".lock")
    with open(path, "w", opener=partial(os.open, mode=0o600)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusyError(path=store) from None
        yield
