"""The payer's side of a channel: nothing finalised too early, nobody accused without reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.explain_outgoing import describe_outgoing
from watchtower.judgement.outgoing import (
    Act,
    Foreign,
    OutgoingJudgement,
    Standing,
    Tally,
    after_claim,
    after_state,
    judge_outgoing,
)
from watchtower.judgement.policy import PayerPolicy
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.ledger.events import END_OF_LEDGER, ChannelEntry, ClaimPresented, Position
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime, TxHash

PAYER, PAYEE = Person.named("a payer"), Person.named("a payee")
ID = ChannelId("A" * 64)
END = 820_000_000
PLACE = Position(LedgerIndex(5), END_OF_LEDGER)
BEFORE = ChannelRules(known=True, expires_at_its_end=True)
FIXED = ChannelRules(known=True, expires_at_its_end=False)
HASTY = PayerPolicy(margin=0, close_on_foreign=True)
TX = TxHash("B" * 64)


def channel(balance: int = 10, **changes: int) -> Channel:
    """An open channel that holds 100 drops."""
    entry = ChannelEntry(
        channel=ID,
        source=PAYER.address,
        destination=PAYEE.address,
        amount=Drops(100),
        balance=Drops(balance),
        public_key=PAYER.public_key,
        settle_delay=3600,
    )
    return Channel(entry=structs.replace(entry, **changes), as_of=PLACE)


def registered(amount: int | None) -> Claim | None:
    """The highest claim that the payer registered."""
    if amount is None:
        return None
    return Claim(channel=ID, amount=Drops(amount), public_key="ED", signature="00")


def judged(
    subject: Channel,
    signed: int | None = None,
    tally: Tally | None = None,
    *,
    now: int = END - 1_000,
    accounted: int | None = 5,
    policy: PayerPolicy = HASTY,
    rules: ChannelRules = STRICT,
) -> OutgoingJudgement:
    """Judge ``subject`` for its payer."""
    return judge_outgoing(
        subject,
        registered(signed),
        tally or Tally(),
        ledger_time=RippleTime(now),
        accounted=None if accounted is None else LedgerIndex(accounted),
        policy=policy,
        rules=rules,
    )


def presented(
    amount: int, *, by: Person = PAYEE, signer: Person | None = PAYER, balance: int, paid: int
) -> ClaimPresented:
    """A transaction of ``by``, with a claim that ``signer`` signed; none if nobody did."""
    return ClaimPresented(
        channel=ID,
        sender=by.address,
        amount=Drops(amount),
        signature="" if signer is None else signer.sign_claim(ID, Drops(amount)),
        balance=Drops(balance),
        paid=Drops(paid),
        at=PLACE,
        transaction=TX,
    )


@pytest.mark.parametrize("field", ["expiration", "cancel_after"])
@pytest.mark.parametrize(
    ("rules", "now", "standing"),
    [
        (BEFORE, END - 1, None),
        (BEFORE, END, Standing.EXPIRED),
        (FIXED, END, None),
        (FIXED, END + 1, Standing.EXPIRED),
        (STRICT, END, Standing.ENDED),
        (STRICT, END + 1, Standing.EXPIRED),
    ],
    ids=["before", "at the end", "fixed: at the end", "fixed: behind", "unknown", "unknown behind"],
)
def test_channel_is_finalised_from_the_first_second_at_which_it_has_surely_ended(
    field: str, rules: ChannelRules, now: int, standing: Standing | None
) -> None:
    """A second too early the same transaction would begin a close; not knowing is not sure."""
    judgement = judged(channel(**{field: END}), now=now, rules=rules)
    going_on = Standing.CLOSING if field == "expiration" else Standing.OPEN
    assert judgement.standing is (standing or going_on)
    assert judgement.act is (Act.FINALISE if standing is Standing.EXPIRED else None)


def test_margin_is_waited_for_and_finalising_can_be_switched_off() -> None:
    """Nothing is gained by haste, and an operator may want to look first."""
    patient = PayerPolicy(margin=60)
    assert judged(channel(expiration=END), now=END + 60, policy=patient).standing is Standing.ENDED
    assert judged(channel(expiration=END), now=END + 61, policy=patient).act is Act.FINALISE
    never = PayerPolicy(margin=0, finalise=False)
    assert judged(channel(expiration=END), now=END + 61, policy=never).act is None


@given(
    end=st.integers(0, 2**32 - 1),
    now=st.integers(0, 2**32 - 1),
    margin=st.integers(0, 100),
    rules=st.sampled_from([BEFORE, FIXED, STRICT]),
)
def test_nothing_is_finalised_that_the_ledger_may_see_alive(
    end: int, now: int, margin: int, rules: ChannelRules
) -> None:
    """Whatever the clock says: by the rules that hold, and by either reading if none is known."""
    policy = PayerPolicy(margin=margin)
    judgement = judged(channel(expiration=end), now=now, policy=policy, rules=rules)
    if judgement.act is Act.FINALISE:
        real = (BEFORE, FIXED) if not rules.known else (rules,)
        assert all(truth.has_ended(RippleTime(end), RippleTime(now)) for truth in real)


def test_claim_that_the_key_signed_above_what_was_registered_is_foreign() -> None:
    """However little was asked for with it; and until a claim that covers it is registered."""
    entry = channel().entry
    fact = presented(80, balance=20, paid=10)
    tally = after_claim(Tally(), fact, entry, best=registered(30), policy=HASTY)
    assert judged(channel(20), 30, tally).foreign == Foreign(amount=Drops(80), transaction=TX)
    assert judged(channel(20), 79, tally).foreign is not None
    assert judged(channel(20), 80, tally).foreign is None


def test_claim_that_another_key_signed_accuses_nobody() -> None:
    """A server that lies, or anybody who sends rubbish, cannot have a channel closed."""
    entry = channel().entry
    fact = presented(80, signer=PAYEE, balance=0, paid=0)
    assert after_claim(Tally(), fact, entry, best=registered(30), policy=HASTY) == Tally()


def test_what_the_source_pays_by_itself_is_not_foreign() -> None:
    """It needs no signature, and so no claim key."""
    entry = channel(40).entry
    fact = presented(40, by=PAYER, signer=None, balance=40, paid=30)
    tally = after_claim(Tally(), fact, entry, best=registered(30), policy=HASTY)
    assert after_claim(
        Tally(), replace(fact, sender=PAYEE.address), entry, best=registered(30), policy=HASTY
    ) == (Tally())
    assert judged(channel(40), 30, tally).foreign is None
    assert judged(channel(41), 30, tally).foreign == Foreign(amount=Drops(41), transaction=None)


def test_own_payment_does_not_explain_what_a_thief_took_before() -> None:
    """What stood unexplained stays unexplained."""
    entry = channel(60).entry
    fact = presented(60, by=PAYER, signer=None, balance=60, paid=10)
    tally = after_claim(Tally(), fact, entry, best=registered(30), policy=HASTY)
    assert judged(channel(60), 30, tally).foreign is not None


def test_balance_that_is_ahead_of_its_history_accuses_nobody_yet() -> None:
    """What was read may be explained by a transaction that is still to be told."""
    assert judged(channel(50), 30, accounted=4).foreign is None
    assert judged(channel(50), 30, accounted=None).foreign is None
    assert judged(channel(50), 30, accounted=5).foreign is not None


def test_channel_for_which_nothing_was_registered_is_not_compared() -> None:
    """And what was paid until the first registration is explained by that."""
    tally = after_state(Tally(), channel(50).entry, best=None, policy=HASTY, known_before=True)
    assert judged(channel(50), None, tally).foreign is None
    assert judged(channel(50), 30, tally).foreign is None
    assert judged(channel(51), 30, tally).foreign is not None


def test_who_registers_everything_has_signed_nothing_where_nothing_is_registered() -> None:
    """But what was paid before the channel was known is not held against it."""
    strict = PayerPolicy(register_all=True)
    tally = after_state(
        Tally(), channel(50).entry, best=None, policy=strict, known_before=False, paid=Drops(20)
    )
    assert tally == Tally(explained=Drops(30))
    assert judged(channel(50), None, tally, policy=strict).foreign is not None
    assert after_state(tally, channel(60).entry, best=None, policy=strict, known_before=True) == (
        tally
    )


def test_close_is_asked_for_once_and_only_where_that_is_wished() -> None:
    """A channel that is closing already, or gone, is left alone."""
    tally = Tally(presented=Drops(80), transaction=TX)
    assert judged(channel(), 30, tally).act is Act.REQUEST_CLOSE
    assert judged(channel(), 30, tally, policy=PayerPolicy()).act is None
    assert judged(channel(expiration=END), 30, tally).act is None
    gone = structs.replace(channel(), closed_at=PLACE)
    assert judged(gone, 30, tally).act is None
    assert judged(gone, 30, tally).foreign is not None


@given(
    signed=st.integers(0, 100),
    facts=st.lists(
        st.tuples(st.booleans(), st.integers(1, 100), st.integers(0, 100), st.integers(0, 100)),
        max_size=6,
    ),
)
def test_tally_only_grows_and_what_is_foreign_stays_so(
    signed: int, facts: list[tuple[bool, int, int, int]]
) -> None:
    """Whatever comes afterwards, and in whichever order, no fact clears a stolen key."""
    tally, foreign = Tally(), False
    for is_own, amount, balance, paid in facts:
        fact = presented(
            amount,
            by=PAYER if is_own else PAYEE,
            signer=None if is_own else PAYER,
            balance=max(balance, paid),
            paid=paid,
        )
        after = after_claim(
            tally, fact, channel(balance).entry, best=registered(signed), policy=HASTY
        )
        assert after.explained >= tally.explained
        assert after.presented >= tally.presented
        tally = after
        foreign = foreign or (not is_own and amount > signed)
    assert (judged(channel(0), signed, tally).foreign is not None) is foreign


@pytest.mark.parametrize(
    ("judgement", "told"),
    [
        (judged(channel(), 30), "open, with 0.00009 XRP left in it."),
        (judged(channel()), "No claim is registered as signed"),
        (judged(channel(expiration=END), 30), "ends at 2025-12-25T17:46:40Z"),
        (judged(channel(expiration=END), 30, now=END), "finalised when that is sure"),
        (judged(channel(expiration=END), 30, now=END + 1), "It is finalised now."),
        (judged(channel(), 30, Tally(presented=Drops(80))), "It is asked to close now."),
        (judged(structs.replace(channel(), closed_at=PLACE), 30), "The channel is closed."),
    ],
)
def test_judgement_is_told_in_plain_words(judgement: OutgoingJudgement, told: str) -> None:
    """Each standing, each act, and a claim key that may be stolen."""
    assert told in describe_outgoing(judgement)
