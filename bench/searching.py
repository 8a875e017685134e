"""Somebody who looks through all channels without pause, in a process of its own.

``python -m bench.searching PORT`` asks the dashboard of a tower for a page that it has not asked
for before, again and again, each time by another order and another word; pages that never read
their events are open beside it. When its standard input ends, it prints what each search took.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from bench.beside import beside, never_read

__all__ = ["searching"]

_PAGES: Final = 20
_SORTS: Final = ("at_stake", "slack", "balance", "amount", "id")
_OK: Final = b" 200 "

_ASK: Final = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\n"
    "Connection: close\r\n\r\n"
)
_EVENTS: Final = "GET /dashboard/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"


@asynccontextmanager
async def searching(port: int, took: list[float]) -> AsyncIterator[None]:
    """Search while the context lasts; put the seconds that each search took into ``took``."""
    async with beside("bench.searching", str(port)) as searcher:
        await searcher.line()  # the first search is over
        try:
            yield
        finally:
            took += [float(line) for line in (await searcher.end()).split()]


async def _search_until_told(port: int) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    took: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        looking = [tasks.create_task(never_read(port, _EVENTS)) for _ in range(_PAGES)]
        looking.append(tasks.create_task(_search(port, took)))
        await reader.read()
        for task in looking:
            task.cancel()
    sys.stdout.write("".join(f"{seconds}\n" for seconds in took))


async def _search(port: int, took: list[float]) -> None:
    for number in itertools.count():
        order = "asc" if number % 2 else "desc"
        # Nearly every channel matches, and no two pages are the same.
        place = f"{number}.{'0' * 64}"
        path = f"/dashboard/channels?sort={_SORTS[number % 5]}&order={order}&after={place}"
        begun = time.perf_counter()
        with suppress(OSError):
            asked, answer = await asyncio.open_connection("127.0.0.1", port)
            answer.write(_ASK.format(path=path, port=port).encode())
            head = await asked.readline()
            await asked.read()
            answer.close()
            if _OK not in head:
                raise AssertionError(head)
            took.append(time.perf_counter() - begun)
            if len(took) == 1:
                sys.stdout.write("begun\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_search_until_told(int(sys.argv[1])))
