"""Who goes first, and how many must go now."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.response.attempts import NOW, owed
from watchtower.response.fees import ledgers_left
from watchtower.response.market import Market
from watchtower.response.pace import Pace
from watchtower.response.schedule import due_now, in_order, way_out
from watchtower.units import Drops, RippleTime

QUIET = Market(base=Drops(10), open_ledger=Drops(10), expected=50)


def test_nearest_deadline_goes_first_and_larger_stake_breaks_the_tie() -> None:
    """Earliest deadline first, what has no deadline last."""
    order = in_order(
        [owed(1, left=None), owed(2, 5, left=9), owed(3, 500, left=4), owed(4, 900, left=4)]
    )
    assert [int(obligation.channel, 16) for obligation in order] == [4, 3, 2, 1]


def test_single_channel_with_time_left_need_not_go_now() -> None:
    """It goes when it is cheap; only at the end must it go."""
    assert due_now([owed(1, left=200)], NOW) == 0
    assert due_now([owed(1, left=1)], NOW) == 1
    assert due_now([owed(1, left=None)], NOW) == 0


def test_what_has_no_deadline_makes_nothing_due() -> None:
    """Ten thousand channels that nobody closes can wait."""
    assert due_now([owed(1, left=1), *(owed(n, left=None) for n in range(2, 99))], NOW) == 1


def test_ledgers_that_come_faster_leave_more_of_them() -> None:
    """A thousand in two hundred ledgers of five seconds, and in five times as many of one."""
    waiting = [owed(n, left=200) for n in range(1_000)]
    assert due_now(waiting, NOW) == 5
    assert due_now(waiting, NOW, Pace(ledgers=50, seconds=50)) == 1
    assert due_now(waiting, NOW, Pace(ledgers=50, seconds=500)) == 10


@given(st.lists(st.integers(0, 90), max_size=120))
def test_who_serves_what_is_due_meets_every_deadline_at_an_even_pace(lefts: list[int]) -> None:
    """By serving just what is due, in order, nobody is late, and no ledger is crowded at the end.

    The most that are ever due in one ledger is what the tightest deadline demands from the start:
    postponing never makes a crowd.
    """
    waiting = in_order([owed(n, left=left + 1) for n, left in enumerate(lefts)])
    now = NOW
    at_first = due_now(waiting, now)
    while waiting:
        served = due_now(waiting, now)
        assert served <= at_first + 1
        assert not [o for o in waiting if not ledgers_left(o.deadline, now)]
        waiting = waiting[served:]
        now = RippleTime(now + 5)


def test_exit_that_fits_the_settle_delay_is_possible_and_a_larger_one_is_not() -> None:
    """The tower says so before it happens."""
    hour = {"shortest": 3_600, "margin": 120, "budget": Drops(10), "market": QUIET}
    fits = way_out([Drops(1)] * 51 * 686, **hour)  # type: ignore[arg-type]
    assert fits is not None
    assert (fits.rate, fits.left, fits.ledgers) == (51, 686, 686)
    assert fits.is_possible
    beyond = way_out([Drops(1)] * (51 * 686 + 1), **hour)  # type: ignore[arg-type]
    assert beyond is not None
    assert not beyond.is_possible


@given(st.integers(10, 5_000_000).map(Drops))
def test_rate_of_an_exit_is_the_last_that_the_budget_pays_for(budget: Drops) -> None:
    """One more in a ledger would cost above the budget."""
    out = way_out([Drops(1)], shortest=3_600, margin=120, budget=budget, market=QUIET)
    assert out is not None
    assert QUIET.price(out.rate - 1) <= budget < QUIET.price(out.rate)


def test_nothing_at_stake_needs_no_way_out() -> None:
    """An empty house has no fire drill."""
    assert way_out([], shortest=3_600, margin=120, budget=Drops(10), market=QUIET) is None


def test_budget_below_the_base_fee_redeems_nobody() -> None:
    """A rate of nothing is said as it is, and divides nothing."""
    out = way_out([Drops(1)] * 3, shortest=3_600, margin=120, budget=Drops(9), market=QUIET)
    assert out is not None
    assert out.rate == 0
    assert not out.is_possible
