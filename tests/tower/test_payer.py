"""The payer's side of a running tower: ended channels are finalised, stolen claim keys noticed."""

from __future__ import annotations

from tests.tower.conftest import TF_RENEW, XRP, Stage
from tests.tower.payers import (
    guard_the_payer,
    redeem,
    register,
    until_alarmed,
    until_done,
    until_gone,
)
from tests.tower.test_commands import command


async def test_channel_that_expired_is_finalised(stage: Stage) -> None:
    """The payer's close request runs out, nobody touches the channel, and the tower does."""
    await guard_the_payer(stage)
    channel = await stage.channel(settle_delay=900)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_told(channel, "close_requested")
        await stage.sandbox.advance(1_000)
        await until_gone(stage, channel)
        await until_done(stage, channel)


async def test_channel_that_cancel_after_ended_is_finalised(stage: Stage) -> None:
    """No event announces it, and nobody asked to close."""
    await guard_the_payer(stage)
    end = stage.sandbox.close_time + 900
    channel = await stage.channel(CancelAfter=end)
    async with stage.tower():
        await stage.until_told(channel, "channel_opened")
        await stage.sandbox.advance(1_000)
        await until_gone(stage, channel)


async def test_channel_that_was_renewed_is_not_touched(stage: Stage) -> None:
    """A close of a channel that goes on would not finalise it, but begin to close it."""
    await guard_the_payer(stage)
    channel = await stage.channel(settle_delay=900)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_told(channel, "close_requested")
        await stage.pay(channel, Flags=TF_RENEW)
        await stage.until_told(channel, "renewed")
        await stage.sandbox.advance(2_000)
        other = await stage.channel(settle_delay=0)
        await stage.close_request(other)
        await until_gone(stage, other)
        kinds = {entry.kind for entry in await stage.story(channel)}
    assert "attempt_made" not in kinds
    assert await stage.balance(channel) == 0


async def test_claim_above_what_was_registered_is_an_alarm_until_it_is_registered(
    stage: Stage,
) -> None:
    """Whoever signed it, the payer has to say; until then its claim key counts as stolen."""
    await guard_the_payer(stage)
    channel = await stage.channel()
    async with stage.tower():
        receipt = await register(stage, channel, 30 * XRP)
        await redeem(stage, channel, 30 * XRP)
        await redeem(stage, channel, 40 * XRP)
        await until_alarmed(stage, channel)
        told = await stage.until_told(channel, "foreign_claim")
        await register(stage, channel, 40 * XRP)
        await until_alarmed(stage, channel, stands=False)
        kinds = [entry.kind for entry in await stage.story(channel)]
    report = receipt.report()
    assert (report["role"], report["kept"], report["serve"]) == ("payer", True, None)
    assert (told[0].facts["amount"], told[0].facts["signed"]) == (40 * XRP, 30 * XRP)
    assert "attempt_made" not in kinds


async def test_thief_that_takes_less_than_its_claim_allows_is_noticed(stage: Stage) -> None:
    """What was signed counts, not what was asked for."""
    await guard_the_payer(stage)
    channel = await stage.channel()
    async with stage.tower():
        await register(stage, channel, 30 * XRP)
        await redeem(stage, channel, 20 * XRP, signed=90 * XRP)
        told = await stage.until_told(channel, "foreign_claim")
    assert told[0].facts["amount"] == 90 * XRP


async def test_foreign_claim_asks_to_close_at_once_where_that_is_wished(stage: Stage) -> None:
    """And when the settle delay is over what the thief has left comes home."""
    await guard_the_payer(stage, close_on_foreign_claim=True)
    channel = await stage.channel(settle_delay=900)
    async with stage.tower():
        await register(stage, channel, 30 * XRP)
        await redeem(stage, channel, 40 * XRP)
        await stage.until_told(channel, "close_requested")
        await until_done(stage, channel)
        await stage.sandbox.advance(1_000)
        await until_gone(stage, channel)
        await until_done(stage, channel, 2)


async def test_commands_tell_of_a_payers_channel(stage: Stage) -> None:
    """Its role, where it stands, what was registered, and what is foreign; nothing of a payee's."""
    await guard_the_payer(stage)
    channel = await stage.channel()
    async with stage.tower():
        await register(stage, channel, 30 * XRP)
        await redeem(stage, channel, 40 * XRP)
        await stage.until_told(channel, "foreign_claim")
    _, (listed,) = await command(stage, "channel", "list")
    assert (listed["role"], listed["standing"]) == ("payer", "open")
    assert (listed["signed"], listed["foreign_claim"]) == (str(30 * XRP), str(40 * XRP))
    assert "verdict" not in listed
    _, text = await command(stage, "channel", "list", text=True)
    assert "outgoing, open  60 XRP left  FOREIGN CLAIM" in text
    _, text = await command(stage, "channel", "explain", channel, text=True)
    assert "As its payer: The channel is open, with 60 XRP left in it." in text
    assert "foreign claim: 40 XRP, and only 30 XRP are registered as signed" in text
    _, (claimed,) = await command(stage, "claim", "list")
    assert (claimed["channel"], claimed["amount"]) == (channel, str(30 * XRP))


async def test_tower_that_runs_once_finalises_and_ends(stage: Stage) -> None:
    """What a cron job runs for a payer."""
    await guard_the_payer(stage)
    channel = await stage.channel(settle_delay=900)
    await stage.close_request(channel)
    await stage.sandbox.advance(1_000)
    async with stage.tower(once=True) as daemon:

        async def ended() -> bool:
            return daemon.done()

        await stage.until(ended)
        assert (await daemon)["attempts"] == 0
    assert await stage.balance(channel) == -1
