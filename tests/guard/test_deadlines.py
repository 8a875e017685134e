"""Which channels end first: the same by the list that is kept in order, and by looking at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.guard.deadlines import Deadlines
from watchtower.units import ChannelId, RippleTime

CHANGES = st.lists(
    st.tuples(
        st.integers(0, 3).map(lambda number: ChannelId(f"{number:064X}")),
        st.none() | st.integers(0, 3).map(RippleTime),
    )
)


@given(CHANGES, st.integers(0, 5))
def test_nearest_deadlines_are_those_that_looking_at_all_would_find(
    changes: list[tuple[ChannelId, RippleTime | None]], count: int
) -> None:
    """However often a deadline moved, went and came back, and asked as often as one likes."""
    deadlines, true = Deadlines(), dict[ChannelId, RippleTime]()
    for channel, time in changes:
        deadlines.put(channel, time)
        true.pop(channel, None)
        if time is not None:
            true[channel] = time
        nearest = sorted((at, each) for each, at in true.items())[:count]
        for _ in range(2):
            assert deadlines.nearest(count) == [each for _, each in nearest]
    assert len(deadlines) == len(true)


def test_channel_whose_deadline_moved_back_is_told_once() -> None:
    """Nobody asked in between, so that both times of it still stand in the list."""
    deadlines, channel = Deadlines(), ChannelId("A" * 64)
    for time in (5, 6, 5):
        deadlines.put(channel, RippleTime(time))
    assert deadlines.nearest(3) == [channel]


def test_deadline_that_moves_again_and_again_costs_no_memory() -> None:
    """A payer that moves the expiration in every ledger would else fill it."""
    deadlines = Deadlines()
    for number in range(10_000):
        deadlines.put(ChannelId(f"{number % 5:064X}"), RippleTime(100_000 - number))
    assert len(deadlines._coming) < 100
