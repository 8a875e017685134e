"""What was signed ahead: which blob is submitted, on which ticket, and what is left to hands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.response.attempts import NOW, PAYEE, owed
from watchtower.keys.authority import Right
from watchtower.response.attempt import NEVER, Attempt, Purpose
from watchtower.response.bidding import Refusal
from watchtower.response.bundle import Level, Presigned
from watchtower.response.fees import FeePolicy
from watchtower.response.market import Market
from watchtower.response.obligation import Closing, Obligation
from watchtower.response.plan import Leave, Terms
from watchtower.response.presigned import Ahead, Submit, plan_presigned, stuck_on_hands
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

XRP = 1_000_000
FEES = (12, 6_000, 50_000)
QUIET = Market(base=Drops(10), open_ledger=Drops(10), expected=2_000)
BUSY = Market(base=Drops(10), open_ledger=Drops(4_000), queue=Drops(11), expected=2_000)
TERMS = Terms(
    validated=LedgerIndex(100),
    now=NOW,
    accounted=LedgerIndex(100),
    next_sequence={PAYEE: 7},
    market=QUIET,
    policy=FeePolicy(
        share_ppm=500_000, haste_ppm=1_000, cap=Drops(1_000_000), daily_cap=Drops(20_000_000)
    ),
    last_ledger_offset=8,
)
LARGE = 100 * XRP
"""Of which haste may cost a hundred thousand drops."""


def ahead(
    obligation: Obligation,
    ticket: int = 41,
    *,
    target: int | None = None,
    fees: Sequence[int] = FEES,
) -> Presigned:
    """What was signed ahead for an obligation; for all of it, unless a ``target`` is named."""
    drops = obligation.target if target is None else Drops(target)
    return Presigned(
        account=obligation.account,
        claim=structs.replace(obligation.claim, amount=drops),
        target=drops,
        ticket=ticket,
        signing_key="02" + "A" * 64,
        levels=tuple(
            Level(fee=Drops(fee), transaction=TxHash(f"{ticket:032X}{fee:032X}"), blob="12")
            for fee in fees
        ),
    )


def planned(
    obligations: Sequence[Obligation | Closing],
    presigned: Sequence[Presigned],
    *attempts: Attempt,
    can_sign: bool = False,
    goes_ahead: bool = True,
    **terms: Any,
) -> Ahead:
    """The plan for some obligations."""
    return plan_presigned(
        obligations,
        attempts,
        replace(TERMS, **terms),
        usable=lambda channel: [each for each in presigned if each.channel == channel],
        can_sign=lambda _: can_sign,
        goes_ahead=lambda _: goes_ahead,
    )


def made(submit: Submit, *, ledgers_ago: int = 1) -> Attempt:
    """The attempt that came of a step, some ledgers ago."""
    attempt = submit.attempt(TERMS)
    return replace(attempt, made_in=LedgerIndex(100 - ledgers_ago))


def first(obligation: Obligation, *presigned: Presigned, **more: Any) -> Submit:
    """The only step there is."""
    (step,) = planned([obligation], presigned, **more).submit
    return step


def test_an_attempt_that_was_signed_ahead_has_no_last_ledger() -> None:
    """It asks for what was signed, on the ticket it was signed for, and lives on."""
    whole = owed(1)
    attempt = first(whole, ahead(whole)).attempt(TERMS)
    assert (attempt.last_ledger, attempt.never_lapses) == (NEVER, True)
    assert (attempt.seat.number, attempt.seat.is_ticket, attempt.target) == (41, True, XRP)
    assert (attempt.fee, attempt.made_in, attempt.purpose) == (12, 100, Purpose.REDEEM)


def test_the_highest_claim_is_taken_on_the_lowest_ticket() -> None:
    """Whatever order they come in."""
    whole = owed(1, 9 * XRP)
    low, high, also = ahead(whole, 40, target=XRP), ahead(whole, 42), ahead(whole, 41)
    assert first(whole, low, high, also).presigned is also
    assert first(whole, also, low, high).presigned is also


@pytest.mark.parametrize(("market", "fee"), [(QUIET, 12), (BUSY, 6_000)])
def test_the_cheapest_fee_that_gets_in_is_taken(market: Market, fee: int) -> None:
    """Where the stake makes that worth while."""
    whole = owed(1, LARGE)
    assert first(whole, ahead(whole), market=market).level.fee == fee


def test_what_can_wait_waits_in_the_queue() -> None:
    """A ledger that is dear now is not paid for where there is time, and nor is its queue."""
    small = owed(1, XRP)
    assert first(small, ahead(small), market=BUSY).level.fee == 12
    full = replace(BUSY, queue=Drops(20))
    (left,) = planned([small], [ahead(small)], market=full).left
    assert left.why is Refusal.DEAR


def test_what_has_no_time_left_pays_what_is_needed_and_at_last_all_it_may() -> None:
    """Half of what is at stake is the operator's limit here."""
    for left, fee in ((3, 6_000), (1, 50_000)):
        small = owed(1, XRP, left=left)
        assert first(small, ahead(small), market=BUSY).level.fee == fee
    tiny = owed(1, 20_000, left=1)
    assert first(tiny, ahead(tiny), market=BUSY).level.fee == 6_000


def test_what_is_not_worth_its_fee_is_left() -> None:
    """And so is what the day has no money for."""
    dust = owed(1, 20)
    (left,) = planned([dust], [ahead(dust)]).left
    assert left.why is Refusal.DUST
    (left,) = planned([owed(1)], [ahead(owed(1))], allowance={PAYEE: Drops(11)}).left
    assert left.why is Refusal.DAILY_CAP


def test_the_days_money_is_for_all_of_them() -> None:
    """One after the other, each spends of the same purse."""
    many = [owed(number, LARGE) for number in (1, 2, 3)]
    presigned = [ahead(each, 40 + number) for number, each in enumerate(many)]
    done = planned(many, presigned, market=BUSY, allowance={PAYEE: Drops(12_011)})
    assert [step.level.fee for step in done.submit] == [6_000, 6_000]
    assert [step.why for step in done.left] == [Refusal.DAILY_CAP]


def test_the_next_fee_goes_on_the_same_ticket_when_two_ledgers_passed_without_it() -> None:
    """Where both cannot apply; the second ticket stays untouched."""
    whole = owed(1, LARGE)
    presigned = [ahead(whole, 41), ahead(whole, 42)]
    begun = first(whole, *presigned)
    assert planned([whole], presigned, made(begun), market=BUSY).submit == ()
    (step,) = planned([whole], presigned, made(begun, ledgers_ago=2), market=BUSY).submit
    assert (step.presigned.ticket, step.level.fee) == (41, 6_000)
    both = [made(begun, ledgers_ago=4), made(step, ledgers_ago=2)]
    dearer = replace(BUSY, open_ledger=Drops(30_000))
    (step,) = planned([whole], presigned, *both, market=dearer).submit
    assert (step.presigned.ticket, step.level.fee) == (41, 50_000)


def test_the_next_fee_is_not_waited_for_when_every_server_refuses_this_one() -> None:
    """``telINSUF_FEE_P``, or a full queue: it will not get in by waiting."""
    whole = owed(1, LARGE)
    attempt = made(first(whole, ahead(whole)))
    (step,) = planned([whole], [ahead(whole)], attempt, underpriced={attempt.transaction}).submit
    assert step.level.fee == 6_000


def test_nothing_is_raised_before_a_ledger_could_have_taken_it() -> None:
    """Refused for its fee as it may be: it is asked again with the next ledger's prices."""
    whole = owed(1, LARGE)
    fresh = made(first(whole, ahead(whole)), ledgers_ago=0)
    refused = {fresh.transaction}
    assert planned([whole], [ahead(whole)], fresh, underpriced=refused).submit == ()


def test_what_every_server_refuses_from_its_signer_is_left_to_who_can_sign() -> None:
    """The key was changed, and the account's state does not show it yet."""
    whole = owed(1, LARGE)
    attempt = made(first(whole, ahead(whole)))
    refused = {attempt.transaction}
    assert planned([whole], [ahead(whole)], attempt, unfit=refused, can_sign=True).rest == (whole,)
    assert planned([whole], [ahead(whole)], attempt, unfit=refused).rest == ()
    assert attempt.by == Right.PRESIGNED.value


def test_what_another_key_signed_anew_goes_on_where_the_first_key_signs_no_more() -> None:
    """On the same ticket, of which only one can apply; what the dead key signed is left alone."""
    whole = owed(1, LARGE)
    attempt = made(first(whole, ahead(whole)))
    refused = {attempt.transaction}
    old = ahead(whole, 42)
    fresh = [
        replace(ahead(whole, ticket, fees=(20, 7_000)), signing_key="03" + "B" * 64)
        for ticket in (41, 43)
    ]
    (step,) = planned([whole], [old, *fresh], attempt, unfit=refused).submit
    assert (step.presigned.ticket, step.presigned.signing_key[:2]) == (41, "03")
    (step,) = planned([whole], [ahead(whole), old, fresh[1]], attempt, unfit=refused).submit
    assert step.presigned.ticket == 43
    assert planned([whole], [ahead(whole), old], attempt, unfit=refused).submit == ()


def test_what_no_hand_brings_in_is_stuck_whoever_is_at_fault() -> None:
    """Nobody signs it, nobody pays for it, or no server takes it from its signer."""
    unsigned, poor, dear, refused, fine = (owed(number, LARGE) for number in range(1, 6))
    attempts = [made(first(each, ahead(each, 40 + n))) for n, each in enumerate((refused, fine))]
    left = [
        Leave(obligation=each, fee_asked=Drops(10), why=why)
        for each, why in ((poor, Refusal.POOR), (dear, Refusal.DEAR))
    ]
    stuck = stuck_on_hands(
        [unsigned, poor, dear, refused, fine],
        [(unsigned, None)],
        left,
        attempts,
        {attempts[0].transaction},
    )
    assert stuck == [unsigned, poor, refused]


def test_what_gets_in_by_itself_at_this_price_is_not_raised() -> None:
    """It is sent again in every ledger."""
    whole = owed(1, LARGE)
    late = made(first(whole, ahead(whole)), ledgers_ago=3)
    assert planned([whole], [ahead(whole)], late).submit == ()


def test_a_fee_that_is_not_worth_it_yet_is_climbed_to_as_the_deadline_comes() -> None:
    """The ramp of all attempts is that of these, too."""
    presigned = [ahead(owed(1, XRP))]
    late = made(first(owed(1, XRP), *presigned), ledgers_ago=5)
    fees = [
        (left, step.level.fee)
        for left in range(60, 0, -1)
        for step in planned([owed(1, XRP, left=left)], presigned, late, market=BUSY).submit
    ]
    assert fees[0][0] < 30
    assert fees[0][1] == 6_000
    assert fees[-1] == (1, 50_000)


def test_the_second_ticket_is_taken_when_the_first_is_gone_and_not_before() -> None:
    """What used it may be this very attempt; two ledgers later that would be known."""
    whole = owed(1, LARGE)
    begun = first(whole, ahead(whole, 41), ahead(whole, 42))
    fresh, late = made(begun), made(begun, ledgers_ago=2)
    # The ticket is gone by the account's own state, and the attempt has no outcome yet.
    assert planned([whole], [ahead(whole, 42)], fresh).submit == ()
    (step,) = planned([whole], [ahead(whole, 42)], late).submit
    assert step.presigned.ticket == 42
    # Only servers say so.
    both = [ahead(whole, 41), ahead(whole, 42)]
    said = {late.transaction: LedgerIndex(99)}
    assert planned([whole], both, late, unseated=said).submit == ()
    said = {late.transaction: LedgerIndex(98)}
    (step,) = planned([whole], both, late, unseated=said).submit
    assert step.presigned.ticket == 42


def test_with_no_ticket_left_and_nobody_to_sign_what_is_on_its_way_is_waited_for() -> None:
    """Or it is said that there is no key, which is the truth."""
    whole = owed(1, LARGE)
    late = made(first(whole, ahead(whole)), ledgers_ago=5)
    assert planned([whole], [], late) == Ahead(submit=(), left=(), rest=())
    assert planned([whole], []).rest == (whole,)


def test_a_better_claim_on_the_same_ticket_takes_its_place_for_the_next_fee() -> None:
    """It was signed anew while the lower one was on its way."""
    before, now = owed(1, XRP), owed(1, LARGE)
    attempt = made(first(before, ahead(before)))
    (step,) = planned([now], [ahead(now)], attempt).submit
    assert (step.presigned.target, step.level.fee) == (LARGE, 6_000)


def test_where_a_hand_can_sign_it_redeems_what_the_bundle_does_not_cover() -> None:
    """The whole claim, for one fee."""
    whole = owed(1, LARGE)
    behind = ahead(whole, target=LARGE - 1)
    assert planned([whole], [behind], can_sign=True).rest == (whole,)
    assert first(whole, behind).presigned is behind
    assert planned([whole], [ahead(whole)], can_sign=True).rest == ()


def test_a_hand_helps_where_the_highest_fee_is_not_enough() -> None:
    """It may raise the fee on the very ticket, beyond what was signed ahead."""
    whole = owed(1, LARGE)
    top = made(first(whole, ahead(whole, fees=(12,))), ledgers_ago=3)
    assert planned([whole], [ahead(whole, fees=(12,))], top, can_sign=True).rest == (whole,)
    assert planned([whole], [ahead(whole, fees=(12,))], top).rest == ()


def test_the_configured_order_of_rights_is_kept() -> None:
    """Where a hand comes first, nothing that was signed ahead is submitted."""
    whole = owed(1, LARGE)
    done = planned([whole], [ahead(whole)], can_sign=True, goes_ahead=False)
    assert (done.submit, done.rest) == ((), (whole,))


def test_what_was_signed_ahead_never_takes_more_than_is_owed_and_closes_nothing() -> None:
    """A payee that gave something back is not paid it after all; a payer's duty is a hand's."""
    whole = owed(1, XRP)
    assert planned([whole], [ahead(whole, target=XRP + 1)]).rest == (whole,)
    closing = Closing(
        channel=whole.channel,
        account=PAYEE,
        purpose=Purpose.FINALISE,
        at_stake=Drops(XRP),
        balance=Drops(0),
        deadline=None,
    )
    assert planned([closing], [ahead(whole)]).rest == (closing,)
    other = replace(ahead(whole), account=Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"))
    assert planned([whole], [other]).rest == (whole,)


@given(
    stakes=st.lists(st.integers(1, 10**9), min_size=1, max_size=5),
    lefts=st.lists(st.none() | st.integers(0, 200), min_size=5, max_size=5),
    price=st.integers(10, 10**6),
    ages=st.lists(st.integers(0, 5), min_size=5, max_size=5),
    allowance=st.integers(0, 10**6),
    underpriced=st.booleans(),
)
def test_no_fee_is_above_a_limit_and_no_two_tickets_are_tried_at_once(
    *,
    stakes: list[int],
    lefts: list[int | None],
    price: int,
    ages: list[int],
    allowance: int,
    underpriced: bool,
) -> None:
    """Whatever the market, the clock and the past are like."""
    many = [owed(n, drops, lefts[n - 1]) for n, drops in enumerate(stakes, start=1)]
    presigned = [ahead(o, 10 * n + k) for n, o in enumerate(many, start=1) for k in (1, 2)]
    market = Market(base=Drops(10), open_ledger=Drops(price))
    begun = planned(many, presigned).submit
    old = [made(step, ledgers_ago=ages[n]) for n, step in enumerate(begun)]
    refused: Collection[TxHash] = {a.transaction for a in old} if underpriced else set()
    done = planned(
        many,
        presigned,
        *old,
        market=market,
        allowance={PAYEE: Drops(allowance)},
        underpriced=refused,
    )
    policy, seats = TERMS.policy, {a.channel: a for a in old}
    spent = 0
    for step in done.submit:
        before = seats.get(step.obligation.channel)
        assert step.level.fee <= policy.budget(step.obligation.at_stake)
        spent += step.level.fee - (0 if before is None else before.fee)
        if before is not None:
            assert step.presigned.seat == before.seat
            assert step.level.fee * 4 > before.fee * 5
    assert spent <= allowance
    channels: list[ChannelId] = [step.obligation.channel for step in done.submit]
    assert len(set(channels)) == len(channels)
