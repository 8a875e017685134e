"""What a server holds, against a plain set of ledgers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.sandbox.holdings import Holdings

_INDEX = st.integers(min_value=0, max_value=40)
_SPANS = st.lists(st.tuples(_INDEX, _INDEX).map(lambda span: (min(span), max(span))), max_size=6)


def _ledgers(ranges: str) -> set[int]:
    """Return the ledgers of a range as servers write them."""
    found: set[int] = set()
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


@given(_SPANS, st.integers(min_value=2, max_value=40))
def test_what_is_left_is_all_but_the_holes_and_always_the_newest(
    spans: list[tuple[int, int]], newest: int
) -> None:
    """However holes touch, overlap, reach below the first ledger or over the newest."""
    holdings = Holdings()
    left = set(range(2, newest + 1))
    for first, last in spans:
        holdings.forget(first, last)
        left -= set(range(first, last + 1))
    left.add(newest)

    assert _ledgers(holdings.complete(newest)) == left
    assert {index for index in range(50) if holdings.has(index, newest)} == left
    first, last = holdings.newest_run(newest)
    assert last == newest
    assert set(range(first, last + 1)) <= left
    assert first - 1 not in left


@given(_SPANS, _INDEX, _INDEX)
def test_a_span_is_held_only_without_a_hole_in_it(
    spans: list[tuple[int, int]], first: int, last: int
) -> None:
    """One missing ledger is enough."""
    holdings = Holdings()
    for span in spans:
        holdings.forget(*span)
    each = all(holdings.has(index, 40) for index in range(first, last + 1))

    assert holdings.has_all(first, last, 40) is each or last < first


def test_ranges_are_written_as_servers_write_them() -> None:
    """A lone ledger has no dash."""
    holdings = Holdings()
    assert holdings.complete(2) == "2"

    holdings.forget(11, 14)
    holdings.forget(16, 20)

    assert holdings.complete(40) == "2-10,15,21-40"
