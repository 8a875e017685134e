"""Around the main job: networks, alarms that reach people, status, and pending claims."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.tower.conftest import XRP, Stage
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.errors import StoreNetworkError
from watchtower.judgement.claim import Claim
from watchtower.sandbox.people import Person
from watchtower.settings import AlertSettings
from watchtower.store.notes import RECOVERY
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import Drops, RippleTime
from watchtower.wiring import guard_of


async def note(stage: Stage, name: str) -> dict[str, object]:
    """A note that the daemon left in the store."""
    async with stage.store() as store, store.read() as work:
        return dict(await work.notes.get(name) or {})


async def test_store_of_another_network_is_refused(stage: Stage) -> None:
    """Channel ids and sequences of one network mean nothing on another."""
    async with stage.store() as store:
        await store.pin_network(21_338)
    for options in ({}, {"once": True}):
        async with stage.tower(**options) as daemon:
            with pytest.raises(StoreNetworkError, match="21338"):
                await asyncio.wait_for(daemon, 20)


async def test_first_start_pins_the_store_to_its_network(stage: Stage) -> None:
    """From then on it belongs to that one."""
    async with stage.tower(once=True) as daemon:
        await asyncio.wait_for(daemon, 20)
    async with stage.store() as store:
        assert store.network == 0


async def test_alarm_reaches_the_operators_command(stage: Stage, tmp_path: Path) -> None:
    """As JSON on its standard input, for whatever the operator does with it."""
    told = tmp_path / "told.jsonl"
    # The command may not have been run yet when somebody looks for what it was told.
    told.touch()
    code = f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + chr(10))"
    stage.with_settings(alerts=AlertSettings(command=(sys.executable, "-c", code)))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)

        async def heard() -> bool:
            names = {json.loads(line)["name"] for line in told.read_text().splitlines()}
            return {"single_server", "close_requested", "redeemed"} <= names

        stage.pace = 0.2
        await stage.until(heard)


async def test_status_says_what_is_guarded_and_that_it_stopped(stage: Stage) -> None:
    """`watchtower status` reads it from the store, in another process."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower(once=True) as daemon:
        await asyncio.wait_for(daemon, 20)
    told = await note(stage, STATUS_NOTE)
    assert told["channels"] == 1
    assert told["at_stake"] == 30 * XRP
    assert told["stopped"] is True
    assert [alarm["name"] for alarm in told["alarms"]] == ["single_server"]  # type: ignore[attr-defined]  # JSON


async def test_pending_claim_is_judged_as_soon_as_a_server_tells(stage: Stage) -> None:
    """It came while no server answered; the daemon settles it and redeems by it."""
    channel = await stage.channel()
    claim = Claim(
        channel=channel,
        amount=Drops(30 * XRP),
        public_key=stage.payer.public_key,
        signature=stage.payer.sign_claim(channel, Drops(30 * XRP)),
    )
    async with stage.store() as store:
        intake = Intake(store, guard_of(stage.settings))
        receipt = await intake.take(claim, Sight(fact=None, ledger_time=RippleTime(0)))
        assert receipt.report()["pending"] is True
    async with stage.tower():
        await stage.until_told(channel, "claim_kept")
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)


async def test_restored_store_acts_once_it_is_reconciled(stage: Stage) -> None:
    """The note goes when every channel was read from the ledger, and then it guards."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.store() as store, store.write() as work:
        await work.notes.put(RECOVERY, {"from": "a backup"})
    await stage.close_request(channel)
    async with stage.tower():
        await stage.until_paid(channel, 30 * XRP)
    assert await note(stage, RECOVERY) == {}


async def test_store_in_doubt_while_the_tower_runs_is_reconciled_without_a_restart(
    stage: Stage,
) -> None:
    """A head may speak against it at any time; pruning and the alarm would else wait for ever."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "channel_opened")
        async with stage.store() as store, store.write() as work:
            await work.notes.put_in_recovery({"heads": ["there"]})

        async def is_over() -> bool:
            return await note(stage, RECOVERY) == {}

        await stage.until(is_over)


async def test_two_servers_are_both_told_and_one_that_hangs_costs_nothing(stage: Stage) -> None:
    """The same ledger under two addresses; a third that nobody answers at."""
    url = stage.sandbox.url
    stage.with_settings(servers=(url, url.replace("127.0.0.1", "localhost"), "ws://127.0.0.1:1"))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    # A tower that a busy machine makes too late for its ledgers rightly tries again.
    stage.pace = 0.15
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until_told(channel, "attempt_settled")
    made = [entry for entry in await stage.story(channel) if entry.kind == "attempt_made"]
    assert len(made) == 1


async def test_payee_that_can_hardly_pay_its_fees_is_told_of(stage: Stage) -> None:
    """Before the close comes for which there is no fee left."""
    payment = {
        "TransactionType": "Payment",
        "Destination": stage.payer.address,
        "Amount": str(9_998 * XRP + 500_000),
    }
    await stage.hand.settle(payment, stage.payee)
    async with stage.tower(once=True) as daemon:
        await asyncio.wait_for(daemon, 20)
    alarms = (await note(stage, STATUS_NOTE))["alarms"]
    (low,) = [alarm for alarm in alarms if alarm["name"] == "fee_money_low"]  # type: ignore[attr-defined]  # JSON
    assert low["subject"] == stage.payee.address


async def test_account_that_is_not_in_the_ledger_yet_stops_nobody(stage: Stage) -> None:
    """An operator may configure an account before it is funded."""
    stage.with_settings(accounts=(*stage.settings.accounts, Person.named("unfunded").address))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
