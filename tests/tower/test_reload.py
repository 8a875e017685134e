"""Settings are read again while the tower guards on: all of them or none, and nothing else ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.tower.conftest import XRP, Stage
from tests.tower.test_daemon import note
from watchtower.daemon import run
from watchtower.ledger.socket import DialSettings, Socket
from watchtower.ledger.websocket import dial
from watchtower.machine import Machine
from watchtower.settings import load
from watchtower.tower import route_watch
from watchtower.tower.tending import STATUS_NOTE, Rhythm


@dataclass
class Operator:
    """Whoever writes the file, and has it read again; the tower's connections are counted."""

    stage: Stage
    file: Path
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    dialled: list[str] = field(default_factory=list)

    def write(self, **sections: dict[str, Any]) -> None:
        """Write the settings of the stage, with sections of its own."""
        settings = self.stage.settings
        tables: dict[str, dict[str, Any]] = {
            "authority": {"allow_master_key": True},
            "ledger": {"request_timeout_seconds": 5.0},
            "space": {"reserve_bytes": 65_536},
            "tickets": {"pool": 0, "low_water": 0},
        }
        top = sections.pop("top", {})
        named = {
            "accounts": list(settings.addresses),
            "servers": list(settings.servers),
            "store": settings.store,
            **top,
        }
        lines = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in named.items()]
        for section, values in (tables | sections).items():
            lines.append(f"[{section}]")
            lines += [f"{k} = {msgspec.json.encode(v).decode()}" for k, v in values.items()]
        self.file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @asynccontextmanager
    async def tower(self) -> AsyncIterator[asyncio.Task[Any]]:
        """A running tower whose file is this one."""
        stop = asyncio.Event()

        def counted(url: str, how: DialSettings) -> AbstractAsyncContextManager[Socket]:
            self.dialled.append(url)
            return dial(url, how)

        @contextmanager
        def stopping() -> Iterator[asyncio.Event]:
            yield stop

        @contextmanager
        def reloading() -> Iterator[asyncio.Event]:
            yield self.asked

        machine = Machine(
            dial=counted,
            stopping=stopping,
            reloading=reloading,
            rhythm=Rhythm(claims=0.05, rounds=0.05),
        )
        environment = {"WATCHTOWER_CONFIG": str(self.file)}
        settings = load(self.file, environment)
        daemon = asyncio.create_task(run(settings, "correct horse", environment, machine=machine))
        try:
            yield daemon
        finally:
            stop.set()
            await daemon

    async def until_alarm(self, name: str, *, stands: bool = True) -> str:
        """Wait until an alarm stands, or does not; return its sentence."""
        found = ""

        async def is_so() -> bool:
            nonlocal found
            told: Any = await note(self.stage, STATUS_NOTE)
            alarms = {} if not told else {a["name"]: a["sentence"] for a in told["alarms"]}
            found = alarms.get(name, "")
            return (name in alarms) is stands

        await self.stage.until(is_so, closing=False)
        return found


@pytest.fixture
def operator(stage: Stage, tmp_path: Path) -> Operator:
    """An operator whose file says what the stage's settings say."""
    made = Operator(stage, tmp_path / "watchtower.toml")
    made.write()
    return made


async def test_limit_of_fees_that_is_raised_by_a_reload_redeems_what_was_held_back(
    operator: Operator,
) -> None:
    """In the middle of a close: on the same connections, and of no ledger the facts are missing."""
    stage = operator.stage
    channel = await stage.channel()
    await stage.keep(channel, 19)
    async with operator.tower():
        await stage.close_request(channel)
        (left,) = await stage.until_told(channel, "left")
        assert left.facts["why"] == "dust"
        connections = list(operator.dialled)

        operator.write(fees={"budget_share": 1.0}, alerts={"repeat_seconds": 60})
        operator.asked.set()
        await stage.until_paid(channel, 19)
        await stage.until_told(channel, "attempt_settled")

        there = stage.sandbox.ledger_index

        async def is_past_all_of_it() -> bool:
            told: Any = await note(stage, STATUS_NOTE)
            return (told["accounted"] or 0) >= there

        await stage.until(is_past_all_of_it)
        assert operator.dialled == connections


async def test_file_that_cannot_be_taken_up_changes_nothing_and_is_told_until_one_can(
    operator: Operator,
) -> None:
    """A live setting beside one that only a start can change is not taken up by half."""
    stage = operator.stage
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    redeem = {"exposure_limit_drops": XRP}
    async with operator.tower():
        await stage.until_told(channel, "judged")
        operator.write(top={"allow_plaintext_servers": True}, policy=redeem)
        operator.asked.set()
        assert "`allow_plaintext_servers`" in await operator.until_alarm("reload_refused")

        operator.file.write_text("accounts = [", encoding="utf-8")
        operator.asked.set()

        async def tells_of_another() -> bool:
            return "allow_plaintext" not in await operator.until_alarm("reload_refused")

        await stage.until(tells_of_another, closing=False)
        for _ in range(5):
            await stage.sandbox.accept()
        assert await stage.balance(channel) == 0

        operator.write(policy=redeem)
        operator.asked.set()
        # Nobody asks to close: judged anew, the channel is redeemed by the new policy.
        await stage.until_paid(channel, 30 * XRP)
        await operator.until_alarm("reload_refused", stands=False)


async def test_limits_for_serving_follow_a_reload_and_so_do_their_alarms(
    operator: Operator,
) -> None:
    """What is at stake is counted anew, and an alarm about a limit that is gone does not stand."""
    stage = operator.stage
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    every = {"redeem_every_seconds": 86_400}
    operator.write(policy=every)
    async with operator.tower():
        await stage.until_told(channel, "judged")
        operator.write(policy=every, claims={"most_at_stake_per_payer_drops": XRP})
        operator.asked.set()
        assert stage.payer.address in await operator.until_alarm("exposure_limit_reached")
        operator.write(policy=every)
        operator.asked.set()
        await operator.until_alarm("exposure_limit_reached", stands=False)


async def test_route_that_is_taken_away_while_it_fails_fails_no_more(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alarm about a place where nobody is told any more would stand for ever."""
    monkeypatch.setattr(route_watch, "_LONG", 0.0)
    operator.write(alerts={"webhook": "http://127.0.0.1:1/"})
    async with operator.tower():
        await operator.until_alarm("route_failing")
        operator.write()
        operator.asked.set()
        await operator.until_alarm("route_failing", stands=False)


async def test_secret_file_that_cannot_be_used_is_refused_and_the_old_routes_stay(
    operator: Operator, tmp_path: Path
) -> None:
    """An address that was spoiled while the tower runs must not leave it without a way to tell."""
    secret = tmp_path / "address"
    secret.touch(mode=0o600)
    secret.write_text("http://127.0.0.1:1/T0KEN\n", encoding="utf-8")
    operator.write(alerts={"heartbeat_url_file": "address"})

    async def is_up() -> bool:
        return bool(await note(operator.stage, STATUS_NOTE))

    async with operator.tower():
        await operator.stage.until(is_up, closing=False)
        secret.write_text("nonsense\n", encoding="utf-8")
        operator.asked.set()
        assert "not an http(s) address" in await operator.until_alarm("reload_refused")
        secret.write_text("http://127.0.0.1:1/T0KEN\n", encoding="utf-8")
        operator.asked.set()
        await operator.until_alarm("reload_refused", stands=False)
