"""How fast ledgers close, as far as can be relied on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.response.pace import Closings, Pace
from watchtower.units import LedgerIndex, RippleTime


def closings(ledgers: int, seconds: int, *, begun: int = 1_000) -> Closings:
    """So many ledgers, so many seconds apart."""
    seen = Closings()
    for number in range(ledgers):
        seen.closed(LedgerIndex(number), RippleTime(begun + seconds * number))
    return seen


def test_few_ledgers_say_nothing_and_the_safe_guess_stands() -> None:
    """Five seconds a ledger, as long as not enough was seen."""
    assert Closings().pace == closings(32, 4).pace == Pace()
    assert Pace().ledgers_in(100) == 20
    assert Pace().ledgers_in(-1) == 0


def test_ledgers_that_were_seen_are_counted_as_they_came() -> None:
    """Less what rounding may have hidden: of four seconds each, not quite 250 in a thousand."""
    assert closings(200, 4).pace.ledgers_in(1_000) == 246
    assert closings(1_000, 4).pace.ledgers_in(1_000) == 247


def test_ledgers_that_come_slowly_are_fewer_than_the_guess() -> None:
    """A network in trouble leaves less time than five seconds a ledger would say."""
    assert closings(100, 12).pace.ledgers_in(1_000) == 82


@given(st.integers(33, 400), st.integers(1, 30), st.integers(0, 10_000))
def test_more_ledgers_than_came_are_never_promised(ledgers: int, seconds: int, time: int) -> None:
    """Neither beyond what was seen, nor beyond what the network can do."""
    promised = closings(ledgers, seconds).pace.ledgers_in(time)
    assert promised <= time / max(seconds, 2)
