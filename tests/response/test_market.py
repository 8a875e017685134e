"""The price of the open ledger, compared with the server that the sandbox is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.response.market import Market
from watchtower.sandbox.fee_levels import BASE_LEVEL, FeeMetrics, QueueSettings
from watchtower.units import Drops

BASE = Drops(10)


def market(size: int, expected: int, multiplier: int = 128_000) -> Market:
    """A market as a server tells it that has ``size`` transactions in its open ledger."""
    metrics = FeeMetrics(QueueSettings(minimum_txn_in_ledger=expected, target_txn_in_ledger=1))
    level = metrics.required_level(size)
    return Market(
        base=BASE,
        open_ledger=Drops(-(-level * BASE // BASE_LEVEL)),
        size=size,
        expected=expected,
        median_level=multiplier,
    )


@given(st.integers(0, 400), st.integers(1, 300), st.integers(0, 500))
def test_price_after_some_more_is_enough_for_the_server_and_for_one_stranger(
    size: int, expected: int, before: int
) -> None:
    """Priced from one answer, every transaction of a mass exit reaches the level it needs."""
    price = market(size, expected).price(before)
    metrics = FeeMetrics(QueueSettings(minimum_txn_in_ledger=expected, target_txn_in_ledger=1))
    needed = metrics.required_level(size + before)
    assert price * BASE_LEVEL // BASE >= needed
    if needed > BASE_LEVEL:
        with_one = metrics.required_level(size + before + 1)
        assert price == -(-with_one * BASE // BASE_LEVEL)
    else:
        assert price == BASE


@given(st.integers(0, 60), st.integers(1, 50))
def test_as_many_enter_at_the_base_fee_as_the_server_takes_for_it(size: int, expected: int) -> None:
    """One transaction more would already pay five hundred times as much."""
    told = market(size, expected)
    metrics = FeeMetrics(QueueSettings(minimum_txn_in_ledger=expected, target_txn_in_ledger=1))
    taken = 0
    while metrics.required_level(size + taken) == BASE_LEVEL:
        taken += 1
    assert sum(told.price(before) == BASE for before in range(taken + 2)) == taken


def test_server_that_tells_nothing_but_a_price_is_believed_about_the_price() -> None:
    """A tenth on top of it, as nobody knows how it goes on; and what servers begin with."""
    told = Market(base=BASE, open_ledger=Drops(5_000))
    assert told.price() == 5_500
    quiet = Market(base=BASE, open_ledger=BASE)
    assert (quiet.price(32), quiet.price(33)) == (BASE, 5_645)


def test_emptied_ledger_asks_the_base_fee_again() -> None:
    """Prices are those of one ledger; the next one begins empty."""
    assert market(100, 10).emptied().price() == BASE
