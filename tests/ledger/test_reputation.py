"""Who is asked first: faults count, and are forgiven."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.ledger.reputation import Fault, Reputation


def test_faultless_server_has_no_rank_and_nothing_to_say() -> None:
    """Most servers, most of the time."""
    reputation = Reputation()
    assert (reputation.rank(now=5.0), reputation.why(now=5.0)) == (0, "")


def test_fault_weighs_half_after_a_minute_and_is_forgiven_at_last() -> None:
    """A bad minute is not held against a server for a day."""
    reputation = Reputation()
    reputation.blame(Fault.LAGGED, now=100.0)
    assert [reputation.rank(now=at) for at in (100.0, 160.0, 220.0, 400.0)] == [4, 2, 1, 0]
    assert reputation.why(now=400.0) == ""


def test_what_weighs_most_is_told() -> None:
    """One lie says more than three slow answers."""
    reputation = Reputation()
    for _ in range(3):
        reputation.blame(Fault.TIMED_OUT, now=0.0)
    reputation.blame(Fault.CONTRADICTED, now=0.0)
    assert reputation.why(now=0.0) == Fault.CONTRADICTED.value


@pytest.mark.parametrize("lie", [Fault.DISAGREED, Fault.RAN_AHEAD, Fault.CONTRADICTED])
def test_lie_weighs_more_than_slowness(lie: Fault) -> None:
    """Whoever says two things is asked after whoever says one late."""
    slow, liar = Reputation(), Reputation()
    for at in range(3):
        slow.blame(Fault.TIMED_OUT, now=float(at))
    liar.blame(lie, now=2.0)
    assert liar.rank(now=2.0) > slow.rank(now=2.0)


@given(st.lists(st.sampled_from(Fault), max_size=200))
def test_ten_good_minutes_mend_every_reputation(faults: list[Fault]) -> None:
    """However much a server did wrong: shunned for ever it would be useless when it is needed."""
    reputation = Reputation()
    for fault in faults:
        reputation.blame(fault, now=0.0)
    assert reputation.rank(now=600.0) == 0


def test_thousand_lies_weigh_no_more_than_can_be_forgiven() -> None:
    """Good behaviour must be worth something to whoever had a bad day."""
    reputation = Reputation()
    for _ in range(1_000):
        reputation.blame(Fault.CONTRADICTED, now=0.0)
    assert [reputation.rank(now=at) for at in (0.0, 600.0)] == [32, 0]
