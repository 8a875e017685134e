"""A drill without any network: an embedded ledger, a store of its own, and the real daemon.

Everything happens in a private folder that is gone afterwards. The operator's policy, fees and
tickets hold; the commands are those that a person would run, each a process of its own.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from watchtower.demo.process import CommandFailed, TowerProcess
from watchtower.drill_settings import DrillSettings
from watchtower.errors import DrillFailedError
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.server import Clock, Sandbox

__all__ = ["drill_in_a_box"]

_PAYEE: Final = Person.named("the payee of a drill")
_CANARY: Final = Person.named("the canary of a drill")
_NETWORK: Final = 1_000
"""Nobody's network; the highest for which transactions need not name it is 1024."""

_LOOK_EVERY: Final = 0.2
_PATIENCE: Final = 60.0
"""Seconds that the daemon has to tell that it guards."""


async def drill_in_a_box(
    tables: Mapping[str, Struct], settings: DrillSettings, *, fast: bool
) -> dict[str, Any]:
    """Make a drill, and return its record.

    Args:
        tables: parts of the operator's configuration by their names.
        settings: of the drill; its accounts are others here.
        fast: whether ledgers close every tenth of a second, which measures nothing.

    Raises:
        DrillFailedError: it did not come so far that there is a record.
    """
    drill = msgspec.structs.replace(
        settings, payer=_CANARY.address, payee=_PAYEE.address, allow_mainnet=False
    )
    clock = Clock.FAST if fast else Clock.WALL
    async with (
        Sandbox(clock=clock, rules=Rules(network_id=_NETWORK)) as sandbox,
        Hand(sandbox.url) as hand,
    ):
        await hand.fund(_PAYEE, _CANARY)
        with tempfile.TemporaryDirectory(prefix="watchtower-drill-") as folder:
            guards = asyncio.Event()

            def hear(event: Mapping[str, Any]) -> None:
                if event.get("event") == "guarding":
                    guards.set()

            tower = TowerProcess(Path(folder), hear)
            try:
                await _set_up(tower, Path(folder), sandbox.url, {**tables, "drill": drill})
                await _wait_until_it_guards(tower, guards)
                return await _drill(tower)
            except CommandFailed as failed:
                raise DrillFailedError(why=str(failed).rstrip(".")) from None
            finally:
                await tower.stop()


async def _set_up(
    tower: TowerProcess, folder: Path, url: str, tables: Mapping[str, Struct]
) -> None:
    other = url.replace("127.0.0.1", "localhost")
    await tower.set_up(_PAYEE.address, _PAYEE.seed, [url, other])
    with (folder / "watchtower.toml").open("a", encoding="utf-8") as file:
        file.write("".join(_toml(name, table) for name, table in tables.items()))
    await tower.command("drill", "setup", "--seed-file", "-", lines=_CANARY.seed.encode())
    await tower.start()


async def _drill(tower: TowerProcess) -> dict[str, Any]:
    try:
        (record,) = await tower.command("drill", "run", "--network")
    except CommandFailed:
        (told,) = await tower.command("drill", "show")
        if told["last"] is None:
            raise
        record = told["last"]
    return {**record, "place": "sandbox", "network_id": None}


async def _wait_until_it_guards(tower: TowerProcess, guards: asyncio.Event) -> None:
    """Wait for the daemon's first word; a drill before that would measure its start.

    Raises:
        DrillFailedError: it says nothing for a minute.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            await guards.wait()
            while True:
                try:
                    (status,) = await tower.command("status")
                except CommandFailed:  # with exit code 3, that it does not run yet
                    status = {}
                if status.get("ledger_index") is not None:
                    return
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        raise DrillFailedError(why=f"the daemon said nothing for {_PATIENCE:g} s") from None


def _toml(name: str, table: Struct) -> str:
    """Return a table as TOML, whose numbers, words and truths are written as JSON's are."""
    rows = msgspec.to_builtins(table).items()
    kept = (f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in rows)
    return f"\n[{name}]\n{''.join(kept)}"
