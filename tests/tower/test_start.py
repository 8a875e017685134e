"""Starting: what comes in, or is not there yet, while the tower begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typing_extensions import override

from tests.store.make import tamper
from tests.tower.conftest import PASSPHRASE, XRP, Stage
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Guard, Sight
from watchtower.daemon import run
from watchtower.errors import TicketPoolError
from watchtower.judgement.claim import Claim
from watchtower.ledger.servers import Servers
from watchtower.machine import Machine
from watchtower.settings import LedgerSettings, TicketSettings
from watchtower.store.database import Store
from watchtower.tower.tending import STATUS_NOTE, Rhythm
from watchtower.units import Drops, RippleTime
from watchtower.wiring import policy_of


class _Environment(Mapping[str, str]):
    """An empty environment; the first time that anybody looks into it, something happens."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens: list[Callable[[], None]] = [happens]

    @override
    def __getitem__(self, name: str) -> str:
        while self._happens:
            self._happens.pop()()
        raise KeyError(name)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(())

    @override
    def __len__(self) -> int:
        return 0


async def test_claim_kept_by_another_process_while_the_tower_starts_is_guarded(
    stage: Stage,
) -> None:
    """It was acknowledged after the store was read, and before the first look for new claims."""
    channel = await stage.channel()
    await stage.keep(channel, 10 * XRP)
    amount = Drops(30 * XRP)
    claim = Claim(
        channel=channel,
        amount=amount,
        public_key=stage.payer.public_key,
        signature=stage.payer.sign_claim(channel, amount),
    )
    async with Servers.connected([stage.sandbox.url]) as servers:
        fact = await servers.read_channel(channel)
    sight = Sight(fact=fact, ledger_time=RippleTime(stage.sandbox.close_time))

    async def keep() -> None:
        async with await Store.open(Path(stage.settings.store), PASSPHRASE) as store:
            guarded = [stage.payee.address]
            intake = Intake(store, Guard(payees=guarded, policy=policy_of(stage.settings)))
            assert (await intake.take(claim, sight)).is_stored

    def in_another_thread() -> None:
        thread = Thread(target=lambda: asyncio.run(keep()))
        thread.start()
        thread.join()

    daemon = asyncio.create_task(run(stage.settings, PASSPHRASE, _Environment(in_another_thread)))
    try:
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
    finally:
        daemon.cancel()
        await asyncio.wait([daemon])


async def test_tower_that_starts_before_any_server_is_there_guards_once_one_comes(
    stage: Stage,
) -> None:
    """After a power cut the tower's machine is often up before the server's."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    stage.sandbox.refuse_connections(refuse=True)
    async with stage.tower(machine=Machine(rhythm=Rhythm(rounds=0.1, blind=0))) as daemon:

        async def said() -> bool:
            async with stage.store() as store, store.read() as work:
                status = await work.notes.get(STATUS_NOTE) or {}
            return "no_server" in {alarm["name"] for alarm in status.get("alarms", ())}

        await stage.until(said)
        # The tower waits longer and longer between two tries.
        stage.pace = 0.2
        stage.sandbox.refuse_connections(refuse=False)
        await stage.until_paid(channel, 30 * XRP)
        assert not daemon.done()


async def test_servers_that_are_away_for_a_moment_wake_nobody(stage: Stage) -> None:
    """A router starts again: the status says so at once, and no urgent alarm does."""
    seen: list[Mapping[str, Any]] = []

    async def is_blind() -> bool:
        async with stage.store() as store, store.read() as work:
            status = await work.notes.get(STATUS_NOTE) or {}
        seen.append(status)
        return bool(status) and not any(server["connected"] for server in status["servers"])

    async def sees() -> bool:
        return not await is_blind()

    rhythm = Rhythm(rounds=0.05, status=0.05, blind=3_600)
    async with stage.tower(machine=Machine(rhythm=rhythm)):
        await stage.until(sees)
        stage.sandbox.refuse_connections(refuse=True)
        stage.sandbox.cut()
        await stage.until(is_blind)
        stage.sandbox.refuse_connections(refuse=False)
        await stage.until(sees)
    told = {alarm["name"] for status in seen for alarm in status.get("alarms", ())}
    assert "server_unreachable" in told
    assert "no_server" not in told


async def test_servers_that_are_all_connected_and_silent_are_one_message(stage: Stage) -> None:
    """Each is connected to anew, and announces nothing; until a ledger comes that is an outage."""
    stage.with_settings(ledger=LedgerSettings(request_timeout_seconds=5.0, silence_seconds=0.2))
    status: dict[str, Any] = {}

    async def is_told() -> bool:
        async with stage.store() as store, store.read() as work:
            status.update(await work.notes.get(STATUS_NOTE) or {})
        return "no_server" in {alarm["name"] for alarm in status.get("alarms", ())}

    async def is_over() -> bool:
        return not await is_told()

    rhythm = Rhythm(rounds=0.05, status=0.05, blind=1)  # longer than a connection keeps silent
    async with stage.tower(machine=Machine(rhythm=rhythm)):
        await stage.until(is_told, closing=False)
        told = {alarm["name"]: alarm["sentence"] for alarm in status["alarms"]}
        assert f"{stage.sandbox.url}: it announces no ledger" in told["no_server"]
        await stage.until(is_over)


async def leave_the_payee(stage: Stage, drops: int) -> None:
    """Let its owner sweep the payee's account down to so much."""
    away = {
        "TransactionType": "Payment",
        "Destination": stage.payer.address,
        "Amount": str(await stage.money() - drops - 10),
    }
    await stage.hand.submit(away, stage.payee)
    await stage.sandbox.accept()


async def test_pool_that_the_reserve_cannot_hold_is_refused_at_the_first_start_and_not_later(
    stage: Stage,
) -> None:
    """While nothing hangs on it, a person is told; once the tower guards, it goes on guarding."""
    stage.with_settings(tickets=TicketSettings(pool=4, low_water=2))
    await leave_the_payee(stage, 2_500_000)
    async with stage.tower() as refused:
        with pytest.raises(TicketPoolError, match=r"0\.3 XRP short .* to 2 or less"):
            await asyncio.wait_for(refused, 30)
    assert await stage.tickets() == []
    assert await stage.money() == 2_500_000
    stage.with_settings(tickets=TicketSettings(pool=2, low_water=1))
    async with stage.tower():
        await stage.until_tickets(2)
    await leave_the_payee(stage, 1_500_000)
    channel = await stage.channel()
    async with stage.tower() as daemon:
        await stage.until_told(channel, "channel_opened")
        await stage.keep(channel, 30 * XRP)
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        assert not daemon.done()


async def test_pool_that_the_reserve_cannot_hold_stops_no_tower_that_has_something_to_guard(
    stage: Stage,
) -> None:
    """Not even at its first start: it says so, and redeems without tickets."""
    stage.with_settings(tickets=TicketSettings(pool=250, low_water=2))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await leave_the_payee(stage, 2_500_000)
    async with stage.tower() as daemon:

        async def said() -> bool:
            async with stage.store() as store, store.read() as work:
                status = await work.notes.get(STATUS_NOTE) or {}
            return "ticket_pool_short" in {alarm["name"] for alarm in status.get("alarms", ())}

        await stage.until(said)
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        assert not daemon.done()


async def test_newest_line_of_the_journal_that_cannot_be_read_keeps_no_tower_from_starting(
    stage: Stage,
) -> None:
    """What is owed is owed all the same, and claims that come later are found behind that line."""
    channel, later = await stage.channel(), await stage.channel()
    await stage.keep(channel, 30 * XRP)
    tamper(
        Path(stage.settings.store),
        "UPDATE journal SET sealed = zeroblob(92) WHERE row = (SELECT max(row) FROM journal)",
    )
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await stage.keep(later, 20 * XRP)
        await stage.close_request(later)
        await stage.until_paid(later, 20 * XRP)
