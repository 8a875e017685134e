"""The planner: who is redeemed first, on which seat, at what fee."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from watchtower.judgement.claim import Claim
from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt
from watchtower.response.fees import FeeOffer
from watchtower.response.plan import Leave, Obligation, Redeem, Terms, Wait, plan
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
TERMS = Terms(
    validated=LedgerIndex(100),
    next_sequence={PAYEE: 7},
    offer=FeeOffer(base=Drops(10), open_ledger=Drops(10)),
    fee_cap=Drops(1_000_000),
    last_ledger_offset=8,
)


def owed(number: int, drops: int = 1_000_000, deadline: int | None = 5_000) -> Obligation:
    """An obligation for channel ``number``."""
    channel = ChannelId(f"{number:064X}")
    return Obligation(
        claim=Claim(channel=channel, amount=Drops(drops), public_key="02", signature="30"),
        account=PAYEE,
        target=Drops(drops),
        balance=Drops(0),
        deadline=None if deadline is None else RippleTime(deadline),
        why="it is closing",
    )


def attempt(number: int, seat: int, **changes: object) -> Attempt:
    """An attempt under way for channel ``number``."""
    made = Attempt(
        channel=ChannelId(f"{number:064X}"),
        account=PAYEE,
        seat=Seat(seat),
        target=Drops(1_000_000),
        balance_before=Drops(0),
        fee=Drops(10),
        last_ledger=LedgerIndex(107),
        made_in=LedgerIndex(99),
        transaction=TxHash(f"{seat:064X}"),
        blob="00",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # dataclasses.replace takes fields


def test_nearest_deadline_is_redeemed_first_and_larger_stake_breaks_the_tie() -> None:
    """Earliest deadline first, a channel without one last, then by what is at stake."""
    obligations = [owed(1, deadline=None), owed(2, 5), owed(3, 500, 90), owed(4, 900, 90)]
    plans = plan([replace(o, target=Drops(o.target + 100)) for o in obligations], [], TERMS)
    assert [int(step.obligation.channel, 16) for step in plans] == [4, 3, 2, 1]


def test_seats_are_filled_upwards_from_the_next_sequence_without_holes() -> None:
    """A hole would hold up every seat behind it, so the lowest free one is always taken."""
    plans = plan([owed(1), owed(2), owed(3)], [attempt(9, 8)], TERMS)
    assert [step.seat.number for step in plans if isinstance(step, Redeem)] == [7, 9, 10]


def test_thousand_channels_that_close_at_once_are_all_seated_in_order() -> None:
    """Behind five hundred that are on their way; the most urgent on the lowest seats."""
    on_their_way = [attempt(number, 6 + number) for number in range(1, 501)]
    obligations = [owed(number, deadline=number) for number in range(1, 1_001)]
    plans = plan(obligations, on_their_way, TERMS)
    new = [step for step in plans if isinstance(step, Redeem)]
    assert [step.seat.number for step in new] == list(range(507, 1_007))
    assert [step.obligation.deadline for step in new] == list(range(501, 1_001))


def test_attempt_on_its_way_is_waited_for_and_not_paid_for_twice() -> None:
    """The same target needs no second transaction."""
    (step,) = plan([owed(1)], [attempt(1, 7)], TERMS)
    assert isinstance(step, Wait)


def test_better_claim_gets_its_own_attempt_but_only_one_a_ledger() -> None:
    """A stream of claims on a closing channel does not become a stream of fees."""
    better = owed(1, 2_000_000)
    (step,) = plan([better], [attempt(1, 7)], TERMS)
    assert isinstance(step, Redeem)
    assert step.seat == Seat(8)
    (again,) = plan([better], [attempt(1, 7, made_in=LedgerIndex(100))], TERMS)
    assert isinstance(again, Wait)


def test_better_claim_is_left_when_it_adds_less_than_another_attempt_costs() -> None:
    """A payer that promises a drop more in every ledger must not cost us a fee in every ledger."""
    (step,) = plan([owed(1, 1_000_010)], [attempt(1, 7)], TERMS)
    assert isinstance(step, Wait)
    (step,) = plan([owed(1, 1_000_011)], [attempt(1, 7)], TERMS)
    assert isinstance(step, Redeem)


def test_underpriced_attempt_is_replaced_on_its_own_seat_by_more_than_a_quarter() -> None:
    """Both cannot apply, and the queue takes a replacement only above 1.25 times the fee."""
    stuck = attempt(1, 7, fee=Drops(1_000))
    terms = replace(TERMS, underpriced={stuck.transaction})
    (step,) = plan([owed(1)], [stuck], terms)
    assert isinstance(step, Redeem)
    assert step.seat == stuck.seat
    assert step.fee * 4 > stuck.fee * 5


def test_underpriced_attempt_at_the_cap_waits_instead_of_sending_what_would_be_refused() -> None:
    """At the cap no replacement is possible."""
    stuck = attempt(1, 7, fee=Drops(900))
    terms = replace(TERMS, underpriced={stuck.transaction}, fee_cap=Drops(1_000))
    assert isinstance(plan([owed(1)], [stuck], terms)[0], Wait)


def test_attempt_past_its_last_ledger_blocks_nothing_even_if_no_outcome_is_proven() -> None:
    """A stuck cursor must not keep a closing channel from a fresh attempt."""
    (step,) = plan([owed(1)], [attempt(1, 7, last_ledger=LedgerIndex(99))], TERMS)
    assert isinstance(step, Redeem)
    assert step.seat == Seat(7)


def test_attempt_in_its_last_ledger_may_have_applied_and_is_waited_for() -> None:
    """The facts of the newest validated ledger may still be on their way."""
    (step,) = plan([owed(1)], [attempt(1, 7, last_ledger=LedgerIndex(100))], TERMS)
    assert isinstance(step, Wait)


def test_dust_is_left_and_says_what_it_would_have_cost() -> None:
    """Nobody pays ten drops to be paid ten drops."""
    (step,) = plan([owed(1, 10)], [], TERMS)
    assert isinstance(step, Leave)
    assert step.fee_asked == 10
    assert isinstance(plan([owed(1, 11)], [], TERMS)[0], Redeem)


def test_account_without_a_known_sequence_is_not_guessed_for() -> None:
    """When no server told the sequence, nothing is planned for the account."""
    assert plan([owed(1)], [], replace(TERMS, next_sequence={})) == ()


@given(
    st.lists(st.integers(1, 30), unique=True, max_size=12),
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(5, 20)), max_size=12, unique_by=lambda t: t[1]
    ),
    st.integers(5, 12),
)
def test_no_two_live_attempts_of_different_channels_ever_share_a_seat(
    channels: list[int], under_way: list[tuple[int, int]], sequence: int
) -> None:
    """A shared seat would let one channel's payment push out another's."""
    attempts = [attempt(channel, seat) for channel, seat in under_way]
    terms = replace(TERMS, next_sequence={PAYEE: sequence})
    plans = plan([owed(channel, 2_000_000) for channel in channels], attempts, terms)
    seats = [step.seat for step in plans if isinstance(step, Redeem)]
    assert len(set(seats)) == len(seats)
    assert not {seat.number for seat in seats} & {seat for _, seat in under_way}
    assert all(seat.number >= sequence for seat in seats)
