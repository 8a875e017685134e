"""Claims that wait for their channel: acknowledged is acknowledged, whoever else waits."""

from __future__ import annotations

from tests.tower.conftest import XRP, Stage
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.judgement.claim import Claim
from watchtower.sandbox.hashing import account_index, channel_index
from watchtower.sandbox.people import Person
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import ChannelId, Drops, RippleTime
from watchtower.wiring import guard_of


async def promise(stage: Stage, channel: ChannelId, drops: int = 30 * XRP) -> None:
    """The payer's claim comes in while no server answers."""
    claim = Claim(
        channel=channel,
        amount=Drops(drops),
        public_key=stage.payer.public_key,
        signature=stage.payer.sign_claim(channel, Drops(drops)),
    )
    async with stage.store() as store:
        intake = Intake(store, guard_of(stage.settings))
        receipt = await intake.take(claim, Sight(fact=None, ledger_time=RippleTime(0)))
    assert receipt.report()["pending"] is True


async def pending(stage: Stage) -> set[ChannelId]:
    """The channels that claims wait for."""
    async with stage.store() as store, store.read() as work:
        return {claim.channel for claim in await work.claims.load_pending()}


async def test_claim_for_what_is_no_channel_does_not_hold_up_the_others(stage: Stage) -> None:
    """Anybody may sign a claim for the id of an account; the ledger refuses to show it."""
    strangers = [Person.named(f"a stranger {number}") for number in range(5)]
    await stage.hand.fund(*strangers)
    for stranger in strangers:
        await promise(stage, ChannelId(account_index(stranger.address)))
    channel = await stage.channel()
    await promise(stage, channel)
    async with stage.tower():
        await stage.until_told(channel, "claim_kept")
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)


async def test_claim_of_a_channel_that_the_ledger_does_not_show_yet_goes_on_waiting(
    stage: Stage,
) -> None:
    """The first server that answers may be behind the payer's; the claim was acknowledged."""
    info = await stage.hand.request("account_info", account=stage.payer.address)
    sequence = int(info["account_data"]["Sequence"])
    coming = ChannelId(channel_index(stage.payer.address, stage.payee.address, sequence))
    await promise(stage, coming)
    async with stage.tower():

        async def looked() -> bool:
            async with stage.store() as store, store.read() as work:
                return await work.notes.get(STATUS_NOTE) is not None

        await stage.until(looked)
        assert await stage.channel() == coming
        await stage.until_told(coming, "claim_kept")
        await stage.close_request(coming)
        await stage.until_paid(coming, 30 * XRP)


async def test_claim_of_a_channel_that_never_comes_is_refused_in_the_end(stage: Stage) -> None:
    """What is no channel after many ledgers was none; the journal keeps the word."""
    nothing = ChannelId("7" * 64)
    await promise(stage, nothing)
    async with stage.tower():
        await stage.until_told(nothing, "claim_refused")
    assert await pending(stage) == set()
