"""The payer's side where things go wrong: a tower that was away, killed, or guards both sides."""

from __future__ import annotations

from typing import Final

import pytest

from tests.tower.conftest import TF_CLOSE, XRP, Stage
from tests.tower.payers import (
    forget_alarms,
    guard_the_payer,
    redeem,
    register,
    until_alarmed,
    until_done,
    until_gone,
    until_sent,
)
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules

BEFORE: Final = Rules()
CLEANED_UP: Final = Rules(amendments=DEFAULT_AMENDMENTS | {"fixCleanup3_2_0"})
MANY: Final = 1_000


async def until_history_begins(stage: Stage) -> None:
    """Wait until the tower accounts for ledgers: how those before were paid it cannot know."""

    async def has_begun() -> bool:
        async with stage.store() as store, store.read() as work:
            return await work.cursor.get() is not None

    await stage.until(has_begun)


async def test_foreign_claim_that_was_made_while_the_tower_was_away_is_noticed(
    stage: Stage,
) -> None:
    """History tells of it; and that it was the payer itself is told by history, too."""
    await guard_the_payer(stage)
    stolen, own = await stage.channel(), await stage.channel()
    async with stage.tower():
        for channel in (stolen, own):
            await register(stage, channel, 30 * XRP)
            await stage.until_told(channel, "channel_opened")
    await redeem(stage, stolen, 40 * XRP)
    await stage.pay(own, Balance=str(40 * XRP))
    async with stage.tower():
        await until_alarmed(stage, stolen)
        # What is read of the one channel may be told before what is read of the other.
        await stage.until_told(own, "paid")
        kinds = {entry.kind for entry in await stage.story(own)}
    assert "foreign_claim" not in kinds


async def test_claim_that_was_foreign_is_so_still_after_a_restart(stage: Stage) -> None:
    """Also on a channel that the thief has closed: nobody has looked at it yet."""
    await guard_the_payer(stage)
    channel = await stage.channel()
    async with stage.tower():
        await register(stage, channel, 30 * XRP)
        await redeem(stage, channel, 40 * XRP, Flags=TF_CLOSE)
        await stage.until_told(channel, "channel_closed")
        await until_alarmed(stage, channel)
    await forget_alarms(stage)
    async with stage.tower():
        await until_alarmed(stage, channel)
        await register(stage, channel, 40 * XRP)
        await until_alarmed(stage, channel, stands=False)


async def test_what_the_payer_pays_by_itself_raises_no_alarm(stage: Stage) -> None:
    """It takes the account's key, and no claim."""
    await guard_the_payer(stage)
    channel = await stage.channel()
    async with stage.tower():
        await register(stage, channel, 10 * XRP)
        await until_history_begins(stage)
        await stage.pay(channel, Balance=str(40 * XRP))
        await stage.until_told(channel, "paid")
        await redeem(stage, channel, 60 * XRP)
        (told,) = await stage.until_told(channel, "foreign_claim")
    assert told.facts["amount"] == 60 * XRP


async def test_close_that_was_written_down_and_not_sent_is_sent_by_the_next_tower(
    stage: Stage,
) -> None:
    """Killed between the journal and the server, the same transaction goes out once."""
    await guard_the_payer(stage)
    channel = await stage.channel(settle_delay=900)
    await stage.close_request(channel)
    await stage.sandbox.advance(1_000)
    lost = {"count": MANY, "answer": "telFAILED_PROCESSING", "apply": False}
    stage.sandbox.misbehave(submissions=lost)
    async with stage.tower():

        async def written() -> bool:
            return any(entry.kind == "attempt_made" for entry in await stage.story(channel))

        await stage.until(written, closing=False)
    stage.sandbox.misbehave(behave=True)
    async with stage.tower():
        await until_sent(stage)
        await stage.sandbox.accept()
        (settled,) = await stage.until_told(channel, "attempt_settled")
    (made,) = (entry for entry in await stage.story(channel) if entry.kind == "attempt_made")
    assert (made.facts["purpose"], settled.facts["outcome"]) == ("finalise", "done")
    assert settled.facts["transaction"] == made.facts["transaction"]
    assert await stage.balance(channel) == -1


async def test_channel_between_two_of_ours_is_redeemed_for_one_and_finalised_for_the_other(
    stage: Stage,
) -> None:
    """Its one claim is the best one and the registered one; each side acts by its own key."""
    await guard_the_payer(stage, payee_too=True)
    channel = await stage.channel(settle_delay=1_000)
    async with stage.tower():
        receipt = await register(stage, channel, 30 * XRP)
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until_told(channel, "attempt_settled")
        await stage.sandbox.advance(1_100)
        await until_gone(stage, channel)
        await until_done(stage, channel)
        kinds = {entry.kind for entry in await stage.story(channel)}
    assert receipt.report()["role"] == "both"
    assert not kinds & {"foreign_claim", "foreign_transaction"}


async def test_account_that_is_both_closes_nothing_that_pays_it(stage: Stage) -> None:
    """The payer of an expired channel is somebody else, and is left to finalise it."""
    stage.payer, stage.payee = stage.payee, stage.payer
    await guard_the_payer(stage, role="both")
    stage.payer, stage.payee = stage.payee, stage.payer
    incoming = await stage.channel(settle_delay=0)
    outgoing = await stage.hand.create_channel(stage.payee, stage.payer, 50 * XRP, 0)
    async with stage.tower():
        for channel, person in ((incoming, stage.payer), (outgoing, stage.payee)):
            ask = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
            await stage.hand.settle(ask, person)
        await stage.sandbox.advance(100)
        await until_gone(stage, outgoing)
        kinds = {entry.kind for entry in await stage.story(incoming)}
    assert await stage.balance(incoming) == 0
    assert "attempt_made" not in kinds


@pytest.mark.parametrize(
    ("rules", "late"), [(BEFORE, 0), (CLEANED_UP, 1)], ids=["before", "with the fix"]
)
async def test_channel_is_finalised_in_the_first_second_that_the_rules_allow(
    stage: Stage, late: int
) -> None:
    """With no margin, the second of the end is the end on one network and not on the other."""
    await guard_the_payer(stage, finalise_margin_seconds=0)
    channel = await stage.channel(settle_delay=900)
    await stage.close_request(channel)
    entry = await stage.hand.request("ledger_entry", payment_channel=channel)
    first = entry["node"]["Expiration"] + late
    await stage.sandbox.advance(first - 10 - stage.sandbox.close_time)
    async with stage.tower():

        async def reached() -> bool:
            return bool(stage.sandbox.close_time >= first)

        await stage.until(reached)
        await until_sent(stage)
        assert stage.sandbox.close_time == first
        await stage.sandbox.accept()
        settled = await stage.until_told(channel, "attempt_settled")
    # A second too early it would have been refused, for it would have changed nothing.
    assert [entry.facts["outcome"] for entry in settled] == ["done"]


async def test_shadow_tells_what_it_would_close_and_closes_nothing(stage: Stage) -> None:
    """Nothing leaves, and the journal has the purpose."""
    await guard_the_payer(stage)
    channel = await stage.channel(settle_delay=900)
    await stage.close_request(channel)
    await stage.sandbox.advance(1_000)
    async with stage.tower(shadow=True):
        (told,) = await stage.until_told(channel, "would_redeem")
    assert told.facts["purpose"] == "finalise"
    assert await stage.balance(channel) == 0
