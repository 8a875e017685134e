"""An operator's set-up against a network in a box: a payee, a canary with money, a real daemon."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.store.make import CHEAP
from watchtower.cli.drilling import drill_by_the_daemon
from watchtower.daemon import run
from watchtower.keys.canary import make_canary
from watchtower.keys.vault import Vault
from watchtower.logs import configure
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.settings import Settings, load
from watchtower.store.database import Store
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import ChannelId

PASSPHRASE = "correct horse"
NETWORK = 1
AMOUNT = 1_000_000
LOOKS = 600
"""Looks after which a test gives up waiting for a condition, twenty a second."""


@dataclass
class Stage:
    """A folder with configuration and store, a ledger ten times a second, and people."""

    folder: Path
    hand: Hand
    url: str
    payee: Person
    canary: Person

    def write(self, **drill: object) -> None:
        """Write the configuration, with so much about drills."""
        rows = {"payer": f'"{self.canary.address}"', **drill}
        table = "".join(f"{name} = {value}\n" for name, value in rows.items())
        urls = [self.url, self.url.replace("127.0.0.1", "localhost")]
        (self.folder / "watchtower.toml").write_text(
            f'accounts = ["{self.payee.address}"]\nservers = {urls}\n'
            f"[authority]\nallow_master_key = true\n[tickets]\npool = 0\nlow_water = 0\n"
            f"[drill]\n{table}",
            encoding="utf-8",
        )

    @property
    def settings(self) -> Settings:
        """What the configuration says."""
        return load(self.folder / "watchtower.toml", {})

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """The store as another process sees it."""
        async with await Store.open(self.folder / "watchtower.db", PASSPHRASE) as store:
            yield store

    async def note(self, name: str) -> Any:
        """What stands in the store under a name."""
        async with self.store() as store, store.read() as work:
            return await work.notes.get(name)

    async def entry(self, channel: ChannelId) -> Mapping[str, Any] | None:
        """A channel as a validated ledger has it."""
        found = await self.hand.request(
            "ledger_entry", payment_channel=channel, ledger_index="validated"
        )
        node: Mapping[str, Any] | None = found.get("node")
        return node

    async def drill(self) -> Mapping[str, Any]:
        """Drill on the network, as the command does."""
        return await drill_by_the_daemon(self.settings)

    @asynccontextmanager
    async def process(self, *arguments: str) -> AsyncIterator[Process]:
        """A command in a process of its own, which is killed in the end if it has not ended."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "watchtower", *arguments),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            env={
                **environment,
                "WATCHTOWER_CONFIG": str(self.folder / "watchtower.toml"),
                "WATCHTOWER_PASSPHRASE": PASSPHRASE,
            },
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def guards(self) -> bool:
        """Whether a daemon has said that it guards."""
        told = await self.note(STATUS_NOTE)
        return told is not None and told["ledger_index"] is not None

    @asynccontextmanager
    async def daemon(self, *, shadow: bool = False) -> AsyncIterator[None]:
        """The daemon in this process, with its own store and sockets, once it guards."""
        running = asyncio.create_task(run(self.settings, PASSPHRASE, {}, shadow=shadow))
        try:
            await until(self.guards)
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition."""
    for _ in range(LOOKS):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(condition)


@pytest.fixture
def network() -> int:
    """Whose ledger it is; a test may say another."""
    return NETWORK


@pytest.fixture
async def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: int
) -> AsyncIterator[Stage]:
    """A set-up in which nothing runs yet."""
    monkeypatch.setenv("WATCHTOWER_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("WATCHTOWER_CONFIG", str(tmp_path / "watchtower.toml"))
    configure(level="error")
    async with (
        Sandbox(clock=Clock.FAST, rules=Rules(network_id=network)) as sandbox,
        Hand(sandbox.url) as hand,
    ):
        made = Stage(tmp_path, hand, sandbox.url, Person.named("a payee"), Person.named("a canary"))
        await hand.fund(made.payee, made.canary)
        made.write()
        path = tmp_path / "watchtower.db"
        async with await Store.create(path, PASSPHRASE, cost=CHEAP) as store:
            await Vault(store).import_seed(made.payee.address, made.payee.seed)
            await make_canary(store, made.canary.seed, [made.payee.address])
        yield made
