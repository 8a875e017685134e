"""Something is done to files in a process of its own, which kills itself at one step of it.

A step is about to be made: a file is opened, made, linked or removed, is about to be flushed to
the disk, or SQLite begins or ends a transaction. The product knows nothing of this: Python tells
of files itself (audit events), SQLite of its statements (trace), and two functions are wrapped.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from tests.crash.forked import READ_ALREADY

__all__ = ["Work", "deaths"]

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(READ_ALREADY)
_FILES: Final = frozenset({"open", "os.link", "os.remove", "os.rename", "os.mkdir", "os.rmdir"})
_SQL: Final = ("BEGIN", "COMMIT")

Work = Callable[[Path], Coroutine[Any, Any, None]]


def deaths(work: Work, room: Path, step: int) -> bool:
    """Do ``work`` in ``room`` until its step of that number; say whether it died there.

    One that has fewer steps is done to its end.
    """
    process = _CONTEXT.Process(target=_run, args=(work, room, step))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def _run(work: Work, room: Path, last: int) -> None:
    steps = 0
    is_on = False

    def step() -> None:
        nonlocal steps
        if is_on:
            steps += 1
            if steps == last:
                os.kill(os.getpid(), signal.SIGKILL)

    def told(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FILES and str(arguments[0]).startswith(str(room)):
            step()

    flush, connect = os.fsync, sqlite3.connect

    def fsync(descriptor: int) -> None:
        step()
        flush(descriptor)

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(lambda sql: step() if sql.startswith(_SQL) else None)
        return connection

    os.fsync = fsync  # type: ignore[assignment]  # nobody here flushes a file object
    sqlite3.connect = connected  # type: ignore[assignment]  # as it is called here
    sys.addaudithook(told)
    is_on = True
    asyncio.run(work(room))
    is_on = False
