"""The main job: whatever the payer does, the payee's best claim is redeemed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.tower.conftest import TF_CLOSE, XRP, Stage
from watchtower.errors import KeyMissingError, StoreBusyError, UnreachableError
from watchtower.sandbox.people import Hand, Person
from watchtower.settings import FeeSettings, PolicySettings
from watchtower.store.alone import alone
from watchtower.units import Drops, LedgerIndex


async def test_close_request_is_answered_with_the_best_claim(stage: Stage) -> None:
    """The plain case: asked to close, redeemed, and nothing handed back."""
    channel = await stage.channel()
    await stage.keep(channel, 10 * XRP)
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        (settled,) = await stage.until_told(channel, "attempt_settled")
    assert settled.facts["outcome"] == "paid"
    assert settled.facts["paid"] == 30 * XRP


async def test_fund_that_starts_a_close_is_a_close(stage: Stage) -> None:
    """No tfClose anywhere: the expiration in the state is what counts."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        time = (await stage.hand.request("ledger", ledger_index="validated"))["ledger"][
            "close_time"
        ]
        fund = {
            "TransactionType": "PaymentChannelFund",
            "Channel": channel,
            "Amount": "1",
            "Expiration": int(time) + 3700,
        }
        await stage.hand.submit(fund, stage.payer)
        await stage.until_paid(channel, 30 * XRP)


async def test_stale_claim_that_the_payer_pays_out_is_topped_up(stage: Stage) -> None:
    """A stale claim and a close in one transaction; the rest is redeemed."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel, Balance=str(5 * XRP))
        await stage.until_paid(channel, 30 * XRP)
        (settled,) = await stage.until_told(channel, "attempt_settled")
    assert settled.facts["paid"] == 25 * XRP


async def test_claim_that_comes_while_the_channel_closes_is_redeemed_too(stage: Stage) -> None:
    """Kept by another process, taken up at once."""
    channel = await stage.channel()
    await stage.keep(channel, 10 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 10 * XRP)
        await stage.keep(channel, 25 * XRP)
        await stage.until_paid(channel, 25 * XRP)


async def test_claim_above_the_funds_pays_all_there_is_and_more_when_more_comes(
    stage: Stage,
) -> None:
    """Promised more than the channel holds."""
    channel = await stage.channel(50 * XRP)
    await stage.keep(channel, 80 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 50 * XRP)
        fund = {
            "TransactionType": "PaymentChannelFund",
            "Channel": channel,
            "Amount": str(20 * XRP),
        }
        await stage.hand.submit(fund, stage.payer)
        await stage.until_paid(channel, 70 * XRP)


async def test_cancel_after_is_met_without_any_event(stage: Stage) -> None:
    """Nobody does anything; the lead before CancelAfter is enough."""
    stage.with_settings(policy=PolicySettings(cancel_after_lead_seconds=300))
    time = (await stage.hand.request("ledger", ledger_index="validated"))["ledger"]["close_time"]
    channel = await stage.channel(CancelAfter=int(time) + 340)
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        assert await stage.balance(channel) == 0
        await stage.until_paid(channel, 30 * XRP)


async def test_exposure_limit_redeems_without_any_threat(stage: Stage) -> None:
    """More at stake on one channel than the operator wants."""
    stage.with_settings(policy=PolicySettings(exposure_limit_drops=20 * XRP))
    channel = await stage.channel()
    await stage.keep(channel, 20 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        await stage.sandbox.advance(5)
        assert await stage.balance(channel) == 0
        await stage.keep(channel, 21 * XRP)
        await stage.until_paid(channel, 21 * XRP)


async def test_schedule_goes_on_over_a_restart(stage: Stage) -> None:
    """A restart is no reason to redeem again: the last time is remembered."""
    stage.with_settings(policy=PolicySettings(redeem_every_seconds=600))
    channel = await stage.channel()
    await stage.keep(channel, 10 * XRP)
    async with stage.tower():
        await stage.until_paid(channel, 10 * XRP)
        await stage.until_told(channel, "attempt_settled")
    await stage.keep(channel, 20 * XRP)
    async with stage.tower(once=True) as daemon:
        await asyncio.wait_for(daemon, 20)
    assert await stage.balance(channel) == 10 * XRP
    await stage.sandbox.advance(600)
    async with stage.tower():
        await stage.until_paid(channel, 20 * XRP)


async def test_forty_channels_that_close_in_one_ledger_are_all_redeemed(stage: Stage) -> None:
    """One account's sequences, without a hole, whoever closes."""
    # Ledgers are twenty times as fast here as they are in the world, and machines are not.
    stage.with_settings(fees=FeeSettings(last_ledger_offset=100))
    channels = [await stage.channel(10 * XRP) for _ in range(40)]
    for channel in channels:
        await stage.keep(channel, 3 * XRP)
    async with stage.tower():
        for channel in channels:
            claim = {
                "TransactionType": "PaymentChannelClaim",
                "Channel": channel,
                "Flags": TF_CLOSE,
            }
            await stage.hand.submit(claim, stage.payer)
        await stage.sandbox.accept()
        stage.pace = 0.2
        for channel in channels:
            await stage.until_paid(channel, 3 * XRP)


async def test_swallowed_submission_is_sent_again(stage: Stage) -> None:
    """The server answered success and did nothing; only the balance counts."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        await stage.close_request_and_then(channel, lambda: stage.sandbox.swallow_submissions(2))
        await stage.until_paid(channel, 30 * XRP)


async def test_sequence_taken_by_the_accounts_owner_is_replaced(stage: Stage) -> None:
    """The owner's own wallet uses the same sequence at the same time."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        await stage.close_request_and_then(channel, lambda: stage.sandbox.swallow_submissions(1))
        await stage.until_told(channel, "attempt_made")
        await stage.hand.submit({"TransactionType": "AccountSet"}, stage.payee)
        await stage.until_paid(channel, 30 * XRP)


async def test_connection_that_is_cut_is_made_again_and_what_was_missed_is_read(
    stage: Stage,
) -> None:
    """The close came while the line was dead."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        stage.sandbox.cut()
        async with Hand(stage.sandbox.url, accepts=True) as hand:
            stage.hand = hand
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)


async def test_history_that_no_server_has_does_not_stop_the_guard(stage: Stage) -> None:
    """The cursor waits and an alarm stands; channels are guarded from their present state."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
    await stage.close_request(channel)
    await stage.sandbox.advance(60)
    info = await stage.hand.request("ledger", ledger_index="validated")
    stage.sandbox.forget_before(int(info["ledger"]["ledger_index"]) - 5)
    async with stage.tower():
        await stage.until_paid(channel, 30 * XRP)


async def test_lost_channel_is_told_as_lost(stage: Stage) -> None:
    """The payee closed with a stale claim by hand: 25 XRP are gone, and said to be."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        claim = {
            "TransactionType": "PaymentChannelClaim",
            "Channel": channel,
            "Balance": str(5 * XRP),
            "Amount": str(5 * XRP),
            "PublicKey": stage.payer.public_key,
            "Signature": stage.payer.sign_claim(channel, Drops(5 * XRP)),
            "Flags": TF_CLOSE,
        }
        await stage.hand.submit(claim, stage.payee)
        entries = await stage.until_told(channel, "judged", 2)
    assert entries[-1].facts["verdict"] == "Closed"
    assert "25 XRP" in entries[-1].facts["sentence"]


async def test_ledgers_that_are_read_again_tell_nothing_twice(stage: Stage) -> None:
    """A closed channel stays closed, though the watch has let go of it (a cursor put back)."""
    channel = await stage.channel()
    await stage.close_request(channel)
    async with stage.tower():
        await stage.until_told(channel, "close_requested")
        await stage.sandbox.advance(3601)
        await stage.pay(channel)
        await stage.until_told(channel, "channel_closed")
    before = [entry.kind for entry in await stage.story(channel)]
    async with stage.store() as store, store.write() as work:
        await work.cursor.set_back(LedgerIndex(3))
    async with stage.tower(once=True) as daemon:
        await asyncio.wait_for(daemon, 30)
    assert [entry.kind for entry in await stage.story(channel)] == before


async def test_shadow_decides_everything_and_sends_nothing(stage: Stage) -> None:
    """A rehearsal on the real ledger."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    async with stage.tower(shadow=True):
        (entry,) = await stage.until_told(channel, "would_redeem")
        await stage.sandbox.advance(5)
    assert entry.facts["target"] == 30 * XRP
    assert await stage.balance(channel) == 0
    assert [e for e in await stage.story(channel) if e.kind == "attempt_made"] == []


async def test_once_answers_waits_for_the_outcome_and_ends(stage: Stage) -> None:
    """For cron: nothing runs afterwards."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    async with stage.tower(once=True) as daemon:

        async def ended() -> bool:
            return daemon.done()

        await stage.until(ended)
        status = await daemon
    assert status["attempts"] == 0
    assert await stage.balance(channel) == 30 * XRP


async def test_once_with_nothing_to_do_ends_without_a_ledger_closing(stage: Stage) -> None:
    """It looked, and nothing needed an answer."""
    await stage.channel()
    async with stage.tower(once=True) as daemon:
        status = await asyncio.wait_for(daemon, 20)
    assert status["channels"] == 1


async def test_once_without_a_key_says_so(stage: Stage) -> None:
    """Something is owed and nothing can sign it."""
    stranger = Person.named("another payee")
    await stage.hand.fund(stranger)
    stage.payee = stranger
    stage.with_settings(accounts=(stranger.address,))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    async with stage.tower(once=True) as daemon:
        with pytest.raises(KeyMissingError):
            await asyncio.wait_for(daemon, 20)


async def test_once_without_any_server_says_so(stage: Stage) -> None:
    """Exit code 30, and nothing was changed."""
    stage.with_settings(servers=("ws://127.0.0.1:1",))
    async with stage.tower(once=True) as daemon:
        with pytest.raises(UnreachableError):
            await asyncio.wait_for(daemon, 20)


async def test_second_daemon_on_one_store_is_refused(stage: Stage) -> None:
    """Two would use the same sequences."""
    channel = await stage.channel()
    async with stage.tower():
        await stage.until_told(channel, "channel_opened")
        async with stage.tower() as second:
            with pytest.raises(StoreBusyError):
                await asyncio.wait_for(second, 20)


async def test_restore_is_refused_while_the_daemon_runs(stage: Stage) -> None:
    """It would act on what it remembers, beside what was restored."""
    channel = await stage.channel()
    async with stage.tower():
        await stage.until_told(channel, "channel_opened")
        with pytest.raises(StoreBusyError), alone(Path(stage.settings.store)):
            pass


async def test_fee_above_what_is_at_stake_is_not_paid(stage: Stage) -> None:
    """Dust is left where it is."""
    channel = await stage.channel()
    await stage.keep(channel, 9)
    await stage.close_request(channel)
    async with stage.tower(once=True) as daemon:
        status = await asyncio.wait_for(daemon, 20)
    assert status["attempts"] == 0
    assert await stage.balance(channel) == 0


async def test_fee_cap_is_never_exceeded(stage: Stage) -> None:
    """The operator's limit stands, whatever the servers ask."""
    stage.with_settings(fees=FeeSettings(cap_drops=10))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        (made,) = await stage.until_told(channel, "attempt_made")
    assert made.facts["fee"] == 10
