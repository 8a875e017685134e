"""Seats: tickets made ahead, and whatever uses or burns one of ours stops no redemption."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.settings import TicketSettings

NO_TICKETS = TicketSettings(pool=0, low_water=0)


async def test_tickets_are_made_ahead_of_need_and_made_again_when_they_are_used(
    stage: Stage,
) -> None:
    """The pool is filled from four, by transactions that are journalled like any other."""
    stage.with_settings(tickets=TicketSettings(pool=4, low_water=3))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        first = await stage.until_tickets(4)
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        made = await stage.until_told(channel, "attempt_made")
        again = await stage.until_tickets(4)
    assert made[0].facts["ticket"] == first[0]
    assert first[0] not in again
    async with stage.store() as store, store.read() as work:
        kinds = [attempt.purpose.value for attempt in await work.attempts.load_all()]
    assert kinds.count("make_tickets") >= 2


async def test_account_that_cannot_hold_tickets_makes_none_and_redeems_all_the_same(
    stage: Stage,
) -> None:
    """What it has above its reserve is for fees first."""
    stage.with_settings(tickets=TicketSettings(pool=250, low_water=2))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    balance = (await stage.hand.request("account_info", account=stage.payee.address))[
        "account_data"
    ]["Balance"]
    away = {
        "TransactionType": "Payment",
        "Destination": stage.payer.address,
        "Amount": str(int(balance) - 1_900_000),
    }
    await stage.hand.submit(away, stage.payee)
    await stage.sandbox.accept()
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        made = await stage.until_told(channel, "attempt_made")
    assert all("sequence" in entry.facts for entry in made)


@pytest.mark.parametrize("pool", [NO_TICKETS, TicketSettings(pool=2, low_water=1)])
async def test_owner_that_uses_our_very_sequences_stops_no_redemption(
    stage: Stage, pool: TicketSettings
) -> None:
    """The account's own wallet takes the sequence of three attempts, one after the other."""
    stage.with_settings(tickets=pool)
    channels = [await stage.channel() for _ in range(3)]
    for channel in channels:
        await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_tickets(pool.pool)
        stage.sandbox.node.bystanders.use_sequence(stage.payee.seed, count=3, at="submission")
        for channel in channels:
            await stage.close_request(channel)
        for channel in channels:
            await stage.until_paid(channel, 30 * XRP)


@pytest.mark.parametrize("at", ["submission", "close"])
@pytest.mark.parametrize("pool", [NO_TICKETS, TicketSettings(pool=3, low_water=1)])
async def test_stripped_signature_that_burns_the_seat_is_noticed_and_replaced_at_once(
    tmp_path: Path, at: Literal["submission", "close"], pool: TicketSettings
) -> None:
    """With fixCleanup3_2_0 anybody who sees a claim can burn its fee and its seat."""
    rules = Rules(amendments=DEFAULT_AMENDMENTS | {"fixCleanup3_2_0"})
    async with stage_on(tmp_path, rules=rules) as stage:
        stage.with_settings(tickets=pool)
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        async with stage.tower():
            await stage.until_tickets(pool.pool)
            stage.sandbox.node.bystanders.strip_signatures(3, at)
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
            made = await stage.until_told(channel, "attempt_made", 2)
            settled = await stage.until_told(channel, "attempt_settled", len(made))
    assert {"paid", "superseded"} <= {entry.facts["outcome"] for entry in settled}
