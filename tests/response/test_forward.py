"""Submitting what was signed ahead: on disk before it leaves, and there when nobody signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.response.stage import LIMITS, OTHER, PAYEE, PAYER, Stage, hands_of, master_hand
from watchtower.errors import RequestRefusedError
from watchtower.judgement.claim import Claim
from watchtower.keys.bundle import read_bundle
from watchtower.keys.presigning import PresignRequest, presign
from watchtower.keys.vault import Vault, key_that_signs_for
from watchtower.response.attempt import NEVER
from watchtower.response.forward import Forward
from watchtower.response.launch import Launch
from watchtower.response.respond import Responder
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops

XRP = 1_000_000


def signed_ahead(
    stage: Stage, channel: ChannelId, drops: int, *, payee: Person = PAYEE, tickets: Sequence[int]
) -> None:
    """Have the payee sign a claim ahead, and the tower hold it."""
    claim = Claim(
        channel=channel,
        amount=Drops(drops),
        public_key=PAYER.public_key,
        signature=PAYER.sign_claim(channel, Drops(drops)),
    )
    request = PresignRequest(
        network_id=0,
        account=payee.address,
        claim=claim,
        target=claim.amount,
        tickets=tuple(tickets),
    )
    data = presign([request], key_that_signs_for(payee.address, payee.seed))
    stage.watch.signed_ahead.replace(read_bundle(data).presigned)


def responder(
    stage: Stage, *, can_sign: bool, shadow: bool = False, goes_first: bool = True
) -> Responder:
    """A responder for whom a hand is said to be able to sign, whatever then comes of it."""
    launch = Launch(stage.watch, store=stage.store, submitter=stage.submitter, shadow=shadow)
    return Responder(
        stage.watch,
        servers=stage.servers,
        signer=hands_of(master_hand(stage.store, [PAYEE.address, OTHER.address])),
        submitter=stage.submitter,
        launch=launch,
        limits=LIMITS,
        forward=Forward(
            stage.watch,
            launch,
            can_sign=lambda _: can_sign,
            goes_first=lambda _: goes_first,
        ),
    )


async def test_it_is_on_disk_before_its_first_byte_leaves(stage: Stage) -> None:
    """As every attempt is; and it is not signed anew, though a key is there."""
    channel = stage.owe(1)
    signed_ahead(stage, channel, 30 * XRP, tickets=[41, 42])
    response = await responder(stage, can_sign=True).respond()
    (sent,) = await stage.until_sent(1)
    (attempt,) = response.sent
    assert stage.servers.on_disk == [[attempt.blob]]
    assert (attempt.last_ledger, sent["TicketSequence"]) == (NEVER, 41)
    assert "LastLedgerSequence" not in sent


async def test_a_moment_without_a_signer_spends_no_ticket_on_a_part(stage: Stage) -> None:
    """The hand was said to be able: it is waited for some ledgers, and then a part is better."""
    channel = stage.owe(1, payee=OTHER)
    signed_ahead(stage, channel, 10 * XRP, payee=OTHER, tickets=[41])
    passes = responder(stage, can_sign=True)
    for index in range(100, 115):
        stage.ledger(index)
        response = await passes.respond()
        assert [owed.channel for owed, _ in response.unsigned] == [channel]
        assert response.sent == ()
    stage.ledger(115)
    response = await passes.respond()
    (sent,) = await stage.until_sent(1)
    assert (sent["Balance"], sent["TicketSequence"]) == (str(10 * XRP), 41)
    assert [attempt.channel for attempt in response.sent] == [channel]


async def test_signer_that_comes_back_in_time_redeems_the_whole_claim(stage: Stage) -> None:
    """For one fee, and the ticket is kept."""
    channel = stage.owe(1, payee=OTHER)
    signed_ahead(stage, channel, 10 * XRP, payee=OTHER, tickets=[41])
    passes = responder(stage, can_sign=True)
    await passes.respond()
    await Vault(stage.store).import_seed(OTHER.address, OTHER.seed)
    stage.ledger(101)
    await passes.respond()
    (sent,) = await stage.until_sent(1)
    assert (sent["Balance"], "TicketSequence" in sent) == (str(30 * XRP), False)


async def test_without_a_signer_near_the_deadline_a_part_is_submitted_at_once(
    stage: Stage,
) -> None:
    """There may be no time in which anybody comes back."""
    channel = stage.owe(1, payee=OTHER)
    signed_ahead(stage, channel, 10 * XRP, payee=OTHER, tickets=[41])
    stage.ledger(100 + 3_540 // 4)
    (attempt,) = (await responder(stage, can_sign=True).respond()).sent
    assert (attempt.channel, attempt.target) == (channel, 10 * XRP)


async def test_what_covers_the_whole_claim_waits_for_nobody_who_does_not_sign(
    stage: Stage,
) -> None:
    """Where hands come first by configuration, and fail."""
    channel = stage.owe(1, payee=OTHER)
    signed_ahead(stage, channel, 30 * XRP, payee=OTHER, tickets=[41])
    passes = responder(stage, can_sign=True, goes_first=False)
    (attempt,) = (await passes.respond()).sent
    assert (attempt.channel, attempt.seat.number) == (channel, 41)


async def test_where_no_sequence_is_told_what_was_signed_ahead_is_submitted(stage: Stage) -> None:
    """It is on a ticket. What needs a sequence waits, and the failure is told."""
    ahead = stage.owe(1)
    signed_ahead(stage, ahead, 30 * XRP, tickets=[41])
    stage.servers.gone = {PAYEE.address, OTHER.address}
    passes = responder(stage, can_sign=False)
    (attempt,) = (await passes.respond()).sent
    assert (attempt.channel, attempt.seat.number) == (ahead, 41)

    stage.ledger(101)
    stage.owe(2, payee=OTHER)
    with pytest.raises(RequestRefusedError):
        await passes.respond()
    await stage.until_sent(1)
    assert set(stage.servers.sent) == {attempt.blob}


async def test_where_a_hand_signs_what_covers_less_stays_in_the_drawer(stage: Stage) -> None:
    """One fee pays for the whole claim."""
    channel = stage.owe(1)
    signed_ahead(stage, channel, 10 * XRP, tickets=[41])
    await responder(stage, can_sign=True).respond()
    (sent,) = await stage.until_sent(1)
    assert (sent["Balance"], "TicketSequence" in sent) == (str(30 * XRP), False)


async def test_in_shadow_it_is_told_and_not_sent(stage: Stage) -> None:
    """Nor written down."""
    channel = stage.owe(1)
    signed_ahead(stage, channel, 30 * XRP, tickets=[41])
    response = await responder(stage, can_sign=False, shadow=True).respond()
    assert [step.obligation.channel for step in response.would_redeem] == [channel]
    assert (response.sent, stage.servers.sent) == ((), [])
    async with stage.store.read() as work:
        assert await work.attempts.load_all() == []


async def test_it_is_sent_again_in_every_ledger_until_it_is_over(stage: Stage) -> None:
    """And the day's fees count it once, whichever of its fees gets in."""
    channel = stage.owe(1)
    signed_ahead(stage, channel, 30 * XRP, tickets=[41])
    passes = responder(stage, can_sign=False)
    (attempt,) = (await passes.respond()).sent
    await stage.until_answered()
    stage.ledger(101)
    assert (await passes.respond()).sent == ()
    await stage.until_answered()
    assert stage.servers.sent == [attempt.blob] * 2
    assert replace(attempt, outcome=None) in stage.watch.attempts.values()
