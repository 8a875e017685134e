"""A signer as a process of its own: the real command, the real socket, the real store."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.store.make import CHEAP, PASSPHRASE
from watchtower.keys.vault import Algorithm, Vault
from watchtower.sandbox.people import Person
from watchtower.settings import CONFIG_VARIABLE
from watchtower.signer_settings import SignerSettings, load_signer
from watchtower.store.database import Store
from watchtower.store.journal import Entry

__all__ = ["SignerProcess", "signer_settings"]

_COMMAND: Final = (sys.executable, "-m", "watchtower", "signer", "run")


def signer_settings(folder: Path, **settings: Any) -> SignerSettings:
    """Write a signer's configuration into ``folder``, for this user, and return it as loaded."""
    folder.mkdir(mode=0o700, exist_ok=True)
    table = {
        "users": [os.getuid()],
        "socket": "socket",
        "allow_master_key": True,
        **settings,
    }
    lines = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in table.items()]
    path = folder / "signer.toml"
    path.write_text("\n".join(["[signer]", *lines]) + "\n", encoding="utf-8")
    return load_signer(path)


class SignerProcess:
    """A signer in ``folder`` for some people, and at most one process of it."""

    def __init__(self, folder: Path, settings: SignerSettings) -> None:
        """Prepare; see `make`."""
        self.folder = folder
        self.settings = settings
        self.events: list[Mapping[str, Any]] = []
        self._passphrase = PASSPHRASE
        self._process: Process | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._is_ready = asyncio.Event()

    @classmethod
    async def make(
        cls,
        folder: Path,
        *people: Person,
        own: Sequence[Person] = (),
        passphrase: str = PASSPHRASE,
        **settings: Any,
    ) -> SignerProcess:
        """Make configuration, store and keys, also those of its ``own`` accounts; nothing runs."""
        named = {"payees": [person.address for person in people], **settings}
        made = cls(folder, signer_settings(folder, **named))
        made._passphrase = passphrase
        async with await Store.create(Path(made.settings.store), passphrase, cost=CHEAP) as store:
            for person in (*people, *own):
                await Vault(store).import_seed(
                    person.address, person.seed, algorithm=Algorithm.SECP256K1
                )
        return made

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return Path(self.settings.signer.socket)

    @property
    def pid(self) -> int | None:
        """Its number; None before it ran."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs, or before it did."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Start it, and wait until it listens, or has ended."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")}
        self._process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            env={
                **environment,
                CONFIG_VARIABLE: str(self.folder / "signer.toml"),
                "WATCHTOWER_PASSPHRASE": self._passphrase,
            },
        )
        self._is_ready.clear()
        self._hearing = asyncio.create_task(self._hear(self._process))
        await self._is_ready.wait()

    async def kill(self) -> None:
        """End it without a warning."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        await self._end(signal.SIGTERM)

    async def journal(self) -> list[Entry]:
        """What it has written down."""
        async with (
            await Store.open(Path(self.settings.store), self._passphrase) as store,
            store.read() as work,
        ):
            return await work.journal.load_all()

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._hearing is None:
            return
        if self._process.returncode is None:
            self._process.send_signal(number)
        await self._process.wait()
        await self._hearing

    async def _hear(self, process: Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            try:
                event = msgspec.json.decode(line)
            except msgspec.DecodeError:
                event = {"event": "said", "text": line.decode(errors="replace")}
            self.events.append(event)
            if event.get("event") == "signing":
                self._is_ready.set()
        self._is_ready.set()
