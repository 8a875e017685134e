"""What redeeming costs, read back from the payee's own account."""

from __future__ import annotations

from tests.tower.conftest import XRP, Stage
from watchtower.settings import FeeSettings, PolicySettings, TicketSettings
from watchtower.tower.tending import STATUS_NOTE


async def money(stage: Stage) -> int:
    """The payee's XRP, in drops, by the ledger itself."""
    found = await stage.hand.request("account_info", account=stage.payee.address)
    return int(found["account_data"]["Balance"])


async def test_fee_that_no_server_takes_for_many_ledgers_is_paid_once_and_within_the_cap(
    stage: Stage,
) -> None:
    """Every replacement sits on the same seat, so that only one of them can ever cost anything."""
    stage.with_settings(
        fees=FeeSettings(cap_drops=40, last_ledger_offset=100),
        tickets=TicketSettings(pool=0, low_water=0),
    )
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    before = await money(stage)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        await stage.close_request_and_then(
            channel, lambda: stage.sandbox.refuse_submissions(25, "telINSUF_FEE_P")
        )
        made = await stage.until_told(channel, "attempt_made", 5)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until_told(channel, "attempt_settled", len(made))
    assert len({entry.facts["sequence"] for entry in made}) == 1
    assert before + 30 * XRP - 40 <= await money(stage) < before + 30 * XRP


async def test_stream_of_claims_on_a_closing_channel_costs_less_than_it_brings(
    stage: Stage,
) -> None:
    """The payer promises a few drops more in every ledger, hoping that each costs us a fee."""
    stage.with_settings(policy=PolicySettings(exposure_limit_drops=XRP, redeem_every_seconds=60))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    before = await money(stage)
    async with stage.tower():
        await stage.close_request(channel)
        for more in range(1, 31):
            await stage.keep(channel, 30 * XRP + more)
            await stage.sandbox.accept()
        await stage.until_paid(channel, 30 * XRP)
        await stage.keep(channel, 31 * XRP)
        await stage.until_paid(channel, 31 * XRP)
        made = await stage.until_told(channel, "attempt_made")
        await stage.until_told(channel, "attempt_settled", len(made))
    assert await money(stage) >= before + 31 * XRP - 100


async def test_dust_is_left_told_once_and_redeemed_when_it_becomes_worth_its_fee(
    stage: Stage,
) -> None:
    """Nobody pays ten drops to be paid nineteen; a better claim makes it worth it."""
    channel = await stage.channel()
    await stage.keep(channel, 19)
    async with stage.tower():
        await stage.close_request(channel)
        (left,) = await stage.until_told(channel, "left")
        for _ in range(3):
            await stage.sandbox.accept()
        assert await stage.balance(channel) == 0
        await stage.keep(channel, 30 * XRP)
        await stage.until_paid(channel, 30 * XRP)
        assert len(await stage.until_told(channel, "left")) == 1
    assert left.facts == {"why": "dust", "at_stake": 19}


async def test_fees_of_a_day_that_are_spent_while_something_is_owed_wake_somebody_up(
    stage: Stage,
) -> None:
    """The second channel would be lost without a word."""
    stage.with_settings(
        fees=FeeSettings(cap_drops=15, daily_cap_drops=15),
        tickets=TicketSettings(pool=0, low_water=0),
    )
    channels = [await stage.channel() for _ in range(2)]
    for channel in channels:
        await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        for channel in channels:
            await stage.close_request(channel)
        await stage.until_paid(channels[0], 30 * XRP)
        await stage.until_told(channels[1], "left")

        async def told() -> bool:
            async with stage.store() as store, store.read() as work:
                status = await work.notes.get(STATUS_NOTE) or {}
            names = {alarm["name"] for alarm in status.get("alarms", ())}
            return "daily_cap_reached" in names

        await stage.until(told, closing=False)
