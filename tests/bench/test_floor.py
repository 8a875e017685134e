"""The cheapest way out, against every way out there is, in worlds that are small enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from bench.floor import Room, cheapest
from watchtower.response.market import Market
from watchtower.sandbox.fee_levels import FeeMetrics, QueueSettings
from watchtower.units import Drops

BASE = 10


def rooms() -> st.SearchStrategy[list[Room]]:
    """A few ledgers, of which each has room for a few."""
    return st.lists(
        st.builds(
            Room,
            cheap=st.integers(0, 2),
            others=st.integers(0, 4),
            expected=st.integers(1, 4),
            multiplier=st.sampled_from([256, 512, 128_000]),
        ),
        min_size=1,
        max_size=4,
    )


def every_schedule(rooms: Sequence[Room], lasts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """How many claims each schedule redeems, and for how many drops."""
    choices = [(None, *range(min(last, len(rooms) - 1) + 1)) for last in lasts]
    for ledgers in product(*choices):
        counts = [ledgers.count(number) for number in range(len(rooms))]
        drops = sum(
            room.price(place, BASE)
            for room, count in zip(rooms, counts, strict=True)
            for place in range(count)
        )
        yield sum(counts), drops


@given(rooms(), st.lists(st.integers(-1, 4), max_size=5))
def test_no_schedule_redeems_more_or_the_same_for_less(
    ledgers: list[Room], lasts: list[int]
) -> None:
    """By trying all: each claim in each ledger that it may be in, or in none."""
    best = max(every_schedule(ledgers, lasts), key=lambda found: (found[0], -found[1]))
    found = cheapest(ledgers, lasts, base=BASE)

    assert (found.redeemed, found.drops) == best
    assert sum(found.taken) == found.redeemed


def test_with_time_enough_the_floor_is_the_base_fee() -> None:
    """Ten drops each: who can wait pays nobody for haste."""
    ledgers = [Room(cheap=31, others=0, expected=30, multiplier=128_000)] * 10

    found = cheapest(ledgers, [9] * 310, base=BASE)

    assert (found.redeemed, found.drops) == (310, 3_100)


def test_what_must_be_paid_for_is_spread() -> None:
    """Two more than two ledgers take cheaply: one more in each, as the second more is dearer."""
    ledgers = [Room(cheap=31, others=0, expected=30, multiplier=128_000)] * 3

    found = cheapest(ledgers, [1] * 64, base=BASE)

    assert found.taken == (32, 32, 0)
    assert found.drops == 620 + 2 * ledgers[0].price(31, BASE)


@given(
    others=st.integers(0, 60),
    place=st.integers(0, 60),
    expected=st.integers(1, 60),
    multiplier=st.integers(128_000, 1_000_000),
)
def test_a_price_is_what_the_server_asks(
    others: int, place: int, expected: int, multiplier: int
) -> None:
    """The level of the price is enough, and that of a drop less is not; the tower agrees."""
    room = Room(cheap=0, others=others, expected=expected, multiplier=multiplier)
    server = FeeMetrics(QueueSettings())
    server.expected, server.multiplier = expected, multiplier
    level = server.required_level(others + place)
    price = room.price(place, BASE)

    assert price * 256 // BASE >= level
    assert price == BASE or (price - 1) * 256 // BASE < level
    market = Market(
        base=Drops(BASE),
        open_ledger=Drops(BASE),
        size=others,
        expected=expected,
        median_level=multiplier,
    )
    assert market.price(place) >= price
