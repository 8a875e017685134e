"""When ledgers close, and what that is rounded to."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.sandbox.clock import NEW_YEAR, Clock, Pace
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.network import Network
from watchtower.sandbox.rules import Rules
from watchtower.units import ripple_time

_RESOLUTIONS = [10, 20, 30, 60, 90, 120]


@given(st.sampled_from(_RESOLUTIONS), st.integers(min_value=1, max_value=10_000))
def test_a_rounded_time_is_near_the_true_one(resolution: int, ledgers: int) -> None:
    """Half the resolution at most, in either direction."""
    pace = Pace.of(Clock.FAST, resolution=resolution)

    rounded = pace.next_close(0, ledgers)

    assert rounded % resolution == 0
    assert abs(rounded - (NEW_YEAR + 4 * ledgers)) <= resolution // 2


def test_halves_are_rounded_up() -> None:
    """So a ledger may stand ahead of time."""
    pace = Pace(clock=Clock.FAST, start=1000, step=5, interval=None, resolution=10)

    assert pace.next_close(1000, 1) == 1010


def test_many_ledgers_in_one_step_of_the_resolution_are_a_second_apart() -> None:
    """And made time does not fall behind for the rounding."""
    pace = Pace.of(Clock.FAST, resolution=30)
    network = Network(Rules(), pace, QueueSettings())

    times = [network.accept().close_time - NEW_YEAR for _ in range(12)]

    assert times == [1, 2, 3, 30, 31, 32, 33, 34, 35, 36, 37, 60]
    assert network.chain.validated.close_time_resolution == 30


@pytest.mark.parametrize("resolution", _RESOLUTIONS)
def test_the_hosts_time_is_rounded_too(resolution: int) -> None:
    """The wall clock goes by it."""
    pace = Pace.of(Clock.WALL, close_every=0.5, resolution=resolution)
    before = ripple_time(time.time())

    closed = pace.next_close(0, 1)

    assert pace.interval == 0.5
    assert closed % resolution == 0
    assert before - resolution // 2 <= closed <= ripple_time(time.time()) + resolution // 2


def test_a_frozen_clock_stays_exact() -> None:
    """A second a ledger, whatever is asked."""
    pace = Pace.of(Clock.FROZEN, resolution=30)

    assert pace.next_close(NEW_YEAR, 1) == NEW_YEAR + 1
