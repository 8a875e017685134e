"""How other towers lost money, or would have: thirteen failures, each held by a test of its number.

``pytest -m regression`` runs the list. All but two stand in this file; the fifth kills real
processes and stands in ``tests/crash/test_killed.py``, the seventh fills ledgers with a thousand
channels and stands in ``test_mass_exit.py``. Each was seen to fail with the code broken that it
guards. Whose failure it was, in public sources:

===  ==============================================================================================
 1   A plugin for payees starts while its channel is closing: it looks at the channel before it has
     its details, raises, and prepares no claim at all (interledgerjs/ilp-plugin-xrp-paychan,
     ``index.js``).
 2   The place in history is written down only where something matched, and a first start begins at
     the newest block: what fell into a downtime is never read (lightningnetwork/lnd,
     ``watchtower/lookout``).
 3   The handler of a close raises once, the event counts as handled, nobody comes back to it
     (raiden-network/raiden-services, ``handlers.py``).
 4   One rejected submission deletes the duty to respond (talaia-labs/rust-teos ``watcher.rs``, its
     ancestor python-teos, and raiden-services).
 5   The channel is marked as dealt with before the response is on disk; a crash between the two
     loses it (lnd #1104, celer-network/goCeler-oss ``dispute_channel.go``).
 6   One failed write breaks the chain of writes: every later claim is acknowledged and none is
     stored (ilp-plugin-xrp-paychan, ``store-wrapper.js``).
 7   A burst of claims is given the one sequence of the validated ledger, so one of them gets in
     (ilp-plugin-xrp-paychan-shared ``tx-submitter.js``; XRPLF/xrpl.js #999).
 8   A channel is watched only once its payer has connected again: after a restart a payer that
     stays away closes unseen (interledgerjs/ilp-plugin-xrp-asym-server, ``index.ts``).
 9   A channel leaves the watch with its first close event, so that a second close, after a renewal,
     is missed (ilp-plugin-xrp-paychan-shared, ``watcher.js``).
10   Success is taken for payment: a claim that applies after the end returns ``tesSUCCESS`` and
     closes the channel (XRPLF/rippled, ``src/test/app/PayChan_test.cpp``).
11   The settle delay is only compared with a minimum; one near 2^32 wraps around, and ends the
     channel in the past (the ILP plugins; rippled before ``fixCleanup3_2_0``).
12   Whatever a backend says is the present: an older block, a block twice, a hole, another chain
     (raiden-services #855; ACINQ/eclair #1545).
13   What is not worth its fee stands before what is, for ever; claims of nothing, or of what was
     paid, cost needless transactions (ALLiDoizCode/connector ``claim-redemption-service.ts``,
     asym-server #40).
===  ==============================================================================================
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from tests.store.make import limit
from tests.tower.conftest import TF_CLOSE, TF_RENEW, XRP, Stage
from tests.tower.proxy import proxy
from watchtower.claims.decision import Kept, NotKept
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.errors import StoreFullError
from watchtower.ledger.servers import Servers
from watchtower.sandbox.people import Hand
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.settings import TicketSettings
from watchtower.units import ChannelId, Drops, RippleTime
from watchtower.wiring import guard_of

pytestmark = pytest.mark.regression

NO_TICKETS = TicketSettings(pool=0, low_water=0)


async def kinds(stage: Stage, channel: ChannelId) -> list[str]:
    """What the journal tells of a channel, in order."""
    return [entry.kind for entry in await stage.story(channel)]


@pytest.mark.parametrize("known_as", ["open", "closing"])
async def test_01_channel_that_is_closing_at_the_start_is_redeemed(
    stage: Stage, known_as: str
) -> None:
    """The close came while nobody watched: there is no event any more, only the channel's state.

    The store may know that state already, so that nothing that is read changes anything.
    """
    channel = await stage.channel()
    if known_as == "open":
        await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    await stage.sandbox.advance(60)
    if known_as == "closing":
        await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_paid(channel, 30 * XRP)


async def test_02_missed_ledgers_are_read_although_nothing_had_ever_matched(stage: Stage) -> None:
    """One channel opened and ended within the downtime: nothing but its ledgers tells of it."""
    async with stage.tower(once=True) as daemon:
        assert (await asyncio.wait_for(daemon, 30))["channels"] == 0
    brief = await stage.channel(settle_delay=10)
    await stage.close_request(brief)
    await stage.sandbox.advance(12)
    await stage.pay(brief, Balance=str(XRP))
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    await stage.sandbox.advance(20)
    async with stage.tower():
        await stage.until_paid(channel, 30 * XRP)
        assert await stage.until_told(channel, "close_requested")
        assert await stage.until_told(brief, "channel_closed")


async def test_03_close_whose_handling_fails_is_handled_again(stage: Stage) -> None:
    """No server tells what a transaction costs, three times over: no claim can be made of it."""
    busy = iter([{"status": "error", "error": "tooBusy", "error_message": "Too busy."}] * 3)

    def refuses(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return next(busy, None) if request["command"] == "fee" else None

    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with proxy(stage.sandbox.url, refuses) as only:
        stage.with_settings(servers=(only,))
        stage.pace = 0.1
        async with stage.tower():
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
    assert next(busy, None) is None


async def test_03_close_that_cannot_be_read_is_read_again(stage: Stage) -> None:
    """Its message is nonsense, and so is what the server tells of that ledger afterwards."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    garbled = {"meta.AffectedNodes": 7}
    async with stage.tower():
        await stage.until_told(channel, "judged")
        stage.sandbox.misbehave(
            lies={"transaction": garbled, "account_tx": {"transactions.0.meta": 7}}
        )
        await stage.close_request(channel)
        for _ in range(3):
            await stage.sandbox.accept()
        stage.sandbox.misbehave(behave=True)
        await stage.until_paid(channel, 30 * XRP)
        assert await stage.until_told(channel, "close_requested")


@pytest.mark.parametrize(
    "result", ["telINSUF_FEE_P", "telCAN_NOT_QUEUE_FULL", "tefBAD_AUTH", "nonsense", None]
)
async def test_04_duty_survives_whatever_a_submission_is_answered(
    stage: Stage, result: str | None
) -> None:
    """For its fee, for want of room, for its key, for no reason known, or not at all."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")

        def trouble() -> None:
            stage.sandbox.misbehave(submissions={"count": 3, "answer": result})

        await stage.close_request_and_then(channel, trouble)
        await stage.until_paid(channel, 30 * XRP)


async def test_06_write_that_fails_stops_intake_and_no_acknowledged_claim_is_lost(
    stage: Stage,
) -> None:
    """The disk is full for a while: until then and from then on every receipt is true."""
    channel = await stage.channel()
    acknowledged = 0
    async with stage.store() as store, Servers.connected([stage.sandbox.url]) as servers:
        intake = Intake(store, guard_of(stage.settings))
        fact = await servers.read_channel(channel)
        sight = Sight(fact=fact, ledger_time=RippleTime(stage.sandbox.close_time))
        await limit(store)
        with suppress(StoreFullError):
            for drops in range(XRP, XRP + 400):
                assert (await intake.take(stage.claim(channel, drops), sight)).is_stored
                acknowledged = drops
        with pytest.raises(StoreFullError):
            await intake.take(stage.claim(channel, 30 * XRP), sight)
        async with store.read() as work:
            best = await work.claims.best(channel)
        assert best == stage.claim(channel, acknowledged)
        await limit(store, pages=1_000_000)
        assert (await intake.take(stage.claim(channel, 30 * XRP), sight)).is_stored
    await stage.close_request(channel)
    async with stage.tower():
        await stage.until_paid(channel, 30 * XRP)


async def test_08_payer_that_stays_away_after_a_restart_is_watched(stage: Stage) -> None:
    """It gave its claims to the tower of before, never says a word to this one, and closes."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    for _ in range(2):
        async with stage.tower(once=True) as daemon:
            await asyncio.wait_for(daemon, 30)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)


async def test_09_close_renew_close_is_survived(stage: Stage) -> None:
    """A tower that forgets a channel after its first close is robbed at the second."""
    channel = await stage.channel()
    await stage.keep(channel, 10 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 10 * XRP)
        await stage.pay(channel, Flags=TF_RENEW)
        await stage.until_told(channel, "renewed")
        await stage.keep(channel, 20 * XRP)
        await stage.close_request(channel)
        await stage.until_paid(channel, 20 * XRP)


async def test_10_claim_that_succeeds_after_the_end_is_told_as_unpaid(stage: Stage) -> None:
    """A server holds it back until the channel has expired; what then applies pays nothing."""
    channel = await stage.channel(settle_delay=200)
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    found = await stage.hand.request("ledger_entry", payment_channel=channel)
    end = int(found["node"]["Expiration"])
    await stage.sandbox.advance(end - 3 - stage.sandbox.close_time)
    before = await stage.money()
    stage.sandbox.swallow_submissions(1_000)
    async with stage.tower():

        async def made() -> bool:
            return "attempt_made" in await kinds(stage, channel)

        await stage.until(made, closing=False)
        await stage.sandbox.advance(end - stage.sandbox.close_time)
        stage.sandbox.misbehave(behave=True)
        (settled,) = await stage.until_told(channel, "attempt_settled")
        told = await stage.until_told(channel, "judged")
    applied = await stage.hand.request("tx", transaction=settled.facts["transaction"])
    assert applied["meta"]["TransactionResult"] == "tesSUCCESS"
    assert (settled.facts["outcome"], settled.facts["paid"]) == ("closed_unpaid", 0)
    assert told[-1].facts["verdict"] == "Closed"
    assert "30 XRP" in told[-1].facts["sentence"]
    assert await stage.money() < before


async def test_11_settle_delay_that_wraps_is_refused_before_anything_is_served(
    stage: Stage,
) -> None:
    """It looks longer than a lifetime; two closes in one ledger show what it is worth."""
    channel = await stage.channel(settle_delay=2**32 - 1)
    receipt = await stage.keep(channel, 30 * XRP)
    assert isinstance(receipt.decision.kept, Kept)
    report = receipt.report()
    assert report["serve"] is False
    assert any("settle delay" in why for why in report["why_not_serve"])
    close = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
    for _ in range(2):
        await stage.hand.submit(close, stage.payer)
    await stage.sandbox.accept()
    assert await stage.balance(channel) == -1


@pytest.mark.parametrize(
    ("wrong", "recovers"),
    [
        ({"behind": 20}, {"behind": 0}),
        ({"duplicate": 1, "reorder": 0.5, "only": ["ledgerClosed", "transaction"]}, {}),
        ({"drop": 1, "only": ["ledgerClosed", "transaction"]}, {"drop": 0}),
    ],
    ids=["older ledgers", "duplicates", "gaps"],
)
async def test_12_server_that_tells_what_was_or_twice_or_not_at_all_changes_nothing(
    stage: Stage, wrong: Mapping[str, Any], recovers: Mapping[str, Any]
) -> None:
    """A close, a renewal and a close are told once each, and what is owed is paid once."""
    channel = await stage.channel()
    await stage.keep(channel, 10 * XRP)
    before = await stage.money()
    async with Sandbox(beside=stage.sandbox) as server:
        stage.with_settings(tickets=NO_TICKETS, servers=(server.url,))
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await stage.close_request(channel)
            await stage.until_paid(channel, 10 * XRP)
            await stage.pay(channel, Flags=TF_RENEW)
            await stage.until_told(channel, "renewed")
            await stage.keep(channel, 30 * XRP)
            server.misbehave(**wrong)
            for _ in range(2):
                await stage.sandbox.accept()
            await stage.close_request(channel)
            for _ in range(4):
                await stage.sandbox.accept()
            server.misbehave(**recovers)
            await stage.until_paid(channel, 30 * XRP)
            await stage.until_told(channel, "paid", 2)
    told = await kinds(stage, channel)
    expected = {"channel_opened": 1, "close_requested": 2, "renewed": 1, "paid": 2}
    assert {kind: told.count(kind) for kind in expected} == expected
    assert await stage.money() >= before + 30 * XRP - 100


async def test_12_server_of_another_chain_is_not_believed(stage: Stage) -> None:
    """The same channel stands on it, in later ledgers, with everything paid."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower(once=True) as daemon:
        await asyncio.wait_for(daemon, 30)
    async with (
        Sandbox(clock=Clock.FROZEN) as foreign,
        Hand(foreign.url, accepts=True) as hand,
    ):
        foreign.misbehave(network_id=1025)
        await hand.fund(stage.payer, stage.payee)
        assert channel == await hand.create_channel(
            stage.payer, stage.payee, Drops(100 * XRP), 3600
        )
        paid = {"TransactionType": "PaymentChannelClaim", "Balance": str(30 * XRP)}
        await hand.submit({**paid, "Channel": channel}, stage.payer)
        await foreign.advance(50)
        stage.with_settings(servers=(foreign.url, stage.sandbox.url))
        async with stage.tower():
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
        assert foreign.ledger_index > stage.sandbox.ledger_index


async def test_13_claims_of_nothing_of_what_was_paid_and_of_everything(stage: Stage) -> None:
    """Only the last of them is worth a transaction, and it is worth one."""
    nothing, equal, full = [await stage.channel() for _ in range(3)]
    assert isinstance((await stage.keep(nothing, 0)).decision.kept, NotKept)
    await stage.keep(equal, 30 * XRP)
    await stage.pay(equal, Balance=str(30 * XRP))
    assert isinstance((await stage.keep(equal, 30 * XRP)).decision.kept, NotKept)
    await stage.keep(full, 100 * XRP)
    async with stage.tower():
        for channel in (nothing, equal, full):
            await stage.close_request(channel)
        await stage.until_paid(full, 100 * XRP)
        await stage.until_told(full, "attempt_settled")
        for _ in range(3):
            await stage.sandbox.accept()
    made = [(await kinds(stage, channel)).count("attempt_made") for channel in (nothing, equal)]
    assert made == [0, 0]
    assert (await kinds(stage, full)).count("attempt_made") == 1


async def test_13_five_that_are_not_worth_their_fee_do_not_hold_up_one_that_is(
    stage: Stage,
) -> None:
    """They closed earlier, so they come first wherever anybody looks."""
    stage.with_settings(tickets=NO_TICKETS)
    dust = [await stage.channel() for _ in range(5)]
    worth = await stage.channel()
    for channel in dust:
        await stage.keep(channel, 9)
        await stage.close_request(channel)
    await stage.keep(worth, 30 * XRP)
    await stage.close_request(worth)
    async with stage.tower():
        await stage.until_paid(worth, 30 * XRP)
        for channel in dust:
            assert await stage.until_told(channel, "left")
            assert await stage.balance(channel) == 0
