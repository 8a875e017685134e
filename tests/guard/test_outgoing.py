"""The payer's side in memory: judged by what is accounted for, and only where anything changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from tests.guard.test_watch import changed, claim, closed, entry
from watchtower.guard.watch import Watch
from watchtower.judgement.outgoing import Act, Standing
from watchtower.judgement.policy import PayerPolicy, Policy
from watchtower.ledger.events import (
    AmendmentsRead,
    ChannelDeleted,
    ClaimPresented,
    Position,
    Seat,
    SeatUsed,
    TicketsHeld,
)
from watchtower.response.attempt import Purpose
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime, TxHash

SIGNER = Person.named("a payer")
ENTRY = entry(public_key=SIGNER.public_key)
ID = ENTRY.channel
START = 820_540_801
HASTY = PayerPolicy(margin=0, close_on_foreign=True)
TX = TxHash("D" * 64)


def guarding(policy: PayerPolicy = HASTY, *, both: bool = False) -> Watch:
    """A watch for the payer of the channel, in ledger 10, of which everything is known."""
    payees = [ENTRY.destination] if both else []
    watch = Watch(payees, Policy(), payers=[ENTRY.source], payer_policy=policy)
    watch.ledger_closed(closed(10))
    watch.accounted(LedgerIndex(10))
    return watch


def presented(drops: int, at: int = 11) -> ClaimPresented:
    """The payee presented a claim that the channel's key signed."""
    return ClaimPresented(
        channel=ID,
        sender=ENTRY.destination,
        amount=Drops(drops),
        signature=SIGNER.sign_claim(ID, Drops(drops)),
        balance=Drops(drops),
        paid=Drops(drops),
        at=Position(LedgerIndex(at), 1),
        transaction=TX,
    )


def ledger(watch: Watch, index: int, time: int | None = None) -> None:
    """A ledger closes, and everything in it is known."""
    watch.ledger_closed(closed(index, time))
    watch.accounted(LedgerIndex(index))


def test_channel_has_not_ended_before_everything_up_to_its_end_is_known() -> None:
    """It may have been renewed in the ledger that closed behind its end."""
    watch = guarding()
    watch.learn(changed(9, structs.replace(ENTRY, expiration=RippleTime(START + 100))))
    watch.judge_outgoing()
    watch.ledger_closed(closed(11, START + 500))
    assert watch.judge_outgoing() == ()
    watch.learn(changed(11, ENTRY))
    watch.accounted(LedgerIndex(11))
    (judgement,) = watch.judge_outgoing()
    assert (judgement.standing, judgement.act) == (Standing.OPEN, None)
    assert watch.obligations() == ()


def test_channel_that_ended_is_to_be_finalised_until_it_is_gone() -> None:
    """In every pass, by its source, and without haste."""
    watch = guarding()
    watch.learn(changed(9, structs.replace(ENTRY, expiration=RippleTime(START + 100))))
    ledger(watch, 11, START + 101)
    for _ in range(2):
        (judgement,) = watch.judge_outgoing()
        assert judgement.act is Act.FINALISE
        (duty,) = watch.obligations()
        assert (duty.purpose, duty.account) == (Purpose.FINALISE, ENTRY.source)
        assert (duty.at_stake, duty.deadline) == (100_200_000, None)
    gone = Position(LedgerIndex(12), 0)
    watch.learn(ChannelDeleted(entry=ENTRY, at=gone, transaction=TX))
    assert watch.obligations() == ()
    assert watch.judge() == ()


def test_nobody_ends_a_channel_by_a_time_that_one_server_alone_tells() -> None:
    """A false close time would have a close begun."""
    watch = guarding()
    watch.learn(changed(9, structs.replace(ENTRY, expiration=RippleTime(START + 100))))
    watch.ledger_closed(replace(closed(11, START + 500), confirmed=False))
    watch.accounted(LedgerIndex(11))
    (judgement,) = watch.judge_outgoing()
    assert judgement.standing is Standing.CLOSING


def test_channel_that_nothing_happens_to_is_not_judged_again() -> None:
    """Only as its end comes, to the second at which the rules say so."""
    watch = guarding()
    watch.learn(AmendmentsRead(enabled=frozenset(), at=Position(LedgerIndex(9), 0)))
    watch.learn(changed(9, structs.replace(ENTRY, cancel_after=RippleTime(START + 1_000))))
    assert len(watch.judge_outgoing()) == 1
    ledger(watch, 11, START + 999)
    assert watch.judge_outgoing() == ()
    ledger(watch, 12, START + 1_000)
    (judgement,) = watch.judge_outgoing()
    assert judgement.act is Act.FINALISE


def test_claim_that_was_never_registered_has_its_channel_closed_in_haste() -> None:
    """For all that is left in it; but not if it was registered a moment ago."""
    watch = guarding()
    watch.learn(changed(9, ENTRY))
    watch.raise_best(claim(30_000_000))
    watch.learn(presented(40_000_000))
    watch.learn(changed(11, structs.replace(ENTRY, balance=Drops(40_000_000)), TX))
    ledger(watch, 11)
    (judgement,) = watch.judge_outgoing()
    assert judgement.foreign is not None
    (duty,) = watch.obligations()
    assert duty.purpose is Purpose.REQUEST_CLOSE
    assert duty.deadline is not None
    watch.raise_best(claim(40_000_000))
    assert watch.obligations() == ()
    (judgement,) = watch.judge_outgoing()
    assert judgement.foreign is None


def test_what_is_known_of_claims_is_handed_over_once_to_be_written() -> None:
    """So that it goes to disk with the cursor, and an idle pass writes nothing."""
    watch = guarding()
    watch.learn(changed(9, ENTRY))
    watch.raise_best(claim(30_000_000))
    assert watch.outgoing.take_unwritten() == {}
    watch.learn(presented(40_000_000))
    (tally,) = watch.outgoing.take_unwritten().values()
    assert (tally.presented, tally.transaction) == (40_000_000, TX)
    watch.learn(presented(40_000_000))
    assert watch.outgoing.take_unwritten() == {}


def test_robbed_channel_is_not_forgotten_before_its_payer_has_looked() -> None:
    """It is closed, and the alarm is still to be heard."""
    watch = guarding()
    watch.learn(changed(9, ENTRY))
    watch.raise_best(claim(30_000_000))
    watch.learn(presented(40_000_000))
    gone = structs.replace(ENTRY, balance=Drops(40_000_000))
    watch.learn(ChannelDeleted(entry=gone, at=Position(LedgerIndex(11), 1), transaction=TX))
    ledger(watch, 11)
    watch.judge_outgoing()
    assert not watch.forget(ID)
    watch.raise_best(claim(40_000_000))
    watch.judge_outgoing()
    assert watch.forget(ID)
    assert watch.channels == {}


@pytest.mark.parametrize("both", [False, True], ids=["payer", "payer and payee"])
def test_each_side_that_is_ours_is_judged_and_no_other(both: bool) -> None:  # noqa: FBT001 - a case
    """What a payer has signed is not at stake for it; between two of ours it is, for the payee."""
    watch = guarding(both=both)
    watch.learn(changed(9, structs.replace(ENTRY, expiration=RippleTime(START + 1_000))))
    watch.raise_best(claim(30_000_000))
    assert len(watch.judge()) == int(both)
    assert len(watch.judge_outgoing()) == 1
    assert watch.incoming.at_stake == (30_000_000 if both else 0)
    assert [duty.purpose for duty in watch.obligations()] == [Purpose.REDEEM] * int(both)


def test_margin_is_waited_for_to_the_second() -> None:
    """The channel comes up by itself when the margin is over."""
    watch = guarding(PayerPolicy(margin=60))
    watch.learn(AmendmentsRead(enabled=frozenset(), at=Position(LedgerIndex(9), 0)))
    watch.learn(changed(9, structs.replace(ENTRY, cancel_after=RippleTime(START + 1_000))))
    for index, (time, standing) in enumerate(
        ((1_000, Standing.ENDED), (1_060, Standing.EXPIRED)), start=11
    ):
        ledger(watch, index, START + time)
        (judgement, *_) = watch.judge_outgoing()
        assert judgement.standing is standing


def test_closed_channel_on_which_history_tells_of_a_foreign_claim_is_kept_until_it_is_judged() -> (
    None
):
    """Whoever was killed once the closing was on disk, and the claim not yet, reads both again."""
    gone = structs.replace(ENTRY, balance=Drops(40))
    watch = guarding()
    watch.learn(changed(9, ENTRY))
    watch.learn(ChannelDeleted(entry=gone, at=Position(LedgerIndex(11), 1), transaction=TX))
    on_disk = watch.channels[ID]

    kept = {}
    for registered in (30, 40):
        again = guarding()
        again.adopt(on_disk)
        again.raise_best(claim(registered))
        again.learn(presented(40))
        kept[registered] = not again.forget(ID)
        ledger(again, 12)
        assert [j.foreign is not None for j in again.judge_outgoing()] == [True] * kept[registered]
    assert kept == {30: True, 40: False}


def test_what_a_payer_does_with_its_own_account_is_not_foreign_and_its_tickets_are_its_own() -> (
    None
):
    """It opens and funds channels, and has made its tickets for a purpose."""
    watch = guarding()
    used = SeatUsed(
        account=ENTRY.source,
        seat=Seat(7),
        transaction=TX,
        result="tesSUCCESS",
        at=Position(LedgerIndex(11), 0),
    )
    assert watch.learn(used).foreign is None
    held = TicketsHeld(
        account=ENTRY.source, tickets=frozenset({3}), at=Position(LedgerIndex(11), 0)
    )
    watch.learn(held)
    assert watch.ticket_count(ENTRY.source) == 1
    assert watch.tickets(ENTRY.source) == ()


def test_source_is_told_of_channels_from_ours_alone() -> None:
    """The signer closes nothing else."""
    watch = guarding()
    incoming = structs.replace(
        ENTRY, channel=ChannelId("E" * 64), source=ENTRY.destination, destination=ENTRY.source
    )
    watch.learn(changed(9, ENTRY))
    watch.learn(changed(9, incoming))
    assert watch.outgoing.source_of(ID) == ENTRY.source
    assert watch.outgoing.source_of(incoming.channel) is None
    assert watch.outgoing.source_of(ChannelId("F" * 64)) is None
