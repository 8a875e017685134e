"""A process of its own beside a tower, so that what it takes is not measured with the tower's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

__all__ = ["Beside", "beside"]

_ROOT: Final = Path(__file__).parents[1]


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
