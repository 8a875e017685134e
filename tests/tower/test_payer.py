"""The payer's side of a running tower: ended channels are finalised, stolen claim keys noticed."""

from __future__ import annotations

from typing import Any

from tests.tower.conftest import TF_RENEW, XRP, Stage
from watchtower.claims.intake import Intake, Receipt, Sight
from watchtower.judgement.claim import Claim
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.servers import Servers
from watchtower.settings import AccountSettings, PayerSettings
from watchtower.tending import STATUS_NOTE
from watchtower.units import ChannelId, Drops, RippleTime
from watchtower.wiring import policy_of


async def guard_the_payer(stage: Stage, **payer: Any) -> None:
    """Have the tower guard the payer alone, with its key."""
    stage.with_settings(
        accounts=(AccountSettings(stage.payer.address, "payer"),), payer=PayerSettings(**payer)
    )
    async with stage.store() as store:
        await Vault(store).import_seed(
            stage.payer.address, stage.payer.seed, algorithm=Algorithm.SECP256K1
        )


async def until_gone(stage: Stage, channel: Any) -> None:
    """Close ledgers until the channel has left the ledger."""

    async def gone() -> bool:
        return await stage.balance(channel) == -1

    await stage.until(gone)


async def register(stage: Stage, channel: ChannelId, drops: int) -> Receipt:
    """The payer tells the tower what it has signed."""
    claim = Claim(
        channel=channel,
        amount=Drops(drops),
        public_key=stage.payer.public_key,
        signature=stage.payer.sign_claim(channel, Drops(drops)),
    )
    settings = stage.settings
    async with stage.store() as store, Servers.connected([stage.sandbox.url]) as servers:
        intake = Intake(
            store, guarded=settings.payees, payers=settings.payers, policy=policy_of(settings)
        )
        fact = await servers.read_channel(channel)
        return await intake.take(claim, Sight(fact=fact, ledger_time=RippleTime(0)))


async def redeem(
    stage: Stage, channel: ChannelId, drops: int, *, signed: int | None = None, **more: Any
) -> None:
    """The payee redeems ``drops`` with a claim that the channel's key signed for ``signed``."""
    allowed = Drops(drops if signed is None else signed)
    claim = {
        "TransactionType": "PaymentChannelClaim",
        "Channel": channel,
        "Amount": str(allowed),
        "Balance": str(drops),
        "PublicKey": stage.payer.public_key,
        "Signature": stage.payer.sign_claim(channel, allowed),
        **more,
    }
    await stage.hand.settle(claim, stage.payee)


async def alarms(stage: Stage) -> dict[str, str]:
    """The alarms that stand, by name, with their subjects."""
    async with stage.store() as store, store.read() as work:
        told = await work.notes.get(STATUS_NOTE) or {}
    return {alarm["name"]: alarm["subject"] for alarm in told.get("alarms", ())}


async def until_alarmed(stage: Stage, channel: ChannelId, *, stands: bool = True) -> None:
    """Wait until the alarm of a stolen claim key stands, or no longer does."""

    async def alarmed() -> bool:
        return (await alarms(stage)).get("foreign_claim_key") == (channel if stands else None)

    await stage.until(alarmed)


async def test_channel_that_expired_is_finalised(stage: Stage) -> None:
    """The payer's close request runs out, nobody touches the channel, and the tower does."""
    await guard_the_payer(stage)
    channel = await stage.channel(settle_delay=900)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_told(channel, "close_requested")
        await stage.sandbox.advance(1_000)
        await until_gone(stage, channel)
        settled = await stage.until_told(channel, "attempt_settled")
    assert settled[0].facts["outcome"] == "done"


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
        asked = await stage.until_told(channel, "close_requested")
        await stage.sandbox.advance(1_000)
        await until_gone(stage, channel)
        settled = await stage.until_told(channel, "attempt_settled", 2)
    assert asked
    # Ledgers may run past an attempt to finalise it, and another one follows.
    assert settled[0].facts["outcome"] == settled[-1].facts["outcome"] == "done"
