"""What an attempt may cost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.response.fees import FeePolicy, ledgers_left, replacement_fee
from watchtower.units import Drops, RippleTime

POLICY = FeePolicy(
    share_ppm=500_000, haste_ppm=1_000, cap=Drops(1_000_000), daily_cap=Drops(20_000_000)
)

budgets = st.integers(1, 10_000_000).map(Drops)


def test_budget_is_a_share_of_what_is_at_stake_under_the_cap() -> None:
    """Whoever wins little pays little, and nobody pays more than the cap."""
    assert POLICY.budget(Drops(1_000)) == 500
    assert POLICY.budget(Drops(10**12)) == POLICY.cap


@given(budgets)
def test_ramp_reaches_the_whole_budget_one_ledger_before_the_deadline(budget: Drops) -> None:
    """A maximum that is reached a ledger late protects nobody (lnd #8741)."""
    assert POLICY.ramp(budget, 1) == budget
    assert POLICY.ramp(budget, 0) == budget


@given(budgets, st.integers(1, 300))
def test_ramp_never_falls_as_the_deadline_comes_nearer(budget: Drops, left: int) -> None:
    """Every ledger that passes lets an attempt cost as much as before, or more."""
    assert POLICY.ramp(budget, left) <= POLICY.ramp(budget, left - 1) <= budget


@given(budgets, st.integers(2, 60))
def test_each_step_of_the_ramp_is_within_a_drop_of_what_replaces_the_step_before(
    budget: Drops, left: int
) -> None:
    """The ladder is climbed rung by rung, without refusals and without leaps."""
    before, after = POLICY.ramp(budget, left), POLICY.ramp(budget, left - 1)
    assert abs(replacement_fee(before) - after) <= 2


def test_without_a_deadline_nothing_drives_the_fee_up() -> None:
    """What can wait for ever pays what the ledger asks, and no more."""
    assert POLICY.ramp(Drops(1_000_000), None) == 0


@given(st.integers(0, 10_000_000_000).map(Drops))
def test_haste_is_worth_less_than_the_budget(at_stake: Drops) -> None:
    """Going at once is worth a thousandth of the stake; being too late, half of it."""
    assert POLICY.haste(at_stake) <= POLICY.budget(at_stake)


@given(budgets)
def test_replacement_pays_just_above_one_and_a_quarter_times_as_much(fee: Drops) -> None:
    """At exactly 1.25 times the server says telCAN_NOT_QUEUE_FEE."""
    assert replacement_fee(fee) * 4 > fee * 5
    assert (replacement_fee(fee) - 1) * 4 <= fee * 5


def test_ledgers_left_are_counted_too_few_rather_than_too_many() -> None:
    """They take three to four seconds, and are counted as five."""
    now = RippleTime(1_000)
    assert ledgers_left(RippleTime(1_100), now) == 20
    assert ledgers_left(RippleTime(999), now) == 0
    assert ledgers_left(None, now) is None
