"""The planner: who is redeemed first, on which seat, at what fee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.response.attempts import NOW, OTHER, PAYEE, attempt, owed
from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt, Purpose
from watchtower.response.bidding import Refusal
from watchtower.response.fees import FeePolicy
from watchtower.response.market import Market
from watchtower.response.obligation import Closing, Obligation
from watchtower.response.plan import Leave, Plan, Redeem, Terms, Wait, plan
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

XRP = 1_000_000
POLICY = FeePolicy(
    share_ppm=500_000, haste_ppm=1_000, cap=Drops(1_000_000), daily_cap=Drops(20_000_000)
)
QUIET = Market(base=Drops(10), open_ledger=Drops(10), expected=2_000)
BUSY = Market(base=Drops(10), open_ledger=Drops(5_000), size=32)
TERMS = Terms(
    validated=LedgerIndex(100),
    now=NOW,
    accounted=LedgerIndex(100),
    next_sequence={PAYEE: 7},
    market=QUIET,
    policy=POLICY,
    last_ledger_offset=8,
)
TICKET = Seat(30, is_ticket=True)


def one(obligation: Obligation, *attempts: Attempt, **terms: Any) -> Plan:
    """The plan for a single obligation."""
    (step,) = plan([obligation], attempts, replace(TERMS, **terms))
    return step


def redeemed(plans: Sequence[Plan]) -> list[Redeem]:
    """The plans to redeem."""
    return [step for step in plans if isinstance(step, Redeem)]


def test_plans_come_in_the_order_of_deadlines() -> None:
    """Earliest deadline first, a channel without one last."""
    plans = plan([owed(1, left=None), owed(2, left=90), owed(3, left=20)], [], TERMS)
    assert [int(step.obligation.channel, 16) for step in plans] == [3, 2, 1]


def test_thousand_channels_that_close_at_once_are_all_seated_in_order() -> None:
    """Behind five hundred that are on their way; the most urgent on the lowest seats."""
    on_their_way = [attempt(number, 6 + number) for number in range(1, 501)]
    obligations = [owed(number, left=100 + number) for number in range(1, 1_001)]
    new = redeemed(plan(obligations, on_their_way, TERMS))
    assert [step.seat.number for step in new] == list(range(507, 1_007))
    deadlines = [step.obligation.deadline for step in new]
    assert deadlines == [NOW + 5 * (100 + number) for number in range(501, 1_001)]


def test_attempt_on_its_way_is_waited_for_and_not_paid_for_twice() -> None:
    """The same target needs no second transaction."""
    assert isinstance(one(owed(1), attempt(1, 7)), Wait)


def test_better_claim_gets_its_own_attempt_but_only_one_a_ledger() -> None:
    """A stream of claims on a closing channel does not become a stream of fees."""
    better = owed(1, 2 * XRP)
    step = one(better, attempt(1, 7))
    assert isinstance(step, Redeem)
    assert step.seat == Seat(8)
    assert isinstance(one(better, attempt(1, 7, made_in=LedgerIndex(100))), Wait)


def test_better_claim_is_left_when_it_adds_less_than_another_attempt_is_worth() -> None:
    """A payer that promises a drop more in every ledger must not cost us a fee in every ledger."""
    assert isinstance(one(owed(1, XRP + 19), attempt(1, 7)), Wait)
    assert isinstance(one(owed(1, XRP + 20), attempt(1, 7)), Redeem)


def test_refused_attempt_is_replaced_on_its_own_seat_by_more_than_a_quarter() -> None:
    """Both cannot apply, and the queue takes a replacement only above 1.25 times the fee."""
    stuck = attempt(1, 7, fee=Drops(5_000))
    busy = replace(BUSY, open_ledger=Drops(5_000))
    step = one(owed(1, 10 * XRP), stuck, underpriced={stuck.transaction}, market=busy)
    assert isinstance(step, Redeem)
    assert step.seat == stuck.seat
    assert step.fee == 6_251


def test_refused_attempt_at_its_budget_waits_instead_of_sending_what_would_be_refused() -> None:
    """No replacement is possible there."""
    stuck = attempt(1, 7, fee=Drops(480))
    step = one(owed(1, 1_000, left=1), stuck, underpriced={stuck.transaction})
    assert isinstance(step, Wait)


def test_attempt_that_no_ledger_takes_pays_more_as_its_deadline_comes_nearer() -> None:
    """Ledger by ledger, up to its budget one ledger before the deadline; and it never falls."""
    fees, stuck = [], attempt(1, 7, made_in=LedgerIndex(98))
    for left in range(60, 0, -1):
        step = one(owed(1, left=left), stuck, market=BUSY)
        if isinstance(step, Redeem):
            fees.append(step.fee)
            stuck = replace(stuck, fee=step.fee)
    assert fees == sorted(fees)
    assert fees[-1] == POLICY.budget(Drops(XRP))
    assert len(fees) > 10


def test_small_claim_that_holds_up_a_large_one_may_pay_for_both() -> None:
    """The seat in front is worth what waits behind it."""
    small, large = attempt(1, 7, made_in=LedgerIndex(98)), attempt(2, 8, made_in=LedgerIndex(98))
    refused = {small.transaction, large.transaction}
    obligations = [owed(1, 1_000), owed(2, 1_000 * XRP)]
    plans = plan(obligations, [small, large], replace(TERMS, market=BUSY, underpriced=refused))
    first = next(step for step in redeemed(plans) if step.seat == Seat(7))
    assert first.fee >= 5_000
    assert first.obligation.channel == small.channel
    alone = one(obligations[0], small, market=BUSY, underpriced=refused)
    assert isinstance(alone, Wait)


def test_attempt_stuck_on_a_sequence_gets_company_on_a_ticket() -> None:
    """Whatever blocks the sequence, our own transaction or its owner's, blocks no ticket."""
    stuck = attempt(1, 9, made_in=LedgerIndex(98))
    step = one(owed(1), stuck, tickets={PAYEE: [30]})
    assert isinstance(step, Redeem)
    assert step.seat == TICKET
    beside = attempt(1, TICKET, made_in=LedgerIndex(98))
    assert isinstance(one(owed(1), stuck, beside, tickets={PAYEE: [30, 31]}), Wait)


def test_tower_that_is_behind_with_the_facts_does_not_pay_twice() -> None:
    """A ledger that closed without an attempt has to be known before it says so."""
    stuck = attempt(1, 9, made_in=LedgerIndex(98))
    assert isinstance(one(owed(1), stuck, tickets={PAYEE: [30]}, accounted=LedgerIndex(99)), Wait)
    assert isinstance(one(owed(1), stuck, tickets={PAYEE: [30]}, accounted=None), Wait)


def test_attempts_of_the_ledger_before_take_no_room_while_its_facts_are_on_their_way() -> None:
    """The next ones are planned the moment a ledger closes, and its facts come a little later."""
    market = Market(base=Drops(10), open_ledger=Drops(10), expected=1)
    under_way = [attempt(number, 6 + number) for number in range(1, 12)]
    obligations = [owed(number) for number in range(20, 40)]
    terms = replace(TERMS, market=market, accounted=LedgerIndex(99))
    # Two enter at the base fee, and ten are queued.
    assert len(redeemed(plan(obligations, under_way, terms))) == 12
    known = replace(terms, accounted=LedgerIndex(100), queued={a.transaction for a in under_way})
    many = [owed(number) for number in range(20, 25)]
    assert len(redeemed(plan(many, under_way, known))) == 2


def test_attempt_whose_seat_is_gone_gets_another_one_once_its_facts_would_be_known() -> None:
    """Servers say so where the facts of its seat never arrive."""
    burnt = attempt(1, 7, made_in=LedgerIndex(98))
    since = {burnt.transaction: LedgerIndex(98)}
    step = one(owed(1), burnt, unseated=since, next_sequence={PAYEE: 8})
    assert isinstance(step, Redeem)
    assert step.seat == Seat(8)


def test_seat_that_may_be_used_by_the_attempt_itself_is_not_given_up() -> None:
    """It entered a ledger late, was sent again, and its own success looks like a thief's."""
    late = attempt(1, 7, made_in=LedgerIndex(97))
    since = {late.transaction: LedgerIndex(99)}
    step = one(owed(1), late, unseated=since, next_sequence={PAYEE: 8})
    assert isinstance(step, Wait)


def test_seat_that_was_gone_before_the_first_word_is_replaced_at_once_where_it_presses() -> None:
    """Found by the simulation (world 30971): two ledgers of waiting were all that there was."""
    burnt = attempt(1, 7, made_in=LedgerIndex(99))
    since = {burnt.transaction: LedgerIndex(99)}
    step = one(owed(1, left=2), burnt, unseated=since, next_sequence={PAYEE: 8})
    assert isinstance(step, Redeem)
    assert step.seat == Seat(8)
    calm = one(owed(1, left=90), burnt, unseated=since, next_sequence={PAYEE: 8})
    assert isinstance(calm, Wait)


def test_attempt_behind_a_sequence_that_nobody_takes_gets_the_missing_one() -> None:
    """Found by the simulation (world 103593): it was sent again until its channel had ended."""
    stuck = attempt(1, 8, made_in=LedgerIndex(99))
    step = one(owed(1), stuck, held_up={stuck.transaction}, next_sequence={PAYEE: 7})
    assert isinstance(step, Redeem)
    assert step.seat == Seat(7)
    # Where one of ours is to take it, or nobody misses any, it is waited for.
    first = attempt(2, 7, made_in=LedgerIndex(99))
    plans = plan([owed(1), owed(2)], [stuck, first], replace(TERMS, held_up={stuck.transaction}))
    assert not redeemed(plans)
    assert isinstance(one(owed(1), stuck, next_sequence={PAYEE: 7}), Wait)


def test_redemptions_of_one_account_take_tickets_first() -> None:
    """The most urgent stands on a ticket and waits for nobody."""
    plans = plan([owed(1, left=90), owed(2, left=20)], [], replace(TERMS, tickets={PAYEE: [30]}))
    assert {step.obligation.channel[-1]: step.seat for step in redeemed(plans)} == {
        "2": TICKET,
        "1": Seat(7),
    }


def test_attempt_past_its_last_ledger_blocks_nothing_even_if_no_outcome_is_proven() -> None:
    """A stuck cursor must not keep a closing channel from a fresh attempt."""
    step = one(owed(1), attempt(1, 7, last_ledger=LedgerIndex(99)))
    assert isinstance(step, Redeem)
    assert step.seat == Seat(7)


def test_attempt_in_its_last_ledger_may_have_applied_and_is_waited_for() -> None:
    """The facts of the newest validated ledger may still be on their way."""
    assert isinstance(one(owed(1), attempt(1, 7, last_ledger=LedgerIndex(100))), Wait)


def test_what_is_left_says_why_and_what_it_would_have_cost() -> None:
    """Dust, a day's money that is spent, and a price that can be waited out."""
    dust = one(owed(1, 10))
    assert isinstance(dust, Leave)
    assert (dust.why, dust.fee_asked) == (Refusal.DUST, 10)
    spent = one(owed(1), allowance={PAYEE: Drops(9)})
    assert isinstance(spent, Leave)
    assert spent.why is Refusal.DAILY_CAP


def test_thirteenth_unprofitable_channel_does_not_hold_up_a_profitable_one() -> None:
    """What is not worth its fee is passed over, wherever it stands in the order."""
    dust = [owed(number, 10, left=5) for number in range(1, 13)]
    plans = plan([*dust, owed(13, XRP)], [], TERMS)
    (step,) = redeemed(plans)
    assert step.seat == Seat(7)
    assert len(plans) == 13


def test_account_without_a_seat_that_we_know_of_is_not_guessed_for() -> None:
    """When no server told the sequence, and there is no ticket, nothing is planned for it."""
    assert plan([owed(1)], [], replace(TERMS, next_sequence={})) == ()
    plans = plan([owed(1, account=OTHER), owed(2)], [], TERMS)
    assert [step.obligation.account for step in plans] == [PAYEE]


def test_mass_exit_is_spread_over_the_ledgers_that_are_left() -> None:
    """Six hundred channels in a hundred and ninety ledgers: what is cheap, what is due, no more."""
    market = Market(base=Drops(10), open_ledger=Drops(10), expected=1)
    obligations = [owed(number, left=200) for number in range(1, 601)]
    plans = plan(obligations, [], replace(TERMS, market=market))
    fees = [step.fee for step in redeemed(plans)]
    # Two enter cheaply, one more is due (600 in 190 ledgers are three), ten are queued.
    assert len(fees) == 13
    assert fees.count(Drops(10)) == 12
    assert all(step.why is Refusal.DEAR for step in plans if isinstance(step, Leave))


def test_crowd_that_is_stuck_is_raised_from_the_lowest_sequence_up() -> None:
    """Whoever is raised behind one that stays where it is pays for nothing."""
    late = {"made_in": LedgerIndex(97), "target": Drops(10 * XRP)}
    stuck = [attempt(number, 20 - number, **late) for number in range(1, 13)]
    obligations = [owed(number, 10 * XRP, left=4) for number in range(1, 13)]
    plans = plan(obligations, stuck, replace(TERMS, market=BUSY))
    # Twelve in four ledgers are three in each.
    assert sorted(step.seat.number for step in redeemed(plans)) == [8, 9, 10]
    assert all(step.fee >= 5_000 for step in redeemed(plans))


def test_what_comes_out_of_the_queue_is_part_of_what_is_due() -> None:
    """Served on top of it, it would take the cheap places of the next ledger from the rest."""
    market = Market(base=Drops(10), open_ledger=Drops(10), size=10, expected=20)
    obligations = [owed(number, 10 * XRP, left=4) for number in range(1, 121)]
    queued = [attempt(n, 6 + n, target=Drops(10 * XRP)) for n in range(1, 11)]
    terms = replace(TERMS, market=market, accounted=LedgerIndex(99))
    plans = plan(obligations, queued, terms)
    fees = [step.fee for step in redeemed(plans)]
    # Thirty in each of four ledgers: ten are there, eleven more go cheaply, and nine must pay.
    assert len([fee for fee in fees if fee > 10]) == 9
    assert len([fee for fee in fees if fee == 10]) == 11 + 10


def test_nothing_is_queued_behind_what_does_not_get_out_of_the_queue() -> None:
    """It would hold up every sequence behind it; what is there already is enough."""
    stuck = attempt(1, 7, made_in=LedgerIndex(97))
    obligations = [owed(number, XRP, left=200) for number in range(1, 5)]
    terms = replace(TERMS, market=BUSY)
    assert len(redeemed(plan(obligations, [stuck], terms))) == 3
    terms = replace(terms, queued={stuck.transaction})
    assert redeemed(plan(obligations, [stuck], terms)) == []


def test_crowd_queues_nothing_where_strangers_alone_fill_the_ledger() -> None:
    """At the base fee nobody comes out of the queue after them."""
    market = Market(base=Drops(10), open_ledger=Drops(10_000), size=40, expected=20)
    obligations = [owed(number, XRP, left=4_000) for number in range(1, 13)]
    assert redeemed(plan(obligations, [], replace(TERMS, market=market))) == []
    assert len(redeemed(plan(obligations[:10], [], replace(TERMS, market=market)))) == 10


@given(
    st.lists(st.integers(1, 30), unique=True, max_size=12),
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(5, 20)), max_size=12, unique_by=lambda t: t[1]
    ),
    st.integers(5, 12),
    st.sets(st.integers(30, 36), max_size=4),
    st.sampled_from([QUIET, BUSY]),
)
def test_no_two_live_attempts_of_different_channels_ever_share_a_seat(
    channels: list[int],
    under_way: list[tuple[int, int]],
    sequence: int,
    tickets: set[int],
    market: Market,
) -> None:
    """A shared seat would let one channel's payment push out another's."""
    attempts = [attempt(channel, seat, made_in=LedgerIndex(97)) for channel, seat in under_way]
    refused = {a.transaction for a in attempts[::2]}
    terms = replace(
        TERMS,
        next_sequence={PAYEE: sequence},
        tickets={PAYEE: tickets},
        market=market,
        underpriced=refused,
    )
    plans = plan([owed(channel, 20 * XRP) for channel in channels], attempts, terms)
    holders: dict[tuple[Address, Seat], ChannelId | None] = {
        (a.account, a.seat): a.channel for a in attempts
    }
    for step in redeemed(plans):
        owner = holders.setdefault((step.obligation.account, step.seat), step.obligation.channel)
        assert owner == step.obligation.channel
        assert step.seat.is_ticket or step.seat.number >= min(sequence, 5)


def closing(number: int, **changes: Any) -> Closing:
    """A channel of another account of ours that has ended, with 1 XRP to come home."""
    made = Closing(
        channel=owed(number).channel,
        account=OTHER,
        purpose=Purpose.FINALISE,
        at_stake=Drops(XRP),
        balance=Drops(0),
        deadline=None,
    )
    return replace(made, **changes)


def test_each_side_of_a_channel_between_two_of_ours_has_attempts_of_its_own() -> None:
    """What one account has on its way is no reason for the other to wait, nor a seat of its own."""
    sequences = replace(TERMS, next_sequence={PAYEE: 7, OTHER: 3})
    redeeming = attempt(1, 7, made_in=LedgerIndex(90))
    first, second = plan([owed(1), closing(1)], [redeeming], sequences)
    assert (first.obligation.account, second.obligation.account) == (PAYEE, OTHER)
    assert isinstance(second, Redeem)
    assert second.seat == Seat(3)
    finalising = attempt(1, 3, account=OTHER)
    (step,) = plan([closing(1)], [finalising], sequences)
    assert isinstance(step, Wait)


def test_finalising_waits_for_a_cheap_ledger_and_an_urgent_close_does_not() -> None:
    """Nobody takes what waits in an ended channel; a thief may take what is left in an open one."""
    crowded = replace(TERMS, next_sequence={OTHER: 3}, market=BUSY)
    (step,) = plan([closing(1)], [], crowded)
    assert isinstance(step, Redeem)
    assert step.fee == crowded.market.to_queue
    urgent = closing(1, purpose=Purpose.REQUEST_CLOSE, deadline=NOW + 40)
    (step,) = plan([urgent], [], crowded)
    assert isinstance(step, Redeem)
    assert step.fee >= BUSY.open_ledger
