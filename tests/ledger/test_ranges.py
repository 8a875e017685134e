"""Sets of ledger indexes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.ledger.ranges import LedgerRanges
from watchtower.units import LedgerIndex

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2-50", "2-50"),
        ("2-50,60", "2-50,60"),
        (" 5 , 2-4", "2-5"),
        ("empty", "empty"),
        ("", "empty"),
        ("9-3", "empty"),
        ("2-50,what", "2-50"),
        ("-5", "empty"),
        (None, "empty"),
        (17, "empty"),
    ],
)
def test_what_a_server_says_it_has(text: object, expected: str) -> None:
    """Only what can be read counts as there."""
    assert str(LedgerRanges.parse(text)) == expected


@given(PAIRS)
def test_ranges_are_a_set(pairs: list[tuple[int, int]]) -> None:
    """Whatever is added, in whatever order, the set answers like a set."""
    ranges = LedgerRanges()
    members: set[int] = set()
    for first, last in pairs:
        ranges.add(LedgerIndex(first), LedgerIndex(last))
        members |= set(range(first, last + 1))

    for index in range(63):
        at = LedgerIndex(index)
        end = ranges.end_of_run(at)
        assert (end is not None) == (index in members)
        assert ranges.next_member(at) == min((m for m in members if m >= index), default=None)
        if end is not None:
            assert end + 1 not in members
            assert set(range(index, end + 1)) <= members
            assert ranges.covers(at, end)
            assert not ranges.covers(at, LedgerIndex(end + 1))


@given(PAIRS, st.integers(0, 62))
def test_forgetting_leaves_the_rest(pairs: list[tuple[int, int]], below: int) -> None:
    """What is forgotten is gone, and nothing else."""
    ranges = LedgerRanges()
    members: set[int] = set()
    for first, last in pairs:
        ranges.add(LedgerIndex(first), LedgerIndex(last))
        members |= set(range(first, last + 1))
    ranges.forget_below(LedgerIndex(below))

    there = {i for i in range(63) if ranges.end_of_run(LedgerIndex(i)) is not None}
    assert there == {m for m in members if m >= below}
