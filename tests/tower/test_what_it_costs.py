"""What redeeming costs, read back from the payee's own account."""

from __future__ import annotations

from tests.tower.conftest import XRP, Stage
from watchtower.settings import FeeSettings, PolicySettings, TicketSettings


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
