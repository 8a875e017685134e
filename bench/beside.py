"""A process of its own beside a tower, so that what it takes is not measured with the tower's.

And whoever stands at a tower's door in one and never reads, which several of them do.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["Beside", "beside", "never_read"]

_ROOT: Final = Path(__file__).parents[1]
_SMALL: Final = 4_096
"""Bytes that the system takes for whoever does not read."""

_AGAIN: Final = 0.1
"""Seconds until who was let go stands there again."""


class Beside:
    """Another process: it reads lines from us, and we read lines from it."""

    def __init__(self, reads: asyncio.StreamWriter, says: asyncio.StreamReader) -> None:
        """Know by what it ``reads`` and what it ``says``."""
        self._reads = reads
        self._says = says

    async def line(self) -> str:
        """Return the next line that it says, once it does."""
        return (await self._says.readline()).decode().strip()

    def tell(self, line: str) -> None:
        """Have it read a line."""
        self._reads.write(f"{line}\n".encode())

    async def end(self) -> str:
        """End what it reads, by which it ends; return what it says until then."""
        self._reads.close()
        return (await self._says.read()).decode()


@asynccontextmanager
async def beside(module: str, *words: str) -> AsyncIterator[Beside]:
    """Run ``python -m module`` with ``words`` while the context lasts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *words),
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdout is None or process.stdin is None:
        raise AssertionError
    other = Beside(process.stdin, process.stdout)
    try:
        yield other
    finally:
        await other.end()
        await process.wait()


async def never_read(port: int, request: str) -> None:
    """Ask a tower for what does not end, and read nothing of it; again, whenever we are let go.

    ``request`` names its port as ``{port}``.
    """
    loop = asyncio.get_running_loop()
    while True:
        with suppress(OSError), socket.socket() as tower:
            tower.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
            tower.settimeout(0)
            await loop.sock_connect(tower, ("127.0.0.1", port))
            await loop.sock_sendall(tower, request.format(port=port).encode())
            await asyncio.Event().wait()
        await asyncio.sleep(_AGAIN)
