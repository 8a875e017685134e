"""Processes of the tower, forked from one that has read the program already.

Each is a process of its own, with its own files, sockets, signals and exit code, and runs the
command line from its first line on. Only the reading of the program, which is most of what a start
costs, is done once for all of them.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.crash.killed_at import NEVER, Step, run
from watchtower.demo.process import PASSPHRASE

__all__ = ["READ_ALREADY", "Forked"]

_CONTEXT: Final = multiprocessing.get_context("forkserver")
READ_ALREADY: Final = [
    "tests.crash.killed_at",
    "tests.store.backups.chains",
    "watchtower.cli.claim",
    "watchtower.cli.run",
    "watchtower.store.restore",
]
"""What every process begins with; there is one server that forks, for all who ask for one."""

_CONTEXT.set_forkserver_preload(READ_ALREADY)
_LONGEST_LINE: Final = 2**20


class Forked:
    """One set-up in ``folder``, and at most one process of this kind that runs on it."""

    def __init__(
        self,
        folder: Path,
        on_event: Callable[[Mapping[str, Any]], None],
        *,
        config: Path | None = None,
    ) -> None:
        """Hand every line that the process logs to ``on_event``; ``config`` is the daemon's."""
        self._on_event = on_event
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")},
            "WATCHTOWER_CONFIG": str(config or folder / "watchtower.toml"),
            "WATCHTOWER_PASSPHRASE": PASSPHRASE,
        }
        self._process: multiprocessing.process.BaseProcess | None = None
        self._reading: list[asyncio.Task[None]] = []
        self.answered: list[Any] = []
        """What the process told on standard output, a line each."""

    @property
    def exit_code(self) -> int | None:
        """How the last process ended, minus the signal that killed it; None while it runs."""
        return None if self._process is None else self._process.exitcode

    async def start(self, step: Step, *arguments: str, lines: bytes = b"") -> None:
        """Start a command that kills itself at ``step`` and reads ``lines``."""
        stdin, feed = _CONTEXT.Pipe(duplex=False)
        (out, stdout), (err, stderr) = (_CONTEXT.Pipe(duplex=False) for _ in range(2))
        self.answered = []
        streams = (stdin, stdout, stderr)
        self._process = _CONTEXT.Process(
            target=run, args=(str(step), arguments, self._environment, streams)
        )
        self._process.start()
        for stream in streams:
            stream.close()
        os.write(feed.fileno(), lines)
        feed.close()
        self._reading = [
            asyncio.create_task(self._read(out, self.answered.append)),
            asyncio.create_task(self._read(err, self._on_event)),
        ]

    async def command(self, *arguments: str, lines: bytes = b"", step: Step = NEVER) -> list[Any]:
        """Run one command with ``--json`` to its end; return what it answered."""
        await self.start(step, *arguments, "--json", lines=lines)
        await self.ended()
        return self.answered

    async def ended(self) -> None:
        """Wait until the process has ended, and everything that it told was read."""
        if self._process is not None:
            await asyncio.gather(*self._reading)
            # Its streams are closed, so this does not wait.
            self._process.join()

    async def kill(self) -> None:
        """End the process without a warning (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask the process to stop (SIGTERM), and wait until it has."""
        await self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal; nobody waits for what comes of it."""
        if self._process is not None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    async def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            if self._process.pid is not None and self._process.exitcode is None:
                os.kill(self._process.pid, number)
            await self.ended()

    async def _read(self, stream: Connection, tell: Callable[[Any], None]) -> None:
        """Hand on every line of ``stream`` until its writer has gone."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LONGEST_LINE)
        pipe = os.fdopen(os.dup(stream.fileno()), "rb")
        stream.close()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            async for line in reader:
                try:
                    event = msgspec.json.decode(line)
                except msgspec.DecodeError:
                    event = {"event": "said", "text": line.decode(errors="replace").rstrip()}
                tell(event)
        finally:
            transport.close()
