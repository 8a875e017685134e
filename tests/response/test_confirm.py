"""What became of an attempt: told by validated ledgers, whatever the engine result said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from watchtower.judgement.channel import Channel
from watchtower.ledger.events import (
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    Position,
    Seat,
    SeatUsed,
)
from watchtower.response.attempt import NEVER, Attempt, OutcomeKind, Purpose
from watchtower.response.confirm import (
    by_last_ledger,
    by_lost_history,
    by_own_transaction,
    by_seat,
    by_state,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
OWN, OTHER = TxHash("A" * 64), TxHash("B" * 64)
AT = Position(LedgerIndex(105), 3)
CHANNEL = ChannelId("C" * 64)
ATTEMPT = Attempt(
    channel=CHANNEL,
    account=PAYEE,
    seat=Seat(7),
    target=Drops(30),
    balance_before=Drops(5),
    fee=Drops(10),
    last_ledger=LedgerIndex(107),
    made_in=LedgerIndex(99),
    transaction=OWN,
    blob="00",
)
MAKING = replace(ATTEMPT, channel=None, purpose=Purpose.MAKE_TICKETS, target=Drops(0))


def entry(balance: int) -> ChannelEntry:
    """The channel's entry with ``balance`` paid."""
    return ChannelEntry(
        channel=CHANNEL,
        source=Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK"),
        destination=PAYEE,
        amount=Drops(100),
        balance=Drops(balance),
        public_key="02",
        settle_delay=3600,
    )


def used(transaction: TxHash, result: str, seat: int = 7) -> SeatUsed:
    """A validated transaction of the payee."""
    return SeatUsed(account=PAYEE, seat=Seat(seat), transaction=transaction, result=result, at=AT)


def channel(balance: int) -> Channel:
    """The channel as it is known afterwards."""
    return Channel(entry=entry(balance), as_of=AT)


def test_paid_is_what_the_balance_says_and_how_much_this_transaction_paid() -> None:
    """The payer may have paid a part of it meanwhile; that part is not ours."""
    fact = ChannelChanged(entry=entry(30), at=AT, transaction=OWN, paid=Drops(20))
    outcome = by_own_transaction(ATTEMPT, fact)
    assert outcome is not None
    assert (outcome.kind, outcome.paid) == (OutcomeKind.PAID, 20)


def test_late_claim_reports_success_and_pays_nothing() -> None:
    """Past the expiration the claim closes the channel and returns tesSUCCESS."""
    fact = ChannelDeleted(entry=entry(5), at=AT, transaction=OWN)
    outcome = by_own_transaction(ATTEMPT, fact)
    assert outcome is not None
    assert (outcome.kind, outcome.paid) == (OutcomeKind.CLOSED_UNPAID, 0)


def test_channel_that_closed_after_paying_in_full_is_paid() -> None:
    """A deletion is no loss where the balance reached the target."""
    fact = ChannelDeleted(entry=entry(30), at=AT, transaction=OWN, paid=Drops(25))
    outcome = by_own_transaction(ATTEMPT, fact)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.PAID


def test_another_transaction_on_the_channel_ends_nothing() -> None:
    """Only the attempt's own transaction, its seat or its last ledger end it."""
    fact = ChannelChanged(entry=entry(30), at=AT, transaction=OTHER, paid=Drops(25))
    assert by_own_transaction(ATTEMPT, fact) is None


def test_success_that_shows_no_payment_proves_nothing() -> None:
    """A server that hides the payment from the metadata would have made it look refused."""
    assert by_seat(ATTEMPT, used(OWN, "tesSUCCESS"), channel(5)) is None


def test_second_attempt_that_only_closed_the_paid_channel_has_not_paid() -> None:
    """Its balance is where it should be, by the first one."""
    fact = ChannelDeleted(entry=entry(30), at=AT, transaction=OWN)
    outcome = by_own_transaction(ATTEMPT, fact)
    assert outcome is not None
    assert (outcome.kind, outcome.paid) == (OutcomeKind.ALREADY_PAID, 0)
    assert outcome.fee == ATTEMPT.fee


def test_tec_is_refused_and_names_the_code() -> None:
    """The seat and the fee are gone; the obligation is not."""
    outcome = by_seat(ATTEMPT, used(OWN, "tecUNFUNDED_PAYMENT"), channel(5))
    assert outcome is not None
    assert outcome.kind is OutcomeKind.REFUSED
    assert "tecUNFUNDED_PAYMENT" in outcome.why


def test_seat_taken_by_the_accounts_owner_is_superseded() -> None:
    """The owner's wallet used our sequence; identity is the seat, not the hash."""
    outcome = by_seat(ATTEMPT, used(OTHER, "tesSUCCESS"), channel(5))
    assert outcome is not None
    assert outcome.kind is OutcomeKind.SUPERSEDED


def test_seat_of_another_number_or_kind_ends_nothing() -> None:
    """A ticket with the number of a sequence is another seat."""
    assert by_seat(ATTEMPT, used(OTHER, "tesSUCCESS", seat=8), channel(5)) is None
    ticket = SeatUsed(
        account=PAYEE, seat=Seat(7, is_ticket=True), transaction=OTHER, result="tesSUCCESS", at=AT
    )
    assert by_seat(ATTEMPT, ticket, channel(5)) is None


def test_claim_that_others_paid_meanwhile_is_already_paid() -> None:
    """Our tec does not matter when the balance is where it should be."""
    outcome = by_seat(ATTEMPT, used(OWN, "tecUNFUNDED_PAYMENT"), channel(30))
    assert outcome is not None
    assert (outcome.kind, outcome.paid) == (OutcomeKind.ALREADY_PAID, 0)


def test_attempt_lapses_only_when_its_last_ledger_is_accounted_for() -> None:
    """Until every ledger it could be in was seen without gaps, it may still have applied."""
    assert by_last_ledger(ATTEMPT, LedgerIndex(106), channel(5)) is None
    outcome = by_last_ledger(ATTEMPT, LedgerIndex(107), channel(5))
    assert outcome is not None
    assert outcome.kind is OutcomeKind.REFUSED
    paid = by_last_ledger(ATTEMPT, LedgerIndex(107), channel(40))
    assert paid is not None
    assert paid.kind is OutcomeKind.ALREADY_PAID


def test_unknown_channel_is_not_taken_for_a_paid_one() -> None:
    """Without a known balance nothing counts as reached."""
    outcome = by_last_ledger(ATTEMPT, LedgerIndex(110), None)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.REFUSED


def test_tickets_are_done_once_their_own_transaction_is_validated() -> None:
    """It has no channel whose balance could tell."""
    done = by_seat(MAKING, used(OWN, "tesSUCCESS"), None)
    assert done is not None
    assert (done.kind, done.paid, done.fee) == (OutcomeKind.DONE, 0, MAKING.fee)
    refused = by_seat(MAKING, used(OWN, "tecINSUFFICIENT_RESERVE"), None)
    assert refused is not None
    assert (refused.kind, refused.fee) == (OutcomeKind.REFUSED, MAKING.fee)


def test_only_what_was_validated_has_cost_its_fee() -> None:
    """A transaction whose seat another took, or whose last ledger passed, cost nothing."""
    another = by_seat(ATTEMPT, used(TxHash("E" * 64), "tesSUCCESS"), None)
    assert another is not None
    assert another.fee == 0
    lapsed = by_last_ledger(ATTEMPT, ATTEMPT.last_ledger, None)
    assert lapsed is not None
    assert lapsed.fee == 0


FINALISING = replace(ATTEMPT, purpose=Purpose.FINALISE, target=Drops(5))
ASKING = replace(ATTEMPT, purpose=Purpose.REQUEST_CLOSE, target=Drops(5))


def test_channel_is_finalised_when_it_is_gone_and_not_before() -> None:
    """A close that came too early began one instead; that is no success at finalising."""
    gone = by_own_transaction(FINALISING, ChannelDeleted(entry=entry(5), at=AT, transaction=OWN))
    assert gone is not None
    assert gone.kind is OutcomeKind.DONE
    begun = structs.replace(entry(5), expiration=RippleTime(9))
    stays = by_own_transaction(FINALISING, ChannelChanged(entry=begun, at=AT, transaction=OWN))
    assert stays is not None
    assert stays.kind is OutcomeKind.REFUSED


def test_close_was_asked_for_when_an_expiration_stands() -> None:
    """Or when the channel is gone at once, for it had ended or was empty."""
    asked = structs.replace(entry(5), expiration=RippleTime(9))
    for fact in (
        ChannelChanged(entry=asked, at=AT, transaction=OWN),
        ChannelDeleted(entry=entry(5), at=AT, transaction=OWN),
    ):
        outcome = by_own_transaction(ASKING, fact)
        assert outcome is not None
        assert (outcome.kind, outcome.fee) == (OutcomeKind.DONE, ATTEMPT.fee)
    nothing = by_own_transaction(ASKING, ChannelChanged(entry=entry(5), at=AT, transaction=OWN))
    assert nothing is not None
    assert nothing.kind is OutcomeKind.REFUSED


def test_close_that_succeeded_and_changed_nothing_has_done_nothing() -> None:
    """A second close request returns tesSUCCESS and leaves the first one as it was."""
    for attempt in (FINALISING, ASKING):
        outcome = by_seat(attempt, used(OWN, "tesSUCCESS"), channel(5))
        assert outcome is not None
        assert outcome.kind is OutcomeKind.REFUSED


def test_attempt_whose_history_is_lost_ends_by_the_state_behind_it() -> None:
    """Nobody can tell what its ledgers held; whether it is paid the channel itself says."""
    behind = Position(LedgerIndex(109), 0)
    for balance, kind in ((5, OutcomeKind.UNKNOWN), (30, OutcomeKind.ALREADY_PAID)):
        read = Channel(entry=entry(balance), as_of=behind)
        outcome = by_lost_history(ATTEMPT, LedgerIndex(111), read)
        assert outcome is not None
        assert outcome.kind is kind
        assert by_lost_history(ATTEMPT, LedgerIndex(110), read) is None


def test_state_from_before_its_last_ledger_says_nothing_of_an_attempt() -> None:
    """It may have been paid since."""
    read = Channel(entry=entry(5), as_of=Position(LedgerIndex(107), 0))
    assert by_lost_history(ATTEMPT, LedgerIndex(200), read) is None


@pytest.mark.parametrize("closed_in", [None, 106], ids=["let go of", "closed before its last"])
def test_attempt_whose_history_is_lost_waits_for_no_channel_that_is_gone(
    closed_in: int | None,
) -> None:
    """Nobody reads the state of such a channel again (world 300239)."""
    channel = None
    if closed_in is not None:
        at = Position(LedgerIndex(closed_in), 0)
        channel = Channel(entry=entry(5), as_of=at, closed_at=at)
    outcome = by_lost_history(ATTEMPT, LedgerIndex(111), channel)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert by_lost_history(ATTEMPT, LedgerIndex(110), channel) is None


AHEAD = replace(ATTEMPT, seat=Seat(41, is_ticket=True), last_ledger=NEVER)


def known(balance: int, *, at: int = 105, closed_at: Position | None = None) -> Channel:
    """The channel as it was in ledger ``at``."""
    entry = ChannelEntry(
        channel=CHANNEL,
        source=PAYEE,
        destination=PAYEE,
        amount=Drops(100),
        balance=Drops(balance),
        public_key="02",
        settle_delay=60,
    )
    as_of = Position(LedgerIndex(at), 0)
    return Channel(entry=entry, as_of=as_of, closed_at=closed_at)


def test_what_was_signed_ahead_outlives_every_ledger() -> None:
    """It has no last one: neither the newest ledger nor lost history ends it."""
    far = LedgerIndex(2**31)
    assert by_last_ledger(AHEAD, far, known(5)) is None
    assert by_lost_history(AHEAD, far, None) is None
    assert by_state(AHEAD, far, known(5), None) is None


def test_what_was_signed_ahead_is_over_when_the_channel_has_paid_as_much() -> None:
    """It could only cost its fee; its own payment would have been told before."""
    ends = by_state(AHEAD, LedgerIndex(105), known(30), None)
    assert ends is not None
    assert (ends.kind, ends.fee) == (OutcomeKind.ALREADY_PAID, 0)
    # A state of a later ledger may be its own doing, of which the facts are still to come.
    assert by_state(AHEAD, LedgerIndex(104), known(30), None) is None


def test_what_was_signed_ahead_is_over_when_the_channel_is() -> None:
    """Seen to close, or let go of; of one that is only missing, nobody knows how."""
    at = Position(LedgerIndex(105), 0)
    for channel in (None, known(5, closed_at=at)):
        ends = by_state(AHEAD, LedgerIndex(105), channel, None)
        assert ends is not None
        assert ends.kind is OutcomeKind.REFUSED
    missing = known(5, closed_at=Position(LedgerIndex(104), 0))
    ends = by_state(AHEAD, LedgerIndex(105), missing, None)
    assert ends is not None
    assert ends.kind is OutcomeKind.UNKNOWN


def test_what_was_signed_ahead_is_over_when_its_ticket_is_gone_and_nobody_tells_why() -> None:
    """By then every fact of that ledger is known, or can no more be known."""
    assert by_state(AHEAD, LedgerIndex(104), known(5, at=100), LedgerIndex(105)) is None
    ends = by_state(AHEAD, LedgerIndex(105), known(5, at=100), LedgerIndex(105))
    assert ends is not None
    assert ends.kind is OutcomeKind.UNKNOWN
