"""The real daemon as a process of its own, and the real command line that feeds it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

__all__ = ["PASSPHRASE", "CommandFailed", "TowerProcess"]

PASSPHRASE: Final = "a demo needs no secret"  # noqa: S105 - it guards nothing
"""What opens the store of every set-up."""

_COMMAND: Final = (sys.executable, "-m", "watchtower")
_LONGEST_LINE: Final = 2**20


class CommandFailed(Exception):  # noqa: N818 - the story's own turn, told and ended by it
    """A command of the watchtower ended with an error; the message is its own."""


class TowerProcess:
    """One set-up in ``folder``, and at most one daemon that runs on it."""

    def __init__(self, folder: Path, on_event: Callable[[Mapping[str, Any]], None]) -> None:
        """Hand every line that the daemon logs to ``on_event``."""
        self._on_event = on_event
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")},
            "WATCHTOWER_CONFIG": str(folder / "watchtower.toml"),
            "WATCHTOWER_PASSPHRASE": PASSPHRASE,
        }
        self._daemon: Process | None = None
        self._listening: asyncio.Task[None] | None = None

    async def command(self, *arguments: str, lines: bytes = b"") -> list[dict[str, Any]]:
        """Run one command with ``--json``; return what it answered, a line each.

        Raises:
            CommandFailed: it ended with another exit code than 0.
        """
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *arguments,
            "--json",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._environment,
            limit=_LONGEST_LINE,
        )
        out, err = await process.communicate(lines)
        if process.returncode != 0:
            raise CommandFailed(err.decode().strip() or f"exit code {process.returncode}")
        return [msgspec.json.decode(line) for line in out.splitlines()]

    async def set_up(self, account: str, seed: str, servers: Sequence[str]) -> None:
        """Make configuration, store and key, as a new user would."""
        urls = [part for server in servers for part in ("--server", server)]
        # The cast have no other keys than their master keys, and nobody is to be robbed here.
        await self.command("init", "--account", account, "--allow-master-key", *urls)
        await self.command(
            "key", "import", "--account", account, "--seed-file", "-", lines=seed.encode()
        )

    async def start(self) -> None:
        """Start the daemon."""
        self._daemon = await asyncio.create_subprocess_exec(
            *_COMMAND,
            "run",
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            env=self._environment,
            limit=_LONGEST_LINE,
        )
        self._listening = asyncio.create_task(self._listen(self._daemon))

    async def kill(self) -> None:
        """End the daemon without a warning (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask the daemon to stop (SIGTERM), and wait until it has."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        if self._daemon is None or self._listening is None:
            return
        if self._daemon.returncode is None:
            self._daemon.send_signal(number)
        await self._daemon.wait()
        await self._listening
        self._daemon = None

    async def _listen(self, daemon: Process) -> None:
        if daemon.stderr is None:
            return
        async for line in daemon.stderr:
            try:
                event = msgspec.json.decode(line)
            except msgspec.DecodeError:
                event = {"event": "said", "text": line.decode(errors="replace").rstrip()}
            self._on_event(event)
